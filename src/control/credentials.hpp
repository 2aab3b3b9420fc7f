// SPDX-License-Identifier: Apache-2.0
//
// Who is this user? Asked of the configuration, then of a PgBouncer userlist.txt, then of the database by auth_query.
//
// A cluster's databases are asked about its own users only: what one cluster says of "app" holds for no other one's
// "app". known() and look_up() may be called from any thread. The tables are immutable snapshots and the cache has a
// mutex that is held for moments only; queries run on the control thread, one connection per cluster, one query per
// user at a time.
#pragma once

#include "control/credential_options.hpp"
#include "control/loop.hpp"
#include "control/sql_client.hpp"
#include "core/clock.hpp"
#include "protocols/wire/login_types.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace penstock::control {

/// What credentials need of the world around them.
struct credential_surroundings {
    sql_client_factory make_client{};
    /// Where and as whom auth_query is to be asked now in this cluster, or nothing where no node is known. On the
    /// control thread.
    std::function<std::optional<sql_target>(const std::string& cluster)> where_to_ask{};
    std::function<time_point()> now = [] { return clock::now(); };
    /// For VALID UNTIL.
    std::function<std::chrono::system_clock::time_point()> today = [] { return std::chrono::system_clock::now(); };
};

class credentials {
public:
    /// Reads users_file; its faults are told as warnings and its sound lines used (settings refuse a faulty file at
    /// start-up).
    credentials(loop& on, credential_options options, credential_surroundings surroundings);
    ~credentials();  ///< look-ups under way are not answered. On the control thread, or once it has ended
    credentials(const credentials&) = delete;
    credentials& operator=(const credentials&) = delete;

    /// The record, where no query is needed: a user of the configuration or the file, one in the cache, or, where there
    /// is no auth_query, one that does not exist. From any thread.
    [[nodiscard]] std::optional<user_record> known(const user_question& question) const;

    /// The record, by query if need be. The answer is called on the control thread. From any thread.
    void look_up(user_question question, std::function<void(user_record)> answer);

    /// Forgets what the cache says of a user, for example because a proof failed that a changed password explains. At
    /// most once a second per user. From any thread.
    void forget(const user_question& who);

    /// Takes new options, as after a reload; reads the file again and empties the cache. From any thread.
    void configure(credential_options options);

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace penstock::control
