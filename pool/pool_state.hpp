// SPDX-License-Identifier: Apache-2.0
//
// The policy of one worker's shard of a pool, as a pure state machine: no I/O, clock, lock or thread.
//
// Events come in as calls with the time; actions() says what to do. A slot is one server connection of this shard from
// before it is opened until it is known closed or given away. Invariants: waiters are granted in the order they came;
// there is no idle slot while somebody waits; at most one connection is being opened per waiter. Whether one may be
// opened at all is the budget's to say (budget.hpp): wanted_permits() tells how many to ask for, and open() uses one.
#pragma once

#include "pool/close_reason.hpp"
#include "pool/intake.hpp"
#include "pool/limits.hpp"

#include "core/error.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace penstock::pool {

using slot_id = std::uint32_t;
using waiter_id = std::uint64_t;
struct seat;  // board.hpp
inline constexpr slot_id no_slot = ~slot_id{0};

enum class slot_state : std::uint8_t {
    none,        ///< not in use
    connecting,  ///< being opened
    checked,     ///< open, and about to be granted, kept idle, given away or closed
    idle,        ///< waiting to be borrowed
    leased,      ///< held by a session
    resetting,   ///< being cleaned before it is used again
    closing,     ///< saying goodbye; still counts
};
inline constexpr std::size_t slot_state_count = static_cast<std::size_t>(slot_state::closing) + 1;

/// What to do. `tag` is what the waiter gave when it queued.
struct action {
    enum class kind : std::uint8_t {
        grant,      ///< `slot` to `waiter`, which has left the queue
        reject,     ///< `waiter`, which has left the queue, with `error`
        open,       ///< a connection for `slot`
        close,      ///< the connection of `slot`
        hand_over,  ///< the connection of the checked `slot` to the shard at `to`
    };
    kind what = kind::grant;
    slot_id slot = no_slot;
    waiter_id waiter = 0;
    void* tag = nullptr;
    duration waited{};
    client_error error{};
    std::shared_ptr<seat> to{};
    close_reason why = close_reason::unusable;
};

/// What goes along when a connection is handed to another shard.
struct slot_age {
    time_point born{};
    double jitter = 0;             ///< 0 to 1: how much of the tenth of its lifetime this one lacks
    std::uint64_t generation = 0;  ///< of the settings it was opened with
};

/// Numbers of slots by state, and of waiters.
struct pool_counts {
    std::uint32_t connecting = 0;
    std::uint32_t idle = 0;
    std::uint32_t leased = 0;
    std::uint32_t resetting = 0;
    std::uint32_t closing = 0;
    std::uint32_t waiters = 0;
    [[nodiscard]] std::uint32_t open_or_opening() const { return connecting + idle + leased + resetting + closing; }
};

class pool_state {
public:
    /// Gives a number from 0 to 1 each time; for back-off and lifetimes.
    using jitter_source = std::function<double()>;

    /// `all_waiters` counts those of every shard of the pool, whatever its kind or worker: max_waiters is the bound of
    /// that.
    pool_state(const pool_limits& limits, jitter_source jitter, std::shared_ptr<waiter_count> all_waiters);
    ~pool_state() { all_waiters_->fetch_sub(waiting_, std::memory_order_relaxed); }
    pool_state(const pool_state&) = delete;
    pool_state& operator=(const pool_state&) = delete;

    /// What is to be done; the caller does it and clears the list. Calls below append to it.
    [[nodiscard]] std::vector<action>& actions() { return actions_; }

    // Borrowing.

    /// The idle slot used last becomes leased; no_slot where none is idle (or waiters are ahead, which amounts to
    /// that).
    slot_id take_idle();
    /// Somebody queues, no slot being idle. May be rejected at once. `tag` comes back in the action about this waiter.
    waiter_id request(time_point now, void* tag);
    /// Leaves the queue. A waiter that has been granted or rejected is unknown, and ignored.
    void withdraw(waiter_id waiter);

    // Connections. checked() names the state between an event and what follows from it.

    /// How many connections should be opened now, if permits can be had.
    [[nodiscard]] std::uint32_t wanted_permits(time_point now) const;
    /// Nothing speaks against opening a connection now, but a permit.
    [[nodiscard]] bool may_open(time_point now) const;
    /// Uses a permit: a slot is being opened.
    slot_id open(time_point now);
    /// The slot being opened is checked now.
    void connected(slot_id slot, time_point now);
    void connect_failed(slot_id slot, time_point now, const client_error& error, bool definitive);
    /// The slot leased, or resetting, is checked now.
    void returned(slot_id slot);
    /// The slot leased is being cleaned.
    void resetting(slot_id slot);
    /// A connection from another shard: its slot is checked.
    slot_id adopt(const slot_age& age);
    /// Why the slot is to be closed rather than used again, where age, generation or a drain demand it.
    [[nodiscard]] std::optional<close_reason> worn_by(slot_id slot, time_point now) const;
    [[nodiscard]] bool is_worn(slot_id slot, time_point now) const { return worn_by(slot, now).has_value(); }
    /// Grants the checked slot to the first waiter, or lets it be idle.
    void make_available(slot_id slot, time_point now);
    /// The checked slot goes to another shard and is gone here.
    slot_age give_away(slot_id slot);
    /// Checked again, to be given away or closed: the idle slot.
    void take_from_idle(slot_id slot);
    /// The checked slot is to be handed over: an action, after which give_away() is called.
    void hand_over(slot_id slot, std::shared_ptr<seat> to);
    /// Has the connection closed: any open slot.
    void close(slot_id slot, close_reason why);
    /// It is closed; the slot is gone.
    void closed(slot_id slot);

    // Time and changes.

    /// Rejects who has waited too long and closes worn idle slots.
    void tick(time_point now);
    /// When tick() has something to do at the latest; nothing: only events matter.
    [[nodiscard]] std::optional<time_point> next_tick(time_point now) const;
    void resize(const pool_limits& limits) { limits_ = limits; }
    /// Connections of older generations are worn; idle ones are closed now. Those older than `moved` have the wrong
    /// node.
    void retire(std::uint64_t generation, std::uint64_t moved = 0);
    /// Whether connections are given out from now on.
    void take_in(intake next);
    void drain();

    // Asking.

    [[nodiscard]] const pool_limits& limits() const { return limits_; }
    [[nodiscard]] pool_counts counts() const
    {
        return {.connecting = count_of(slot_state::connecting),
                .idle = count_of(slot_state::idle),
                .leased = count_of(slot_state::leased),
                .resetting = count_of(slot_state::resetting),
                .closing = count_of(slot_state::closing),
                .waiters = waiting_};
    }
    [[nodiscard]] std::uint32_t waiters() const { return waiting_; }
    [[nodiscard]] slot_state state_of(slot_id slot) const { return slots_[slot].state; }
    [[nodiscard]] bool is_draining() const { return draining_; }
    [[nodiscard]] intake takes() const { return intake_; }
    /// Whether a connection lies idle; a hint to whoever looks from another thread.
    [[nodiscard]] const std::atomic<bool>& has_idle() const { return has_idle_; }
    /// Waiters for whom no connection is being opened or cleaned.
    [[nodiscard]] std::uint32_t uncovered_waiters() const;
    /// Since when the first in the queue waits; only where somebody does.
    [[nodiscard]] time_point oldest_request() const { return waiters_[first_waiter_].since; }
    /// The first waiter has waited long enough for the reserve.
    [[nodiscard]] bool wants_reserve(time_point now) const;
    /// After a failure: nothing is opened before then.
    [[nodiscard]] time_point backing_off_until() const { return backoff_until_; }
    /// The idle slot that was used longest ago, or no_slot; and since when it is idle.
    [[nodiscard]] slot_id oldest_idle() const { return last_idle_; }
    [[nodiscard]] time_point idle_since(slot_id slot) const { return slots_[slot].idle_since; }
    [[nodiscard]] time_point opened_at(slot_id slot) const { return slots_[slot].age.born; }
    /// The next idle slot, from the one used last (no_slot gives it) to the oldest.
    [[nodiscard]] slot_id next_idle(slot_id slot) const { return slot == no_slot ? first_idle_ : slots_[slot].next; }

private:
    struct slot_entry {
        slot_state state = slot_state::none;
        slot_id previous = no_slot;  ///< in the idle list: the one used more recently
        slot_id next = no_slot;      ///< in the idle list: the one used less recently
        time_point idle_since{};
        slot_age age{};
    };
    struct waiter_entry {
        void* tag = nullptr;
        time_point since{};
        std::uint32_t previous = 0;
        std::uint32_t next = 0;
        std::uint32_t generation = 0;
        bool queued = false;
    };

    slot_id new_slot(slot_state state);
    void enter(slot_id slot, slot_state state);
    [[nodiscard]] std::uint32_t count_of(slot_state state) const { return in_state_[static_cast<std::size_t>(state)]; }
    void push_idle(slot_id slot);
    void unlink_idle(slot_id slot);
    void reject(waiter_id waiter, time_point now, const client_error& error);
    action unqueue(std::uint32_t index, time_point now);
    void reject_all(time_point now, const client_error& error);
    void close_idle(close_reason why);
    void forget_failures();
    void back_off(time_point now, duration longest);
    [[nodiscard]] waiter_id id_of(std::uint32_t index) const;
    [[nodiscard]] client_error timeout_error() const;

    static constexpr std::uint32_t no_waiter = ~std::uint32_t{0};

    pool_limits limits_;
    jitter_source jitter_;
    std::vector<action> actions_;

    std::vector<slot_entry> slots_;
    std::vector<slot_id> free_slots_;
    slot_id first_idle_ = no_slot;                            ///< used last
    slot_id last_idle_ = no_slot;                             ///< used longest ago
    std::atomic<bool> has_idle_{false};                       ///< there are any
    std::array<std::uint32_t, slot_state_count> in_state_{};  ///< slots by state

    std::vector<waiter_entry> waiters_;
    std::uint32_t waiting_ = 0;  ///< of these
    std::shared_ptr<waiter_count> all_waiters_;
    std::vector<std::uint32_t> free_waiters_;
    std::uint32_t first_waiter_ = no_waiter;
    std::uint32_t last_waiter_ = no_waiter;

    std::uint64_t generation_ = 0;
    std::uint64_t moved_ = 0;     ///< the first generation with the node of now
    std::uint32_t failures_ = 0;  ///< in a row
    time_point backoff_until_{};
    client_error last_failure_{};
    bool refused_ = false;  ///< the last failure was definitive
    intake intake_ = intake::open;
    bool draining_ = false;
};

}  // namespace penstock::pool
