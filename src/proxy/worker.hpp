// SPDX-License-Identifier: Apache-2.0
//
// One worker: a thread, its driver, the sessions it serves and its shard of every pool.
//
// Everything of a connection happens on its worker's thread. Other threads talk to it by adopt(), configure(),
// cancel(), drain() and run_here(), all of which post a message. The worker outlives its sessions and waits for them
// before it goes.
#pragma once

#include "core/engine.hpp"
#include "net/driver.hpp"
#include "pool/pool.hpp"
#include "protocols/mysql/protocol.hpp"
#include "protocols/postgresql/protocol.hpp"
#include "proxy/entrance.hpp"
#include "proxy/pin_table.hpp"
#include "proxy/process.hpp"
#include "proxy/profile.hpp"
#include "proxy/routing.hpp"
#include "proxy/server_connection.hpp"
#include "proxy/session_base.hpp"
#include "telemetry/counters.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace penstock::net {
class event;
class stream;
}  // namespace penstock::net

namespace penstock::proxy {

struct look_up_answer_slot;

template <protocol P>
inline constexpr engine engine_of_protocol =
    std::is_same_v<P, postgresql::protocol> ? engine::postgresql : engine::mysql;

/// What is known of texts, where a protocol has reads that may go to replicas.
template <class P>
struct judges_of {
};
template <class P>
requires requires
{
    typename P::read_judge;
}
struct judges_of<P> : std::map<std::pair<std::string, std::string>, std::unique_ptr<typename P::read_judge>> {
    /// For sessions whose requests are judged only if they are lost; it knows the servers' own functions alone.
    typename P::read_judge of_lost{P::known_functions()};
    /// What finds out, by cluster, which rules with limits hold for a request.
    std::map<std::string, std::unique_ptr<typename P::read_judge>> of_limits{};
};

/// One worker's part of a pool.
template <protocol P>
struct worker_pool {
    std::shared_ptr<pool_record> record;
    std::unique_ptr<pool::shard<server_connection<P>>> shard;
    telemetry::pool_counters* counters = nullptr;
    profiles greetings;
    std::vector<worker_pool*> replicas{};  ///< by place in the cluster's view; null: not made yet
};

/// What sessions of one protocol share within a worker.
template <protocol P>
struct protocol_side {
    typename P::statement_store store;
    parameter_set_pool startups;  ///< start-up parameters of clients, equal ones shared
    std::map<pool::pool_key, std::unique_ptr<worker_pool<P>>> pools;
    judges_of<P> judges;  ///< by cluster and database on the servers
    std::string to_server_scratch;
    std::string to_client_scratch;
};

/// A client that has proved who it is and asked for the console's database. It has not been greeted yet.
struct console_client {
    client_identity who{};
    std::string early{};  ///< octets that came with the end of its login
    cancel_key key{};
    std::function<bool()> must_end{};     ///< the process stops; the event is told when this becomes true
    std::function<bool()> take_cancel{};  ///< whether a cancel request has come since it was asked last; likewise
};

class worker {
public:
    /// Serves such a client; it owns the stream until it returns.
    using console = std::function<task<void>(worker&, net::stream&, net::event&, console_client)>;

    worker(process& owner, std::uint32_t index, console serve_console);
    ~worker();
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    void start();
    /// Ends the sessions that are left, then the thread. From the thread that joins.
    void end();
    /// Waits for that end.
    void join();
    /// Waits for that end until then; false where it has not come.
    [[nodiscard]] bool wait_for_end(time_point until);

    // --- from any thread ---

    /// A client that was accepted where we listen for that engine. The descriptor is the worker's from here on.
    void adopt(int descriptor, engine speaks, entrance by = entrance::usual);
    void configure(configuration_ptr next);
    void see(router::cluster_view_ptr view);
    void believe(std::string cluster, std::string database, function_catalogue_ptr functions);
    /// `done` is called, on this worker's thread, once the request has arrived or came to nothing.
    void cancel(cancel_key key, std::function<void()> done);
    /// `done` is called, on this worker's thread, once the session has been told and what it runs is being ended.
    void kill(kill_order order, std::function<void(kill_result)> done);
    /// Another primary has replaced that node ("host:port"), which may not know it yet: what sessions have under way
    /// there is lost to them.
    void fence(std::string cluster, std::string node);
    /// No new clients; idle sessions end now, the others as they become idle, those left shortly before `deadline`
    /// then. At the deadline whatever is still waited for, by sessions and by the pool, is given up.
    void drain(time_point deadline);
    void run_here(std::function<void()> work) { driver_.post(std::move(work)); }
    [[nodiscard]] std::uint32_t sessions() const { return session_count_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint32_t index() const { return index_; }
    [[nodiscard]] const telemetry::worker_counters& counters() const { return counters_; }

    // --- on the worker's thread ---

    net::driver& driver() { return driver_; }
    process& owner() { return process_; }
    [[nodiscard]] const configuration_ptr& current() const { return configuration_; }
    telemetry::worker_counters& counters() { return counters_; }
    /// What pins its sessions.
    pin_table& pin_statements() { return pin_statements_; }
    template <protocol P>
    protocol_side<P>& side()
    {
        if constexpr (engine_of_protocol<P> == engine::postgresql) {
            return postgresql_;
        } else {
            return mysql_;
        }
    }
    template <class Look>
    void for_each_side(Look look)
    {
        look(postgresql_);
        look(mysql_);
    }
    [[nodiscard]] bool is_draining() const { return draining_; }

    /// The shard of this pool, made at the first call.
    template <protocol P>
    worker_pool<P>& pool_of(std::shared_ptr<pool_record> record);

    /// The part of a pool beside it that leads to a replica, made at the first call.
    template <protocol P>
    worker_pool<P>& on_replica(worker_pool<P>& primary, const router::cluster_view& view, std::size_t node)
    {
        const bool is_made = node < primary.replicas.size() && primary.replicas[node] != nullptr;
        return is_made ? *primary.replicas[node] : make_on_replica(primary, view, node);
    }
    /// What is known of a cluster here; its address holds as long as the worker.
    cluster_side& cluster(const std::string& name);

    /// A number for a new session's cancel key, unique in the process while the session is enrolled.
    std::uint32_t enroll(session_base& who);
    void dismiss(std::uint32_t number);
    /// A stamp that no other session has had, of any worker: connections are handed from one to another.
    std::uint64_t next_stamp() { return ++last_stamp_; }
    void for_each_session(const std::function<void(const session_base&)>& look) const;
    const console& serve_console() const { return console_; }

    /// Finds a user's record and notifies; for login_surroundings.
    void look_up(const user_question& question, const std::shared_ptr<look_up_answer_slot>& into);

private:
    void take_settings(const std::string& name, cluster_side& side) const;
    void forget_moved(cluster_side& of, const router::cluster_view& now);
    void sweep();
    void begin(int descriptor, engine speaks, entrance by);
    template <protocol P>
    worker_pool<P>& make_on_replica(worker_pool<P>& primary, const router::cluster_view& view, std::size_t node);
    template <protocol P>
    task<void> close_pools();
    task<void> finish();

    process& process_;
    std::uint32_t index_;
    console console_;
    configuration_ptr configuration_;
    net::driver driver_;
    telemetry::worker_counters counters_;
    pin_table pin_statements_;
    protocol_side<postgresql::protocol> postgresql_;
    protocol_side<mysql::protocol> mysql_;
    std::map<std::string, cluster_side, std::less<>> clusters_;
    std::unordered_map<std::uint32_t, session_base*> sessions_;
    std::atomic<std::uint32_t> session_count_{0};
    std::uint32_t last_number_ = 0;
    std::uint64_t last_stamp_;
    bool draining_ = false;
    bool ending_ = false;  ///< end() was called
    std::promise<void> ended_;
    std::future<void> end_ = ended_.get_future();
    std::thread thread_;
};

/// Which worker a cancel key's process id names.
[[nodiscard]] constexpr std::uint32_t worker_of(std::uint32_t process_id)
{
    return process_id >> 22;
}

}  // namespace penstock::proxy
