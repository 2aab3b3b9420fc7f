// SPDX-License-Identifier: Apache-2.0
//
// The collation that a client names by number at login: how servers of either product are told of it, and what is left
// of it when the session is reset.
#include "protocols/mysql/capabilities.hpp"
#include "protocols/mysql/session_state.hpp"
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace penstock::mysql::test {
namespace {

using list = std::vector<std::string>;

list query_of(std::string_view text)
{
    return {'\3' + std::string{text}};
}

/// A session that logged in with this collation, and the commands that bring a fresh server there.
list catch_up_with(const char* collation, capability_flags of_server, list before = {}, parameter_list had = {})
{
    session_state state{parameter_set::of({{"character_set_client", collation},
                                           {"character_set_results", collation},
                                           {"collation_connection", collation}})};
    for (const auto& each : before) {
        if (each == "reset") {
            state.reset();
            state.on_server((of_server & capability::long_password) == 0);
        } else {
            state.set(each, "latin1");
        }
    }
    return *catch_up_commands(*parameter_set::of(had),
                              *state.current(),
                              {.initial_schema = "app", .is_mariadb = (of_server & capability::long_password) == 0});
}

constexpr auto mysqls = capability::long_password;
constexpr capability_flags mariadbs = 0;
const auto* const by_names =
    "\3EXECUTE IMMEDIATE CONCAT('SET NAMES ',@@character_set_connection,' COLLATE ',@@collation_connection)";

TEST(MysqlLoginCollation, HasTheCollationOfTheLoginOnEitherProduct)
{
    const auto by_number = query_of(
        "SET @@session.character_set_client=46,@@session.character_set_results=46,"
        "@@session.collation_connection=46");
    EXPECT_EQ(catch_up_with("46", mysqls), by_number);
    EXPECT_EQ(catch_up_with("46", mariadbs), (list{"\3SET @@session.collation_connection=46", by_names}));
    EXPECT_EQ(catch_up_with("45", mariadbs).size(), 1U) << "a default collation's number stands for the character set";
    EXPECT_EQ(catch_up_with(
                  "46",
                  mariadbs,
                  {},
                  {{"character_set_client", "46"}, {"character_set_results", "46"}, {"collation_connection", "46"}}),
              list{});
}

TEST(MysqlLoginCollation, KeepsWhatWasSetBesideTheCollationOfTheLogin)
{
    EXPECT_EQ(
        catch_up_with("46", mariadbs, {"character_set_client"}),
        (list{"\3SET @@session.collation_connection=46", by_names, "\3SET @@session.character_set_client='latin1'"}));
    EXPECT_EQ(
        catch_up_with("46", mariadbs, {"character_set_client"}, {{"character_set_client", "latin1"}}),
        (list{"\3SET @@session.collation_connection=46", by_names, "\3SET @@session.character_set_client='latin1'"}))
        << "it is set again behind the other two";
    EXPECT_EQ(catch_up_with("46", mariadbs, {}, {{"collation_connection", "latin1_bin"}, {"time_zone", "+01:00"}}),
              (list{"\3SET @@session.collation_connection=46", by_names, "\3SET @@session.time_zone=DEFAULT"}));
}

TEST(MysqlLoginCollation, GoesBackToTheCollationOfTheLoginOnMariaDbOnly)
{
    EXPECT_EQ(catch_up_with("46", mysqls, {"reset"}), list{});
    EXPECT_EQ(catch_up_with("46", mariadbs, {"character_set_client", "reset"}).size(), 2U);
    EXPECT_EQ(catch_up_with("46", mysqls, {"reset"}, {{"character_set_client", "latin1"}}),
              query_of("SET @@session.character_set_client=DEFAULT"));
}

TEST(MysqlLoginCollation, StaysWhereAServerRefusesAnother)
{
    for (const auto* const named : {"46", "utf8mb4_bin"}) {
        exchange talk;
        statement_store store;
        front client{store, {}, parameter_set::of({{"collation_connection", "46"}}), 8};
        outbox to_server{talk.server_scratch};
        outbox to_client{talk.client_scratch};
        client.consume(ask::query("SELECT 1"), talk.server, to_server, to_client);
        const auto refusal = "Unknown character set: '" + std::string{named} + "'";
        talk.server->advance(packets({say::err(1115, refusal, "42000")}), client, to_client);
        EXPECT_TRUE(talk.server->must_close);
        EXPECT_EQ(client.state().numbered_collation(), named == std::string_view{"46"} ? "" : "46");
    }
}

}  // namespace
}  // namespace penstock::mysql::test
