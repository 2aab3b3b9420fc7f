// SPDX-License-Identifier: Apache-2.0
//
// How a session borrows a server connection: shard, lease, ticket, and what the pool asks of a connection and its
// opener.
//
// A shard is one worker's part of a pool; everything here except shared_pool belongs to that worker's thread. The usual
// case is try_acquire(), which gives an idle connection at once; otherwise a ticket queues, first come, first served.
// No function here runs another session's code: who is granted something is told by event::notify(). The policy is in
// pool_state, the limits and the fairness between workers in budget. The bodies are in pool_impl.hpp, which the one
// file that instantiates shard<C> for its connection includes.
#pragma once

#include "pool/close_reason.hpp"

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/task.hpp"

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace penstock::net {
class driver;
class event;
}  // namespace penstock::net

namespace penstock::pool {

class shared_pool;  // shared_pool.hpp
template <class C>
class shard;
template <class C>
class shard_body;

/// What the pool asks of a connection.
template <class C>
concept pooled_connection = requires(C& connection, net::driver& on, net::event* watcher)
{
    /// Asked right before it is granted, and while it is idle whenever its watcher fired: false where the peer has
    /// closed or said something unexpected. May read and act on what an idle server may say (a notice, a parameter's
    /// new value).
    {
        connection.is_usable()
        } -> std::same_as<bool>;
    /// Asked at release: true makes the pool await reset() before the connection is used again; false from that
    /// discards.
    {
        connection.needs_reset()
        } -> std::same_as<bool>;
    {
        connection.reset()
        } -> std::same_as<task<bool>>;
    /// Who is told of input, end or error (stream::subscribe). The pool subscribes its own watcher while a connection
    /// is idle and nobody (nullptr) when it grants one; the borrower subscribes its own.
    connection.subscribe(watcher);
    /// Moves between workers: detach() on the old one's thread, attach() on the new one's. Only ever called while idle.
    connection.detach();
    connection.attach(on);
    /// Says goodbye and waits, for a bounded time, for the peer's end. Then the object is destroyed, then its permit
    /// goes back.
    {
        connection.close()
        } -> std::same_as<task<void>>;
};

/// Why a connection could not be opened. `definitive`: the server answered and refused this login (password, database,
/// role), so everybody waiting gets `error` at once; otherwise they go on waiting, for as long as their borrow deadline
/// allows. `connected`: the server was reached, and the login failed.
struct open_failure {
    client_error error{};
    bool definitive = false;
    bool connected = false;
};

template <class C>
struct open_result {
    std::unique_ptr<C> connection{};  ///< null where it failed
    open_failure failure{};
};

/// Opens connections, logged in and ready for a first request. Used by one shard, on its thread; several may be under
/// way.
template <class C>
class opener {
public:
    virtual ~opener() = default;
    /// `node` is the one the permit was taken for (shared_pool::set_node). Ends by `deadline`, whatever the peer does,
    /// and leaves no socket open where it fails.
    virtual task<open_result<C>> open(net::driver& on, std::string node, time_point deadline) = 0;
};

/// A session's exclusive hold of a server connection. Movable. The shard outlives its leases.
template <class C>
class lease {
public:
    lease() = default;
    lease(lease&& other) noexcept
        : owner_{std::exchange(other.owner_, nullptr)},
          connection_{std::exchange(other.connection_, nullptr)},
          slot_{other.slot_}
    {
    }
    lease& operator=(lease&& other) noexcept
    {
        if (this != &other) {
            discard();
            owner_ = std::exchange(other.owner_, nullptr);
            connection_ = std::exchange(other.connection_, nullptr);
            slot_ = other.slot_;
        }
        return *this;
    }
    ~lease() { discard(); }

    explicit operator bool() const { return connection_ != nullptr; }
    C* operator->() const { return connection_; }
    C& operator*() const { return *connection_; }

    /// Gives the connection back to be used again: the lease's holder knows it to be between exchanges.
    void release();
    /// Has the connection closed, its state being unknown. Does nothing on an empty lease.
    void discard();

private:
    friend class shard_body<C>;
    lease(shard_body<C>& owner, C& connection, std::uint32_t slot)
        : owner_{&owner}, connection_{&connection}, slot_{slot}
    {
    }

    shard_body<C>* owner_ = nullptr;
    C* connection_ = nullptr;
    std::uint32_t slot_ = 0;
};

enum class ticket_state : std::uint8_t {
    unused,    ///< not queued: before enqueue(), after take() or withdraw()
    waiting,   ///< in the queue; the event given to enqueue() tells of a change
    granted,   ///< take() gives the lease
    rejected,  ///< error() says why
};

/// A place in a shard's queue. Lives where its session lives; not movable. Destruction withdraws it.
template <class C>
class ticket {
public:
    ticket() = default;
    ticket(const ticket&) = delete;
    ticket& operator=(const ticket&) = delete;
    ~ticket() { withdraw(); }

    [[nodiscard]] ticket_state state() const { return state_; }
    [[nodiscard]] bool is_waiting() const { return state_ == ticket_state::waiting; }
    /// The lease, once granted; the ticket can then be used again.
    lease<C> take()
    {
        state_ = ticket_state::unused;
        return std::move(granted_);
    }
    /// Why it was rejected; valid until the ticket is used again.
    [[nodiscard]] const client_error& error() const { return error_; }
    /// Leaves the queue, at any time and in any state; a lease that was granted but not taken goes back unused.
    void withdraw();

private:
    friend class shard_body<C>;

    shard_body<C>* owner_ = nullptr;
    net::event* tell_ = nullptr;
    std::uint64_t waiter_ = 0;
    time_point since_{};
    ticket_state state_ = ticket_state::unused;
    lease<C> granted_{};
    client_error error_{};
};

/// One shard at a glance. The counters only grow.
struct shard_stats {
    std::uint32_t idle = 0;
    std::uint32_t active = 0;      ///< leased
    std::uint32_t connecting = 0;  ///< being opened
    std::uint32_t resetting = 0;
    std::uint32_t closing = 0;
    std::uint32_t waiters = 0;
    duration oldest_wait{};
    std::uint64_t granted = 0;  ///< leases given, whether or not they had to wait
    std::uint64_t waited = 0;   ///< of these, after waiting
    duration wait_time{};       ///< of all that waited and were granted
    std::uint64_t opened = 0;
    std::uint64_t failed_opens = 0;   ///< not connected at all
    std::uint64_t failed_logins = 0;  ///< connected, but not logged in
    std::uint64_t closed = 0;
    closings closed_for{};          ///< the same by reason, counted when the closing begins
    std::uint64_t handed_over = 0;  ///< connections given to another worker's shard
    std::uint64_t taken_over = 0;   ///< and received from one
    std::uint64_t timed_out = 0;    ///< waiters whose borrow deadline passed
    std::uint64_t rejected = 0;     ///< waiters refused for another reason
};

/// What a connection is doing, for reports.
enum class slot_use : std::uint8_t { connecting, idle, active, resetting, closing };

/// One worker's part of a pool. Before it is destroyed: all leases and tickets are gone, drain() was called and
/// closed() awaited.
template <class C>
class shard {
public:
    shard(net::driver& on, std::shared_ptr<shared_pool> pool, std::shared_ptr<opener<C>> opens);
    ~shard();
    shard(const shard&) = delete;
    shard& operator=(const shard&) = delete;

    /// An idle, usable connection at once, if nobody waits ahead; else an empty lease.
    [[nodiscard]] lease<C> try_acquire();

    /// Whether a ticket would be served soon: the pool is not all lent out, on whatever worker. Where nothing is idle
    /// here it takes the budget's mutex, as enqueue() does.
    [[nodiscard]] bool has_room() const;

    /// Queues an unused ticket. May grant or reject it at once (then `tell` is not notified): look at its state before
    /// waiting. `tell` outlives the ticket's waiting.
    void enqueue(ticket<C>& waiter, net::event& tell);

    [[nodiscard]] shard_stats stats() const;
    /// Calls for every connection of this shard that exists (those still connecting have none).
    void for_each(const std::function<void(const C&, slot_use)>& look) const;

    /// Rejects waiters and all that come later with shutting_down, closes idle connections, and leased ones when they
    /// return.
    void drain();
    [[nodiscard]] bool is_draining() const;
    /// Ends when a drained shard holds no connection and nothing of it is under way.
    task<void> closed();

    [[nodiscard]] const std::shared_ptr<shared_pool>& pool() const;

private:
    std::unique_ptr<shard_body<C>> body_;
};

}  // namespace penstock::pool
