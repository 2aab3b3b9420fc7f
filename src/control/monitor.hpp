// SPDX-License-Identifier: Apache-2.0
//
// Watches the nodes of one cluster and publishes what it finds as router::cluster_view.
//
// One coroutine per node resolves its name, probes, reports to topology (which decides), and sleeps. The first view is
// published by start() itself, so that a single node with a numeric address is usable at once. Whoever lists the
// cluster's members is asked too: an Aurora instance behind its probe, Patroni by a coroutine of its own.
#pragma once

#include "control/loop.hpp"
#include "control/probes.hpp"
#include "control/resolver.hpp"
#include "control/sql_client.hpp"
#include "control/topology.hpp"
#include "core/clock.hpp"
#include "router/doubt.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock::control {

/// Who lists the members of the cluster, if anybody is to be asked.
struct discovery_options {
    enum class source : std::uint8_t { none, aurora, patroni };
    source from = source::none;
    duration interval = seconds{10};
    std::string aurora_endpoint{};  ///< how an instance is reached: aurora.hpp
    std::vector<place> patroni{};   ///< asked one after the other until one answers
    [[nodiscard]] bool is_on() const { return from != source::none; }
};

struct monitor_options {
    std::string cluster{"main"};
    std::vector<node_address> nodes{};
    /// The account to probe with (engine, user, database, password, TLS); host, addresses and port are filled in per
    /// node. None: names are resolved but nothing is probed.
    std::optional<sql_target> account{};
    duration probe_interval = seconds{5};
    duration probe_timeout = seconds{3};          ///< for connecting and asking, all questions together
    duration shortest_pause = milliseconds{100};  ///< between two probes of a node, however suspected it is
    /// And where the primary does not answer, or none is known: of every node, since any may be promoted. Also of a
    /// node that is down.
    duration doubtful_pause = milliseconds{200};
    std::uint32_t failures_until_down = 3;
    duration resolve_interval = seconds{30};  ///< how often host names are asked for again
    discovery_options discovery{};
};

struct monitor_surroundings {
    sql_client_factory make_client{};
    blocking_resolve resolve = net::resolve;
    /// Gets every new view, on the control thread, except the first, which start() gives from inside.
    std::function<void(router::cluster_view_ptr)> publish{};
};

/// The account, on that node.
[[nodiscard]] sql_target aimed_at(const router::node& node, sql_target account);

class monitor {
public:
    monitor(loop& on, monitor_options options, monitor_surroundings surroundings);
    ~monitor();  ///< ends the coroutines; nothing is published afterwards. On the control thread, or once it has ended
    monitor(const monitor&) = delete;
    monitor& operator=(const monitor&) = delete;

    /// Publishes the first view and begins to probe. Once; before run() or on the control thread.
    void start();

    /// The newest view; never null. From any thread.
    [[nodiscard]] router::cluster_view_ptr current() const;

    /// Somebody lost a connection to this node: probe it now rather than at the next interval. From any thread.
    void suspect(router::node_id node);

    /// Somebody cannot go on before it is known what this node is: it is probed now, and `tell` called, on the control
    /// thread, once what a probe has found that began after this is published; or at once where nothing is probed. From
    /// any thread.
    void examine(router::node_id node, std::function<void(router::node_finding)> tell);

    /// Where a query of our own goes now: the primary, else a node that is up (one that was found: once it was probed),
    /// as `account` (whose host and port are replaced); nothing where no address is known. From any thread.
    [[nodiscard]] static std::optional<sql_target> target_in(const router::cluster_view& view, sql_target account);

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace penstock::control
