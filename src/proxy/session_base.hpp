// SPDX-License-Identifier: Apache-2.0
//
// What a worker does with a session of any protocol: sweep it, stop it, cancel its query, describe it. Not on the hot
// path.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "protocols/wire/kill.hpp"
#include "protocols/wire/login_types.hpp"
#include "protocols/wire/pin_reason.hpp"
#include "proxy/session_pins.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::proxy {

struct pool_record;

/// Who wants to have which session ended. Users are told apart within their cluster: another cluster's may share a
/// name.
struct kill_order {
    kill_request what{};
    std::string_view protocol{};
    std::string cluster{};
    std::string user{};
};

/// One session at a glance, for reports.
struct session_report {
    std::uint64_t id = 0;
    std::string user{};
    std::string database{};
    std::string application_name{};
    std::string client_address{};
    std::string local_address{};
    std::string tls{};  ///< version; empty for plain
    enum class state : std::uint8_t { login, idle, waiting, active } what = state::login;
    std::chrono::system_clock::time_point connected_at{};
    std::chrono::system_clock::time_point requested_at{};
    duration waiting_for{};
    std::uint64_t server_id = 0;   ///< the leased connection, 0 for none
    std::uint64_t process_id = 0;  ///< as the client knows it from its cancel key
    pin_set pins{};
    std::vector<pin_report> pinned{};  ///< each of them; only in full
    std::uint64_t prepared_statements = 0;
    const pool_record* pool = nullptr;  ///< the process's; null before login and on the console
    bool on_console = false;
};

class session_base {
public:
    virtual ~session_base() = default;

    /// Looks at the deadlines; a few times a second.
    virtual void sweep(time_point now) = 0;
    /// Ends the session with this error. `when_idle`: only once it holds no server connection.
    virtual void stop(client_error why, bool when_idle) = 0;
    /// A cancel request came for it; `key` is what the requester knows. `done` is called on this thread once the
    /// request has arrived at the server, or at once where there is nothing to cancel.
    virtual void cancel(const std::string& key, std::function<void()> done) = 0;
    /// A client of ours wants to have it ended, or what it runs. `done` is called on this thread once that is sure.
    virtual void kill(const kill_order& order, std::function<void(kill_result)> done) = 0;
    /// That node of that cluster must not be believed any more: a connection to it is broken off, whatever it has under
    /// way.
    virtual void fence(const std::string& cluster, const std::string& node) = 0;
    /// There is a newer view of some cluster.
    virtual void note_view() = 0;
    /// `in_full`: with names, addresses and times, which cost system calls; else what can be counted.
    [[nodiscard]] virtual session_report describe(time_point now, bool in_full) const = 0;
};

}  // namespace penstock::proxy
