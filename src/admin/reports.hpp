// SPDX-License-Identifier: Apache-2.0
//
// What Penstock tells about itself: one snapshot, from which metrics, JSON and the console's tables are rendered.
//
// Sessions and pools belong to their workers' threads, so a reporter posts to every worker a function that writes down
// what is there; when the last has finished, the control thread puts the parts together. Nobody waits: who asked is
// called back.
#pragma once

#include "admin/reports_averages.hpp"
#include "control/loop.hpp"
#include "pool/limits.hpp"
#include "pool/pool.hpp"
#include "pool/stops.hpp"
#include "proxy/pin_table.hpp"
#include "proxy/process.hpp"
#include "proxy/session_base.hpp"
#include "router/cluster_view.hpp"
#include "settings/settings.hpp"
#include "telemetry/counters.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::admin {

using wall_time = std::chrono::system_clock::time_point;

/// One server connection.
struct server_report {
    std::uint64_t id = 0;
    pool::pool_key pool{};
    std::string node{};
    std::string address{};
    std::string local_address{};
    pool::slot_use use = pool::slot_use::idle;
    wall_time opened_at{};
    wall_time requested_at{};   ///< the last request, as far as it can be told: a session's, else when it was lent
    std::uint64_t lent_to = 0;  ///< a session's id; 0 for none
    std::uint32_t backend_pid = 0;
    std::string tls{};  ///< version; empty for plain
    std::string application_name{};
    std::uint64_t prepared_statements = 0;
};

struct client_report : proxy::session_report {
    pool::pool_key in_pool{};  ///< empty before login and on the console
};

/// Clients by what they do.
struct client_counts {
    std::uint32_t login = 0;
    std::uint32_t idle = 0;
    std::uint32_t waiting = 0;
    std::uint32_t active = 0;
    duration longest_wait{};
    std::array<std::uint32_t, pin_reason_count> pinned{};  ///< a session with two reasons counts under both

    void add(const proxy::session_report& one);
    void add(const client_counts& others);
    [[nodiscard]] std::uint32_t all() const { return login + idle + waiting + active; }
};

/// One pool, over all workers, and over all that its connections may have been opened with (pool_key::kind).
struct pool_report {
    pool::pool_key key{};
    std::string database{};  ///< as clients call it
    settings::pool_mode mode = settings::pool_mode::transaction;
    pool::pool_limits limits{};
    std::string node{};
    std::uint32_t held = 0;  ///< connections of any kind, permits taken
    pool::shard_stats servers{};
    client_counts clients{};
    telemetry::pool_totals totals{};
    period last_period{};  ///< the last full one
    bool paused = false;
};

/// What the process takes from the machine.
struct process_usage {
    std::uint64_t resident_octets = 0;
    double cpu_seconds = 0;
    std::uint32_t open_descriptors = 0;
    std::uint64_t descriptor_limit = 0;
};
[[nodiscard]] process_usage usage_of_this_process();

struct snapshot {
    std::string version{};
    wall_time taken_at{};
    duration uptime{};
    bool draining = false;
    std::shared_ptr<const settings::tree> settings{};
    std::vector<client_report> clients{};                ///< only where asked for in full
    std::vector<server_report> servers{};                ///< likewise
    std::vector<proxy::pin_statement> pin_statements{};  ///< likewise; most frequent first
    std::vector<pool_report> pools{};
    std::vector<router::cluster_view_ptr> clusters{};
    client_counts all_clients{};
    std::uint32_t console_clients = 0;  ///< of these, on the console
    std::uint32_t connections_held = 0;
    pool::shared_limits shared_limits{};
    pool::stops stops{};
    telemetry::totals totals{};
    process_usage process{};
};
using snapshot_ptr = std::shared_ptr<const snapshot>;

/// Whether every client and server connection is described, or only counted.
enum class detail : std::uint8_t { counts, everything };

/// This build's, for example "0.1.0".
[[nodiscard]] std::string_view version();

class reporter {
public:
    reporter(proxy::process& of, control::loop& on) : process_{of}, loop_{on}, averages_{started_at_} {}

    /// Calls `then` once, on the control thread. From any thread.
    void gather(detail how, std::function<void(snapshot_ptr)> then);

    /// Ends a period of averages. From any thread; to be called at regular times.
    void end_period();
    /// How long a period of averages is.
    static constexpr seconds period_length{60};

    [[nodiscard]] proxy::process& process() const { return process_; }

private:
    struct gathering;
    void merge(gathering& parts);

    proxy::process& process_;
    control::loop& loop_;
    time_point started_at_ = clock::now();
    averages averages_;
};

/// What clients call a pool's database: the configured name that leads to it, or its own.
[[nodiscard]] std::string client_name_of(const settings::tree& all, const pool::pool_key& key);

/// The clusters without a primary, each with its reason; empty where the process is ready for clients.
[[nodiscard]] std::string why_not_ready(const proxy::process& of);
/// What is paused and drained, a line each; clients are welcome all the same, and wait.
[[nodiscard]] std::string what_is_stopped(const proxy::process& of);

}  // namespace penstock::admin
