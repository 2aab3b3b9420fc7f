// SPDX-License-Identifier: Apache-2.0
//
// One shard without its connections: pool_state's policy joined with the budget and the board. No I/O and no clock, so
// a test runs several of them, with their messages, in any order it likes.
//
// Events come in as calls; what is to be done is in actions() afterwards. A slot that became open (opened, given back,
// reset, handed in) is "checked": its owner makes sure that the connection is usable and calls place() or close().
#pragma once

#include "pool/board.hpp"
#include "pool/pool_state.hpp"
#include "pool/shared_pool.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace penstock::pool {

class shard_core {
public:
    shard_core(std::shared_ptr<shared_pool> pool,
               std::shared_ptr<mailbox> messages,
               pool_state::jitter_source jitter,
               time_point now);
    ~shard_core();
    shard_core(const shard_core&) = delete;
    shard_core& operator=(const shard_core&) = delete;

    [[nodiscard]] std::vector<action>& actions() { return state_.actions(); }
    [[nodiscard]] const pool_state& state() const { return state_; }
    [[nodiscard]] const std::shared_ptr<shared_pool>& pool() const { return pool_; }

    /// The idle slot used last, leased now, or no_slot.
    slot_id take_idle() { return state_.take_idle(); }
    /// Whether somebody who came now would be served at once, or as soon as a connection has been opened or handed
    /// over.
    [[nodiscard]] bool has_room() const { return state_.oldest_idle() != no_slot || shared().has_room(*seat_->of); }
    waiter_id request(time_point now, void* tag);
    void withdraw(waiter_id waiter, time_point now);

    /// The node an `open` action is for.
    [[nodiscard]] const std::string& node_of(slot_id slot) const { return permits_[slot].node(); }
    void opened(slot_id slot, time_point now) { state_.connected(slot, now); }
    void open_failed(slot_id slot, time_point now, const client_error& error, bool definitive);

    void resetting(slot_id slot) { state_.resetting(slot); }
    /// A leased or resetting slot is back and checked.
    void returned(slot_id slot) { state_.returned(slot); }
    /// Where a checked slot with a usable connection goes: to a waiter, to another shard, to the idle ones, or away.
    void place(slot_id slot, time_point now);
    /// Any open slot's connection is of no more use.
    void close(slot_id slot, time_point now, close_reason why);
    void closed(slot_id slot, time_point now);

    /// For a hand_over action: what goes along with the connection. The slot is gone.
    std::pair<slot_age, permit> give_away(slot_id slot, time_point now);
    /// A gift came: its slot is checked. Follows receive().
    slot_id adopt(const slot_age& age, permit allowance);

    /// A message; of a gift, the caller then adopts the cargo.
    void receive(message what, time_point now);
    void tick(time_point now);
    /// When tick() is due; nothing: only events matter.
    [[nodiscard]] std::optional<time_point> next_tick(time_point now) const;
    void drain(time_point now);

    /// How often idle connections are looked through.
    static constexpr duration housekeeping_interval = seconds{1};

private:
    void keep_house(time_point now);
    void shrink(time_point now);
    void keep_minimum(time_point now);
    void look(time_point now);
    void end_look(time_point now);
    void make_room(message order, time_point now);
    [[nodiscard]] bool others_starve() const;
    [[nodiscard]] std::optional<time_point> next_look() const;
    void follow_settings();
    void mark_closing();
    void balance(time_point now);
    [[nodiscard]] need need_at(time_point now) const;
    [[nodiscard]] bool is_news(const need& current) const;
    void open(permit allowance, time_point now);
    [[nodiscard]] budget& shared() const { return pool_->shared_budget(); }

    std::shared_ptr<shared_pool> pool_;
    std::shared_ptr<seat> seat_;
    pool_state state_;
    std::vector<permit> permits_;  ///< by slot
    need told_{};                  ///< what the board knows of our need
    bool on_board_ = false;
    bool in_use_ = false;         ///< somebody has wanted a connection: the minimum is kept
    std::uint32_t arrivals_ = 0;  ///< promised things that came since the board was told
    std::uint64_t generation_ = 0;
    intake intake_ = intake::open;
    time_point next_housekeeping_;
    time_point looked_at_{};  ///< when the board was last told of our idle connections
};

}  // namespace penstock::pool
