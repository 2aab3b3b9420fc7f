// SPDX-License-Identifier: Apache-2.0
//
// How a session that has proved who it is becomes a guest of the console. Part of session.cpp.
#pragma once

#include "proxy/session.hpp"
#include "settings/settings.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace penstock::proxy {

inline bool names_console(std::string_view database)
{
    return database == "pgbouncer";
}

/// Where other databases are, too: that name, unless a database is really called so. The console speaks PostgreSQL's
/// protocol; to clients of MySQL the name means a schema like any other.
template <protocol P>
bool session<P>::asks_for_console() const
{
    const auto& databases = worker_.current()->settings->databases;
    return engine_of_protocol<P> == engine::postgresql && worker_.serve_console() && names_console(database_) &&
           std::none_of(databases.begin(), databases.end(), [](const auto& each) { return names_console(each.name); });
}

/// The console's clients count neither against max_client_connections nor as something a drain waits for: whoever looks
/// after us gets an answer then, too. They end when the process does, at the latest.
template <protocol P>
task<void> session<P>::serve_console(client_identity who)
{
    if (!names_console(who.database)) {
        refuse({error_kind::unknown_database, "there is nothing here but the console: database \"pgbouncer\""});
        co_return;
    }
    worker_.counters().process.logins.add();
    on_console_ = true;
    worker_.owner().clients.fetch_sub(1, std::memory_order_relaxed);
    console_client client;
    client.who = std::move(who);
    client.early = std::exchange(pending_, {});
    make_secret(client.who);
    client.key = {.process_id = number_, .key = secret_};
    client.take_cancel = [this] { return std::exchange(is_cancelled_, false); };
    client.must_end = [this] { return stop_.has_value() && !stop_when_idle_; };
    auto served = worker_.serve_console()(worker_, client_, event_, std::move(client));
    co_await std::move(served);
}

}  // namespace penstock::proxy
