// SPDX-License-Identifier: Apache-2.0
//
// The process-wide budget of server connections: permits, and the board on which starving shards stand.
//
// A connection holds a permit from before it connects until its socket is known closed. A permit counts against its
// pool's size (of whatever kind it is), its user, its node and the process, in all of them or in none, and no count
// ever passes its limit. A permit that comes back goes at once to the pool with the fewest connections among those it
// can help, and to the oldest waiter of such (fair_share.hpp). Everything here is thread-safe under one mutex, which
// the usual acquire and release of an idle connection never take: they look at account::attention only.
#pragma once

#include "pool/intake.hpp"
#include "pool/limits.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace penstock::pool {

class budget;
class permit;
struct account;
struct joint_account;
struct message;
struct need;
struct seat;

/// What stands in the way of a permit: a limit, or that the pool gives out nothing at present.
enum class refusal : std::uint8_t { none, stopped, pool, user, node, process };

/// What a permit is for.
enum class purpose : std::uint8_t {
    demand,   ///< somebody waits: up to the pool's size
    reserve,  ///< somebody has waited for reserve_timeout: up to size and reserve together
    minimum,  ///< to have `minimum` connections: only while there are fewer
};

/// How many permits of one limit are out.
struct tally {
    std::uint32_t held = 0;     ///< all of them; never more than the limit allowed when the last was taken
    std::uint32_t leaving = 0;  ///< of these, for connections that are being closed
    std::uint32_t coming = 0;   ///< besides: others are closing them for it (seat::room). Not kept of nodes and process
    [[nodiscard]] std::uint32_t staying() const { return held - leaving; }
    [[nodiscard]] std::uint32_t expected() const { return staying() + coming; }
};

/// The right to have one server connection. Gives itself back on destruction.
class permit {
public:
    permit() = default;
    permit(permit&& other) noexcept = default;
    permit& operator=(permit&& other) noexcept;
    ~permit() { give_back(); }

    explicit operator bool() const { return account_ != nullptr; }
    /// The connection is being closed: it still counts, but no longer among those the pool lives on.
    void mark_leaving();
    void give_back();
    /// The node it was taken for.
    [[nodiscard]] const std::string& node() const { return node_name_; }

private:
    friend class budget;
    std::shared_ptr<account> account_{};
    std::shared_ptr<tally> node_{};
    std::shared_ptr<seat> owed_to_{};  ///< the shard for which its connection is being closed
    std::string node_name_{};
    bool leaving_ = false;
};

/// A connection that came free, or is idle, and may be of more use elsewhere.
struct spare_connection {
    time_point opened{};
    time_point idle_since{};        ///< where it just came free: now
    bool was_idle = false;          ///< it lay among the idle ones
    const time_point* oldest = {};  ///< since when the first in its shard's queue waits; null: nobody does
};

/// What a shard is to do with a connection that came free.
struct verdict {
    enum class kind : std::uint8_t {
        keep,       ///< grant it to the own first waiter, or let it be idle
        hand_over,  ///< to the shard `to`, which waits for it
        close,      ///< its permit, marked leaving, is needed elsewhere or above a limit
    };
    kind what = kind::keep;
    std::shared_ptr<seat> to{};
};

class budget : public std::enable_shared_from_this<budget> {
public:
    explicit budget(const shared_limits& limits = {}) : limits_{limits} {}
    budget(const budget&) = delete;
    budget& operator=(const budget&) = delete;

    [[nodiscard]] shared_limits limits() const;
    /// New limits, live: lowering closes nothing that is in use, and refuses until enough have gone.
    void set_limits(const shared_limits& limits);
    /// Over all pools.
    [[nodiscard]] tally usage() const;
    /// Of one node.
    [[nodiscard]] tally usage_of_node(const std::string& name) const;

    // Permits.

    /// A permit, or an empty one and the limit that stood in the way.
    permit take(const std::shared_ptr<account>& of, purpose why, refusal* blocked_by = nullptr);

    /// Whether somebody who came now would soon be served: a permit is to be had, or a connection of the pool is idle.
    [[nodiscard]] bool has_room(const account& of) const;

    // The board, for the shards (shard_core.hpp). `seat` is a shard's place on it.

    void join(const std::shared_ptr<seat>& who);
    /// The limits in force, the generation of settings, the first generation with the node of now, and the intake.
    struct account_settings {
        pool_limits limits{};
        std::uint64_t generation = 0;
        std::uint64_t moved = 0;
        intake takes = intake::open;
    };
    [[nodiscard]] account_settings settings_of(const account& of) const;
    /// Nothing is delivered to it any more.
    void leave(const std::shared_ptr<seat>& who);
    /// Says what a shard lacks; `arrived` of the things promised to it have come. Gives a permit if one is to be had
    /// now; if not, the shard stands on the board until its need is gone.
    permit claim(const std::shared_ptr<seat>& who, const need& what, std::uint32_t arrived);
    /// Takes a shard without a need off the board.
    void step_down(const std::shared_ptr<seat>& who);
    /// Decides about a connection that came free and whose permit is given.
    verdict offer(const std::shared_ptr<seat>& who, permit& of, const spare_connection& what);
    /// The shard has offered what it has idle, as it was asked to: the one that is left and has been idle for longest.
    void end_look(const std::shared_ptr<seat>& who, const std::optional<spare_connection>& left, time_point now);
    /// Delivers a connection to a shard that was promised one; false if that shard has left (the message stays whole).
    bool send(const std::shared_ptr<seat>& to, message& gift);
    /// For make_room: the permit's connection is closed on behalf of `who`; with no permit, the promise is taken back.
    void settle_debt(permit* of, const std::shared_ptr<seat>& who);
    /// Whether a connection that was idle for long may go, by max_idle_percent and minimum; marks its permit.
    bool may_shrink(const std::shared_ptr<seat>& who, permit& of);
    /// How many idle connections a shard has, for may_shrink().
    void note_idle(const std::shared_ptr<seat>& who, std::uint32_t count);

private:
    friend class permit;
    friend class shared_pool;

    void open_account(const std::shared_ptr<account>& of, const pool_limits& limits);
    void close_account(const std::shared_ptr<account>& of);
    struct account_change {
        std::optional<pool_limits> limits{};
        std::optional<std::string> node{};
        bool retire = false;
        std::optional<intake> takes{};
    };
    void change_account(account& of, const account_change& to);

    // Under the mutex, all of these.
    [[nodiscard]] refusal refused_by(const account& of, purpose why) const;
    [[nodiscard]] std::uint32_t user_limit(const account& of) const;
    [[nodiscard]] bool is_over(const account& of, bool reserve_counts) const;
    permit take_locked(const std::shared_ptr<account>& of);
    void mark_leaving_locked(permit& of);
    void put_back_locked(permit& of);
    [[nodiscard]] bool is_over_shared(const account& of) const;
    void refresh_over(account& changed);
    void refresh_over_everywhere();
    void mark_over(account& of) const;
    void tell_of_change(const account& of);
    void add_to_board(seat& who);
    void remove_from_board(seat& who);
    void widen(seat& who, refusal in_the_way);
    static void raise_attention(account& of, const seat& because_of);
    void settle();
    void allot();
    void call_for_all();
    void call_for(seat& who);
    static bool call_on(const account& of, const seat& on_behalf);
    void order_room(seat& who);
    [[nodiscard]] seat* holder_of_room_for(const seat& who) const;
    [[nodiscard]] bool has_too_many_somewhere(const seat& who) const;
    static void owe_room(seat& to);
    static void take_back_room(seat& from);
    [[nodiscard]] static bool may_be_called(const account& of, const seat& by);
    [[nodiscard]] const std::vector<account*>& called_on_by(const seat& who) const;
    [[nodiscard]] bool can_help(const account& donor, const seat& blocked) const;
    [[nodiscard]] static purpose purpose_of(const seat& who);
    [[nodiscard]] seat* oldest_sibling(const seat& who) const;
    [[nodiscard]] seat* first_to_give_way_to(const seat& who, const spare_connection& what) const;
    [[nodiscard]] static bool asks_its_own(const seat& who);

    mutable std::mutex mutex_;
    shared_limits limits_;
    tally process_;
    std::map<std::string, std::weak_ptr<tally>> users_;
    std::map<std::string, std::weak_ptr<tally>> nodes_;
    std::map<pool_key, std::weak_ptr<joint_account>> joint_accounts_;  ///< by what all kinds have in common
    std::vector<account*> accounts_;
    std::uint64_t turns_ = 0;       ///< permits given out so far
    std::vector<seat*> board_;      ///< shards with a need, or that had one a moment ago
    bool any_shared_over_ = false;  ///< a shared limit was lowered below what is held
};

}  // namespace penstock::pool
