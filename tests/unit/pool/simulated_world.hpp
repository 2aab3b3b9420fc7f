// SPDX-License-Identifier: Apache-2.0
//
// A world for shard_cores: a server that counts its connections, the shards' messages in queues, and a clock moved by
// hand.
//
// Whatever a core asks for (open, close, grant, hand over) is carried out at once or put on a list from which a test
// lets it happen, in any order it likes. Every action is checked on the way: first come first served within a shard, no
// limit passed by any connection that is opened, no slot used for two things.
#pragma once

#include "pool/shard_core.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace penstock::pool::test {

class world;

/// One simulated worker's shard, with what its worker would hold.
struct simulated_shard {
    struct inbox final : mailbox {
        std::deque<message> messages;
        void deliver(message what) override { messages.push_back(std::move(what)); }
    };
    struct client {
        waiter_id id = 0;
        time_point since{};
    };

    std::size_t pool_index = 0;
    std::shared_ptr<inbox> box = std::make_shared<inbox>();
    std::unique_ptr<shard_core> core{};
    std::deque<std::unique_ptr<client>> queue{};  ///< as we believe it to be
    std::vector<slot_id> opening{};
    std::vector<slot_id> leased{};
    std::vector<slot_id> resetting{};
    std::vector<slot_id> closing{};
    std::map<slot_id, int> sockets{};  ///< which connection of the server each slot is
};

/// Whose the pools of a world are.
enum class ownership {
    users,           ///< of a user each
    kinds,           ///< of one user: kinds of one pool, with the limits of the first
    databases,       ///< of one user: of a database each
    kinds_of_users,  ///< of a user each two: kinds of one pool
};

class world {
public:
    /// `pools` pools of `shards` shards each.
    world(const shared_limits& shared,
          std::vector<pool_limits> pools,
          std::size_t shards,
          ownership whose = ownership::users)
        : budget_{std::make_shared<budget>(shared)}
    {
        for (std::size_t i = 0; i < pools.size(); ++i) {
            pools_.push_back(std::make_shared<shared_pool>(budget_, key_of(i, whose), pools[i], "node"));
            for (std::size_t j = 0; j < shards; ++j) {
                auto& made = *shards_.emplace_back(std::make_unique<simulated_shard>());
                made.pool_index = i;
                made.core = std::make_unique<shard_core>(
                    pools_.back(), made.box, [] { return 0.5; }, now);
            }
        }
    }

    [[nodiscard]] simulated_shard& at(std::size_t index) { return *shards_[index]; }
    [[nodiscard]] std::size_t shard_count() const { return shards_.size(); }
    [[nodiscard]] shared_pool& pool(std::size_t index) { return *pools_[index]; }
    [[nodiscard]] budget& shared() { return *budget_; }
    [[nodiscard]] int open_sockets() const { return sockets_; }
    /// How many connections were ever opened.
    [[nodiscard]] int opened() const { return last_socket_; }

    // Events.

    /// A session wants a connection: granted at once, or queued.
    void request(simulated_shard& on)
    {
        if (const auto slot = on.core->take_idle(); slot != no_slot) {
            on.leased.push_back(slot);
            ++granted;
            return;
        }
        auto& client = *on.queue.emplace_back(std::make_unique<simulated_shard::client>());
        client.since = now;
        client.id = on.core->request(now, &client);
        carry_out(on);
    }

    void withdraw(simulated_shard& on, std::size_t place)
    {
        const auto id = on.queue[place]->id;
        on.queue.erase(on.queue.begin() + static_cast<std::ptrdiff_t>(place));
        on.core->withdraw(id, now);
        carry_out(on);
    }

    enum class opening { works, fails, refused };
    void finish_opening(simulated_shard& on, std::size_t which, opening how)
    {
        const auto slot = take_out(on.opening, which);
        if (how == opening::works) {
            on.core->opened(slot, now);
            on.core->place(slot, now);
        } else {
            forget_socket(on, slot);
            const bool refused = how == opening::refused;
            const auto kind = refused ? error_kind::server_login_failed : error_kind::server_unavailable;
            on.core->open_failed(slot, now, {kind, "because"}, refused);
        }
        carry_out(on);
    }

    void finish_closing(simulated_shard& on, std::size_t which)
    {
        const auto slot = take_out(on.closing, which);
        forget_socket(on, slot);
        on.core->closed(slot, now);
        carry_out(on);
    }

    enum class returning { clean, needs_reset, broken };
    void give_back(simulated_shard& on, std::size_t which, returning how = returning::clean)
    {
        const auto slot = take_out(on.leased, which);
        if (how == returning::broken) {
            on.core->close(slot, now, close_reason::borrower);
        } else if (how == returning::needs_reset) {
            on.core->resetting(slot);
            on.resetting.push_back(slot);
        } else {
            on.core->returned(slot);
            on.core->place(slot, now);
        }
        carry_out(on);
    }

    void finish_reset(simulated_shard& on, std::size_t which, bool clean)
    {
        const auto slot = take_out(on.resetting, which);
        on.core->returned(slot);
        if (clean) {
            on.core->place(slot, now);
        } else {
            on.core->close(slot, now, close_reason::unusable);
        }
        carry_out(on);
    }

    /// The peer closed an idle connection.
    void lose_idle(simulated_shard& on)
    {
        if (const auto slot = on.core->state().oldest_idle(); slot != no_slot) {
            on.core->close(slot, now, close_reason::unusable);
            carry_out(on);
        }
    }

    /// The next message of a shard arrives. `usable`: whether a connection handed over is still good.
    void deliver(simulated_shard& to, bool usable = true)
    {
        ASSERT_FALSE(to.box->messages.empty());
        auto next = std::move(to.box->messages.front());
        to.box->messages.pop_front();
        if (next.what != message::kind::gift) {
            to.core->receive(std::move(next), now);
            carry_out(to);
            return;
        }
        const auto cargo = std::static_pointer_cast<gift>(next.cargo);
        auto allowance = std::move(next.allowance);
        to.core->receive(std::move(next), now);
        const auto slot = to.core->adopt(cargo->age, std::move(allowance));
        to.sockets[slot] = cargo->socket;
        if (usable) {
            to.core->place(slot, now);
        } else {
            to.core->close(slot, now, close_reason::unusable);
        }
        carry_out(to);
    }

    void advance(duration by)
    {
        const auto before = std::exchange(now, now + by);
        for (auto& each : shards_) {
            const auto due = each->core->next_tick(before);
            if (due && *due <= now) {
                each->core->tick(now);
                carry_out(*each);
            }
        }
    }

    /// An empty shard leaves; its messages are never read.
    void leave(std::size_t index)
    {
        const auto box = shards_[index]->box;
        shards_.erase(shards_.begin() + static_cast<std::ptrdiff_t>(index));
        for (const auto& each : box->messages) {
            sockets_ -= each.what == message::kind::gift ? 1 : 0;
        }
        box->messages.clear();
    }

    /// Lets everything under way come to its good end, without any session giving anything back.
    void come_to_rest()
    {
        for (bool busy = true; busy;) {
            busy = false;
            for (auto& each : shards_) {
                for (; !each->box->messages.empty(); busy = true) {
                    deliver(*each);
                }
                for (; !each->opening.empty(); busy = true) {
                    finish_opening(*each, 0, opening::works);
                }
                for (; !each->closing.empty(); busy = true) {
                    finish_closing(*each, 0);
                }
                for (; !each->resetting.empty(); busy = true) {
                    finish_reset(*each, 0, true);
                }
            }
        }
    }

    void check_invariants()
    {
        int mapped = 0;
        for (auto& each : shards_) {
            const auto& counts = each->core->state().counts();
            ASSERT_EQ(counts.waiters, each->queue.size());
            ASSERT_TRUE(counts.idle == 0 || counts.waiters == 0) << "an idle connection beside a waiter";
            ASSERT_EQ(counts.leased, each->leased.size());
            ASSERT_EQ(counts.connecting, each->opening.size());
            ASSERT_EQ(counts.closing, each->closing.size());
            ASSERT_EQ(counts.resetting, each->resetting.size());
            mapped += static_cast<int>(each->sockets.size());
            for (const auto& message : each->box->messages) {
                mapped += message.what == message::kind::gift ? 1 : 0;
            }
        }
        ASSERT_EQ(mapped, sockets_);
        check_limits();
    }

    /// At rest: whoever waits, waits because every connection that could serve it is held by a session.
    void check_nobody_stranded()
    {
        for (auto& each : shards_) {
            if (each->core->state().uncovered_waiters() == 0) {
                continue;
            }
            refusal why = refusal::none;
            {
                const auto spare = budget_->take(pools_[each->pool_index]->own_account(), purpose::demand, &why);
            }
            ASSERT_NE(why, refusal::none) << "somebody waits while a permit is free";
            for (auto& other : shards_) {
                const bool helps =
                    pools_[other->pool_index]->key().of_all_kinds() == pools_[each->pool_index]->key().of_all_kinds() ||
                    ((why == refusal::process || why == refusal::node) && !is_user_full(*each));
                ASSERT_TRUE(!helps || other->core->state().counts().idle == 0)
                    << "somebody waits while a connection is idle";
            }
        }
    }

    void drain()
    {
        for (auto& each : shards_) {
            each->core->drain(now);
            carry_out(*each);
        }
        for (auto& each : shards_) {
            while (!each->leased.empty()) {
                give_back(*each, 0);
            }
        }
        come_to_rest();
    }

    time_point now = time_point{} + std::chrono::hours{1};
    std::uint64_t granted = 0;
    std::uint64_t rejected = 0;
    std::vector<std::pair<std::size_t, time_point>> grants{};  ///< to waiters: shard, and since when it waited
    std::vector<client_error> errors{};
    std::uint64_t hand_overs = 0;

private:
    struct gift {
        slot_age age;
        int socket;
    };

    static pool_key key_of(std::size_t index, ownership whose)
    {
        const auto named = [](const char* what, std::size_t number) { return what + std::to_string(number); };
        switch (whose) {
            case ownership::users: break;
            case ownership::kinds: return {"cluster", "user", "database", index};
            case ownership::databases: return {"cluster", "user", named("database", index)};
            case ownership::kinds_of_users: return {"cluster", named("user", index / 2), "database", index % 2};
        }
        return {"cluster", named("user", index), "database"};
    }

    static slot_id take_out(std::vector<slot_id>& list, std::size_t which)
    {
        const auto slot = list[which];
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(which));
        return slot;
    }

    void forget_socket(simulated_shard& on, slot_id slot)
    {
        ASSERT_EQ(on.sockets.erase(slot), 1U);
        --sockets_;
    }

    bool is_user_full(const simulated_shard& of)
    {
        const auto limit = budget_->limits().per_user;
        return limit != 0 && pools_[of.pool_index]->usage().held >= limit;
    }

    void carry_out(simulated_shard& on)
    {
        auto& actions = on.core->actions();
        for (std::size_t i = 0; i < actions.size(); ++i) {
            const auto next = std::move(actions[i]);
            switch (next.what) {
                case action::kind::grant: grant(on, next); break;
                case action::kind::reject: reject(on, next); break;
                case action::kind::open: open(on, next.slot); break;
                case action::kind::close: on.closing.push_back(next.slot); break;
                case action::kind::hand_over: hand_over(on, next); break;
            }
        }
        actions.clear();
    }

    void grant(simulated_shard& on, const action& what)
    {
        ASSERT_FALSE(on.queue.empty());
        ASSERT_EQ(on.queue.front().get(), what.tag) << "not the first in the queue";
        ASSERT_EQ(on.queue.front()->id, what.waiter);
        for (std::size_t i = 0; i < shards_.size(); ++i) {
            if (shards_[i].get() == &on) {
                grants.emplace_back(i, on.queue.front()->since);
            }
        }
        on.queue.pop_front();
        on.leased.push_back(what.slot);
        ++granted;
    }

    void reject(simulated_shard& on, const action& what)
    {
        std::erase_if(on.queue, [&](const auto& client) { return client.get() == what.tag; });
        errors.push_back(what.error);
        ++rejected;
    }

    void open(simulated_shard& on, slot_id slot)
    {
        on.opening.push_back(slot);
        ASSERT_TRUE(on.sockets.emplace(slot, ++last_socket_).second);
        ++sockets_;
        check_limits();
    }

    void hand_over(simulated_shard& on, const action& what)
    {
        ++hand_overs;
        auto [age, allowance] = on.core->give_away(what.slot, now);
        message parcel{.what = message::kind::gift};
        parcel.allowance = std::move(allowance);
        parcel.cargo = std::make_shared<gift>(gift{age, on.sockets.at(what.slot)});
        on.sockets.erase(what.slot);
        ASSERT_TRUE(budget_->send(what.to, parcel));
    }

    /// A count above its limit is right only where the limit was lowered below it, and then it may not grow.
    struct ceiling {
        std::uint32_t highest = ~std::uint32_t{0};
        void check(std::uint32_t limit, std::uint32_t count)
        {
            ASSERT_LE(count, std::max(limit, highest)) << "grew above its limit of " << limit;
            highest = count;
        }
    };

    void check_limits()
    {
        const auto held = budget_->usage().held;
        ASSERT_GE(static_cast<int>(held), sockets_) << "a connection without a permit";
        const auto limits = budget_->limits();
        process_.check(limits.process == 0 ? held : limits.process, held);
        node_.check(limits.per_node == 0 ? held : limits.per_node, held);
        pool_ceilings_.resize(pools_.size());
        user_ceilings_.resize(pools_.size());
        for (std::size_t i = 0; i < pools_.size(); ++i) {
            const auto own = pools_[i]->limits();
            const auto count = pools_[i]->usage().held;
            ASSERT_GE(count, sockets_of_pool(i)) << "a connection without a permit of its pool";
            pool_ceilings_[i].check(own.size + own.reserve, count);
            user_ceilings_[i].check(limits.per_user == 0 ? count : limits.per_user, count);
        }
    }

    /// Of all its kinds.
    std::uint32_t sockets_of_pool(std::size_t index)
    {
        std::size_t count = 0;
        for (const auto& each : shards_) {
            if (pools_[each->pool_index]->key().of_all_kinds() == pools_[index]->key().of_all_kinds()) {
                count += each->sockets.size();
                for (const auto& message : each->box->messages) {
                    count += message.what == message::kind::gift ? 1U : 0U;
                }
            }
        }
        return static_cast<std::uint32_t>(count);
    }

    ceiling process_;
    ceiling node_;
    std::vector<ceiling> pool_ceilings_;
    std::vector<ceiling> user_ceilings_;
    std::shared_ptr<budget> budget_;
    std::vector<std::shared_ptr<shared_pool>> pools_;
    std::vector<std::unique_ptr<simulated_shard>> shards_;
    int sockets_ = 0;
    int last_socket_ = 0;
};

}  // namespace penstock::pool::test
