// SPDX-License-Identifier: Apache-2.0
//
// What a worker counts: figures of its own and figures of each pool it serves. Times are in microseconds.
//
// Each worker owns one worker_counters and changes it without locks or atomic instructions; a scrape adds all workers'
// up to a `totals`. A pool's figures stay at their address as long as the worker_counters lives, so a session keeps a
// pointer. The same struct template serves as counters (pool_counters) and as their sum (pool_totals); figures.hpp
// lists the fields with their metric names.
#pragma once

#include "core/error.hpp"
#include "telemetry/counter.hpp"
#include "telemetry/histogram.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace penstock::telemetry {

/// Why a server connection was closed.
enum class discard_reason : std::uint8_t {
    idle,                ///< idle too long, or more idle ones than allowed
    lifetime,            ///< as old as it may get
    server_closed,       ///< the server closed it, or the link broke
    protocol_violation,  ///< the server broke the protocol
    client_gone,         ///< its client left in the middle of an exchange or transaction
    client_too_slow,     ///< its client did not take its results
    reset_failed,        ///< clean-up on return failed or took too long
    unclean,             ///< it holds state that cannot be cleaned up
    settings_changed,    ///< a reload or RECONNECT made it obsolete
    node_down,           ///< its node is down or has lost its role
    limit,               ///< closed to make room for another pool
    shutdown,            ///< the process ends
    paused,              ///< PAUSE or DRAIN NODE
};
inline constexpr std::size_t discard_reason_count = 13;
[[nodiscard]] std::string_view name_of(discard_reason reason);

/// Why an exchange was sent a second time, unseen by the client.
enum class retry_reason : std::uint8_t {
    stale_plan,       ///< "cached plan must not change result type"
    replica_refused,  ///< the replica took it for a write
    replica_lost,     ///< the replica was lost, or ended
    primary_lost,     ///< the primary was
    primary_demoted,  ///< what had been the primary took no writes any more
};
inline constexpr std::size_t retry_reason_count = static_cast<std::size_t>(retry_reason::primary_demoted) + 1;
[[nodiscard]] std::string_view name_of(retry_reason reason);

inline constexpr std::size_t error_kind_count = static_cast<std::size_t>(error_kind::internal) + 1;
/// Room for the reasons of pins, which the router names; the renderer is told their names.
inline constexpr std::size_t most_pin_reasons = 32;
/// And of routes.
inline constexpr std::size_t most_route_reasons = 40;

/// Figures of one pool. `Number` is counter or std::uint64_t, `Times` is histogram or distribution.
template <class Number, class Times>
struct pool_figures {
    Number client_logins{};       ///< clients that logged in for this pool
    Number client_disconnects{};  ///< of those, how many have left
    Number queries{};             ///< simple queries and Syncs, as PgBouncer counts them
    Number transactions{};
    Number client_bytes_received{};
    Number client_bytes_sent{};
    Number server_bytes_received{};
    Number server_bytes_sent{};
    Number assignments{};  ///< leases granted
    Number waits{};        ///< of those, not at once
    Number borrow_timeouts{};
    Number server_connects{};          ///< opened and logged in
    Number server_connect_failures{};  ///< not connected at all
    Number server_login_failures{};    ///< connected, but refused
    Number client_parses{};
    Number server_parses{};
    Number binds{};
    Number statements_reprepared{};  ///< prepared by us, since the session's server does not have them (any more)
    Number statements_evicted{};     ///< closed on a server to make room
    Number statements_healed{};      ///< "cached plan must not change result type" mended unseen
    Number catch_ups{};              ///< session parameters sent to a server before a lease's first request
    Number resets{};                 ///< clean-ups on return
    Number cancels{};                ///< cancel requests passed on
    Number wrong_hints{};            ///< comments about routes that were not understood
    Number pinned_now{};             ///< gauge: sessions that keep their lease past the transaction
    std::array<Number, most_pin_reasons> pins{};          ///< by the router's reason
    std::array<Number, most_pin_reasons> pinned_time{};   ///< likewise, of pins that go on as well
    std::array<Number, most_route_reasons> routes{};      ///< requests that a server was chosen for, by route_reason
    std::array<Number, discard_reason_count> discards{};  ///< by discard_reason
    std::array<Number, retry_reason_count> retries{};     ///< by retry_reason
    Times wait_time{};                                    ///< of every lease, 0 where it was granted at once
    Times query_time{};                                   ///< request complete until response complete
    Times transaction_time{};
};

/// Figures of a worker that belong to no pool.
template <class Number>
struct process_figures {
    Number clients_accepted{};
    Number clients_closed{};
    Number clients_with_tls{};
    Number cancel_requests{};                               ///< as they come, whether or not the key fits
    Number cancel_requests_unmatched{};                     ///< no session has that key
    Number logins{};                                        ///< of clients, successful
    Number out_of_descriptors{};                            ///< accepting paused for want of file descriptors
    std::array<Number, error_kind_count> login_failures{};  ///< by error_kind
    std::array<Number, error_kind_count> client_errors{};   ///< told to clients after login, by error_kind
};

/// On its own cache lines, since workers write theirs all the time.
struct alignas(64) pool_counters : pool_figures<counter, histogram> {
    void count_discard(discard_reason why) { discards[static_cast<std::size_t>(why)].add(); }
    void count_retries(retry_reason why, std::uint64_t times) { retries[static_cast<std::size_t>(why)].add(times); }
    /// Reasons beyond the room are counted as the last one.
    void count_pin(std::size_t reason) { pins[std::min(reason, most_pin_reasons - 1)].add(); }
    void count_pinned_time(std::size_t reason, std::uint64_t micros)
    {
        pinned_time[std::min(reason, most_pin_reasons - 1)].add(micros);
    }
    void count_route(std::size_t reason) { routes[std::min(reason, most_route_reasons - 1)].add(); }
};
struct alignas(64) process_counters : process_figures<counter> {
    void count_login_failure(error_kind why) { login_failures[static_cast<std::size_t>(why)].add(); }
    void count_client_error(error_kind why) { client_errors[static_cast<std::size_t>(why)].add(); }
};

using pool_totals = pool_figures<std::uint64_t, distribution>;
using process_totals = process_figures<std::uint64_t>;

/// Which pool; the same three names as pool::pool_key.
struct pool_name {
    std::string cluster;
    std::string user;
    std::string database;
    friend auto operator<=>(const pool_name&, const pool_name&) = default;
};

/// The sum over workers.
struct totals {
    process_totals process{};
    std::map<pool_name, pool_totals> pools{};
};

/// All that one worker counts.
class worker_counters {
public:
    process_counters process{};

    /// The pool's figures, made at the first call. Takes a lock that a scrape may hold for some microseconds: keep the
    /// result.
    [[nodiscard]] pool_counters& of_pool(const pool_name& which);

    /// Adds what is counted so far. From any thread.
    void add_to(totals& sum) const;

private:
    mutable std::mutex guard_;  ///< of the map's shape, not of the figures
    std::map<pool_name, std::unique_ptr<pool_counters>> pools_;
};

}  // namespace penstock::telemetry
