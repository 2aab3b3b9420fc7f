// SPDX-License-Identifier: Apache-2.0
//
// What stands on the board: each pool's account, each shard's seat, what a shard needs, and the messages between them.
//
// Invariant, whenever the budget's mutex is free: for every shard whose hungry count exceeds what is promised to it, no
// permit that would serve it is free, and every shard that may have an idle connection for it has been sent a look.
// "May have": a shard's stock is none only after it said so under the mutex, while it could see that others are
// starving (account::attention); when it could not, it is unknown again before it is asked.
//
// And, between pools under a shared limit: no release leaves a connection in a pool that has too many beside one with
// waiters (fair_share.hpp), and no pool is made to close one that was in use a moment ago unless it has too many, or it
// is another's turn who has none. A shard that keeps an idle connection from others looks again when that has been idle
// for eviction_margin: then whoever waits may have it.
#pragma once

#include "pool/budget.hpp"
#include "pool/fair_share.hpp"
#include "pool/intake.hpp"
#include "pool/limits.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace penstock::pool {

/// What the kinds of one pool have in common: its limits and what counts against them. Guarded by the budget's mutex.
struct joint_account {
    pool_limits limits{};
    tally total{};
    std::uint64_t turn = 0;  ///< when it last got a permit (claimant::turn)
    std::shared_ptr<waiter_count> waiters = std::make_shared<waiter_count>(0);  ///< not guarded
    std::vector<account*> kinds{};
    const account* wanted_last =
        nullptr;  ///< the kind that the minimum is kept of; null: nobody has wanted a connection
};

/// The part in the budget of one kind of a pool; most pools have one. Everything is guarded by the budget's mutex,
/// except where said.
struct account {
    std::shared_ptr<budget> shared;          ///< never changes
    pool_key key;                            ///< never changes
    std::shared_ptr<joint_account> joint{};  ///< never changes
    std::string node{};
    std::uint64_t generation = 0;  ///< of settings: connections of older ones are retired
    std::uint64_t moved = 0;       ///< the first generation with this node
    intake takes = intake::open;
    std::shared_ptr<tally> user_tally{};
    std::shared_ptr<tally> node_tally{};  ///< null where no node is named
    std::vector<std::shared_ptr<seat>> seats{};

    /// How many shards on the board these connections may help, plus over_bit while a limit of it is exceeded.
    /// Written under the mutex, read by every release without it.
    std::atomic<std::uint32_t> attention{0};
    static constexpr std::uint32_t over_bit = 1U << 31;
};

/// What a shard lacks.
struct need {
    std::uint32_t hungry = 0;    ///< waiters for whom nothing is on its way
    time_point oldest{};         ///< since when the first of them waits
    std::uint32_t openable = 0;  ///< how many permits it would use at once; none while it backs off
    bool may_use_reserve = false;
};

/// Room that another shard is to make for one (seat::room). Destruction takes the promise back.
class debt {
public:
    debt() = default;
    explicit debt(std::shared_ptr<seat> to) : to_{std::move(to)} {}
    debt(debt&& other) noexcept = default;
    debt& operator=(debt&&) = delete;
    ~debt();
    [[nodiscard]] std::shared_ptr<seat> take() { return std::exchange(to_, nullptr); }

private:
    std::shared_ptr<seat> to_{};
};

/// A message to a shard.
struct message {
    enum class kind : std::uint8_t {
        look,       ///< somebody starves: look through your idle connections (offer, then end_look)
        permit,     ///< the permit you waited for
        gift,       ///< a connection of another shard, in `cargo`, with its permit
        make_room,  ///< close your oldest idle connection for `whom`
        changed,    ///< limits or generation of the pool changed
    };
    kind what = kind::look;
    permit allowance{};
    debt whom{};
    time_point idle_by = time_point::max();  ///< make_room is for one that has been idle since then, or longer
    std::shared_ptr<void> cargo{};
};

/// Where a shard gets its messages. deliver() is called from any thread and with the budget's mutex held: it may only
/// queue.
class mailbox {
public:
    virtual ~mailbox() = default;
    virtual void deliver(message what) = 0;
};

/// One shard's place. Guarded by the budget's mutex, except where said.
struct seat : std::enable_shared_from_this<seat> {
    seat(std::shared_ptr<account> pool, std::shared_ptr<mailbox> messages)
        : of{std::move(pool)}, box{std::move(messages)}
    {
    }

    std::shared_ptr<account> of;   ///< never changes
    std::shared_ptr<mailbox> box;  ///< never changes

    // The need. Its shard also lowers these two without the mutex, as waiters are served.
    std::atomic<std::uint32_t> hungry{0};
    std::atomic<time_point::rep> oldest{0};

    std::uint32_t openable = 0;
    bool may_use_reserve = false;
    std::uint32_t promised = 0;  ///< permits and connections that are on their way to it
    std::uint32_t room = 0;      ///< connections of other pools or kinds that are being closed for it
    bool present = false;        ///< between join and leave
    bool on_board = false;

    enum class scope : std::uint8_t {
        own,    ///< no limit is in its way, or none that it can do anything about
        kinds,  ///< the pool's: its other kinds may help
        all,    ///< a shared one: other pools may help
    };
    scope calls_on = scope::own;  ///< whose connections may help it, besides its own kind's

    enum class stock : std::uint8_t {
        none,     ///< nothing idle
        unknown,  ///< it may have something idle
        known,    ///< it has, for other pools and kinds: the oldest since oldest_idle
    };
    stock idle = stock::unknown;
    time_point oldest_idle{};
    bool idle_for_long = false;    ///< that one was idle for eviction_margin when it was told of
    bool idle_has_served = false;  ///< and had been opened so long ago
    std::uint32_t idle_count = 0;  ///< as of its last housekeeping
    bool asked = false;            ///< a look or make_room is on its way to it, or being answered

    const std::atomic<bool>* has_idle = nullptr;  ///< its shard's own word, unasked; there from join to leave

    [[nodiscard]] bool wants_more() const { return hungry.load(std::memory_order_relaxed) > promised; }
    [[nodiscard]] bool wants_permit() const { return wants_more() && openable > promised; }
    [[nodiscard]] bool wants_room() const
    {
        return std::min(hungry.load(std::memory_order_relaxed), openable) > promised + room;
    }
    [[nodiscard]] time_point since() const { return time_point{duration{oldest.load(std::memory_order_relaxed)}}; }
};

/// A connection goes to another shard of its pool only if that one's first waiter is older by this much than the own
/// one: a hand-over takes about that long, and less would only move connections to and fro between two busy shards.
inline constexpr duration hand_over_margin = milliseconds{2};

}  // namespace penstock::pool
