// SPDX-License-Identifier: Apache-2.0
//
// Each watched database has one alarm at most that counts (the one of the newest round) and one reading under way.
#include "control/catalog.hpp"

#include "control/catalog_functions.hpp"
#include "telemetry/log.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

namespace penstock::control {

struct catalog::state : std::enable_shared_from_this<catalog::state> {
    struct watched {
        std::unique_ptr<sql_client> client{};  ///< while a reading is under way
        bool again = false;                    ///< definitions changed since it began
        std::uint64_t round = 0;               ///< of the alarm that counts
        time_point last_begun{};
        std::shared_ptr<const function_snapshot> snapshot{};  ///< under mutex
        bool complained = false;
    };

    state(loop& loop_, catalog_options options_, catalog_surroundings surroundings_)
        : on{loop_}, options{options_}, around{std::move(surroundings_)}
    {
    }

    void watch(const catalog_key& key)
    {
        if (databases.size() >= options.most_databases) {
            return;
        }
        bool is_new = false;
        {
            const std::lock_guard guard{mutex};
            is_new = databases.try_emplace(key).second;
        }
        if (is_new) {
            read(key, databases.at(key));
        }
    }

    void changed(const catalog_key& key)
    {
        const auto found = databases.find(key);
        if (found == databases.end()) {
            return;
        }
        auto& database = found->second;
        forget(key, database);
        if (database.client != nullptr) {
            database.again = true;
            return;
        }
        set_alarm(key, database, std::max(duration{}, database.last_begun + options.shortest_pause - clock::now()));
    }

    void forget(const catalog_key& key, watched& database)
    {
        if (database.snapshot == nullptr) {
            return;
        }
        {
            const std::lock_guard guard{mutex};
            database.snapshot = nullptr;
        }
        if (around.publish) {
            around.publish(key, nullptr);
        }
    }

    void set_alarm(const catalog_key& key, watched& database, duration wait)
    {
        on.call_after(wait, [self = weak_from_this(), key, round = ++database.round] {
            const auto still = self.lock();
            if (still == nullptr || still->closed) {
                return;
            }
            if (auto& due = still->databases.at(key); due.round == round && due.client == nullptr) {
                still->read(key, due);
            }
        });
    }

    void read(const catalog_key& key, watched& database)
    {
        database.last_begun = clock::now();
        database.again = false;
        const auto target = around.where_to_ask(key);
        if (!target) {
            return set_alarm(key, database, options.retry_interval);
        }
        database.client = around.make_client(*target);
        database.client->ask(functions_query(target->engine),
                             options.patience,
                             [self = weak_from_this(), key, of = target->engine](sql_answer answer) {
                                 if (const auto still = self.lock(); still != nullptr && !still->closed) {
                                     still->take(key, of, answer);
                                 }
                             });
    }

    void take(const catalog_key& key, engine of, const sql_answer& answer)
    {
        auto& database = databases.at(key);
        // A client must not end from inside its own answer.
        on.post([client = std::shared_ptr<sql_client>{std::move(database.client)}] {});
        auto functions = read_functions(of, answer);
        auto relations = read_relations(answer);
        const bool failed = !answer.ok() || (functions.empty() && relations.empty() && !answer.rows.empty());
        if (failed) {
            complain(key, database, answer);
        } else if (!database.again) {  // else it may have been too early
            database.complained = false;
            renew(key, database, of, answer, std::move(functions), std::move(relations));
        }
        const auto wait = failed           ? options.retry_interval
                          : database.again ? options.shortest_pause
                                           : options.refresh_interval;
        set_alarm(key, database, wait);
    }

    void renew(const catalog_key& key,
               watched& database,
               engine of,
               const sql_answer& answer,
               function_snapshot::table functions,
               relation_names relations)
    {
        if (database.snapshot != nullptr && database.snapshot->functions() == functions &&
            database.snapshot->of_primary() == relations) {
            return;
        }
        const bool is_mariadb = answer.version_text.find("MariaDB") != std::string::npos;
        auto made = std::make_shared<const function_snapshot>(
            of, is_mariadb, std::move(functions), ++versions, std::move(relations));
        {
            const std::lock_guard guard{mutex};
            database.snapshot = made;
        }
        if (around.publish) {
            around.publish(key, made);
        }
    }

    static void complain(const catalog_key& key, watched& database, const sql_answer& answer)
    {
        if (!std::exchange(database.complained, true)) {
            log::warning("the functions of a database cannot be read; statements that call any go to the primary",
                         {{"cluster", key.cluster},
                          {"database", key.database},
                          {"reason", answer.ok() ? "the answer has no such form" : answer.fault}});
        }
    }

    loop& on;
    catalog_options options;
    catalog_surroundings around;
    bool closed = false;
    std::uint64_t versions = 0;
    /// Changed on the control thread only; the mutex is for current(), and for what that reads.
    mutable std::mutex mutex{};
    std::map<catalog_key, watched> databases{};
};

catalog::catalog(loop& on, catalog_options options, catalog_surroundings surroundings)
    : state_{std::make_shared<state>(on, options, std::move(surroundings))}
{
}

catalog::~catalog()
{
    state_->closed = true;
}

void catalog::watch(catalog_key key)
{
    state_->on.post([self = std::weak_ptr{state_}, key = std::move(key)] {
        if (const auto still = self.lock(); still != nullptr && !still->closed) {
            still->watch(key);
        }
    });
}

void catalog::changed(catalog_key key)
{
    state_->on.post([self = std::weak_ptr{state_}, key = std::move(key)] {
        if (const auto still = self.lock(); still != nullptr && !still->closed) {
            still->changed(key);
        }
    });
}

function_catalogue_ptr catalog::current(const catalog_key& key) const
{
    const std::lock_guard guard{state_->mutex};
    const auto found = state_->databases.find(key);
    return found == state_->databases.end() ? nullptr : found->second.snapshot;
}

}  // namespace penstock::control
