// SPDX-License-Identifier: Apache-2.0
//
// Servers that break the protocol harm their own exchange only; and clients that do are refused.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

struct breach {
    std::string name;
    std::string command;
    std::string reply;
};

std::vector<breach> breaches()
{
    const auto query = ask::query("SELECT 1");
    const auto a = say::column("a");
    return {
        {"a wrong number", query, packets({say::ok()}, 2)},
        {"a wrong number among rows", query, packets({"\1", a}) + packets({say::text("1")}, 7)},
        {"an empty packet", query, packets({""})},
        {"no columns", query, packets({std::string{"\xfc\0\0", 3}})},
        {"too many columns", query, packets({"\xfd\xff\xff\xff"})},
        {"a count with a tail", query, packets({"\1 tail, that is too long"})},
        {"a count cut off", query, packets({"\xfc\1"})},
        {"NULL as a count", query, packets({"\xfb"})},
        {"an OK cut off", query, packets({std::string{"\0\0\0\2", 4}})},
        {"changes that overrun", query, packets({std::string{"\0\0\0\2\x40\0\0\0\x7f\0", 10}})},
        {"a malformed ERR", query, packets({"\xff\1"})},
        {"rows for a ping", ask::command(command::ping), packets({"\1"})},
        {"an EOF for a ping", ask::command(command::ping), packets({say::end()})},
        {"a file for a prepare", ask::prepare("SELECT 1"), packets({"\xfb/etc/passwd"})},
        {"a prepared header cut off", ask::prepare("SELECT 1"), packets({std::string{"\0\1\0\0\0", 5}})},
        {"a definition longer than what is held", query, packets({"\1", std::string(0x200000, 'x')})},
        {"a malformed definition", query, packets({"\1", "\3de"})},
    };
}

TEST(MysqlHostileServer, IsFoundOut)
{
    for (const auto& each : breaches()) {
        for (const std::size_t piece : {std::string::npos, std::size_t{1}}) {
            if (piece == 1 && each.reply.size() > 100000) {
                continue;  // the same by larger pieces
            }
            // Definitions are only read where they have to be changed: hence the client without extended types.
            exchange talk{modern, modern | capability::mariadb_extended_metadata};
            talk.send(each.command);
            EXPECT_EQ(talk.answer(each.reply, piece), advance_result::violation) << each.name;
            EXPECT_FALSE(talk.server->last_error().detail.empty()) << each.name;
        }
    }
}

TEST(MysqlHostileServer, MayNotSpeakUnasked)
{
    exchange talk;
    EXPECT_EQ(talk.answer(packets({say::ok()})), advance_result::violation);
    for (int number = 0; number < 256; ++number) {  // also with the one that comes next, and in parts
        const auto row = packets({"\1", say::column("a"), say::text("of somebody else"), say::end()},
                                 static_cast<std::uint8_t>(number));
        for (const auto size : {std::size_t{1}, header_size, row.size()}) {
            exchange quiet;
            quiet.run("SELECT 1", {say::ok()});
            EXPECT_FALSE(quiet.server->advance_idle(bytes{row}.substr(0, size))) << number << " " << size;
            EXPECT_EQ(quiet.answer(bytes{row}.substr(0, size)), advance_result::violation) << number << " " << size;
        }
    }
    exchange killed;
    EXPECT_EQ(killed.answer(packets({say::err(1927, "Connection was killed", "70100")}, 0)), advance_result::lost);
    EXPECT_EQ(killed.server->last_error().detail, "Connection was killed");
    EXPECT_FALSE(killed.server->advance_idle("x"));
}

TEST(MysqlHostileServer, MayNotAskForAFileInAnAnswerOfOurs)
{
    exchange talk{modern | capability::local_files, modern | capability::local_files};
    talk.run("SET @a = 1", {say::ok()});
    talk.move_to(1);
    talk.send(ask::query("LOAD DATA LOCAL INFILE 'f' INTO TABLE t"));  // the catch-up goes first
    EXPECT_EQ(talk.answer(packets({"\xfb"
                                   "f"})),
              advance_result::violation);
}

TEST(MysqlHostileServer, IsNotHeardBeforeTheEndOfAFile)
{
    exchange talk{modern | capability::local_files, modern | capability::local_files};
    talk.send(ask::query("LOAD DATA LOCAL INFILE 'f' INTO TABLE t"));
    talk.answer(
        packets({"\xfb"
                 "f"}));
    EXPECT_EQ(talk.answer(packets({say::ok()}, 2)), advance_result::violation);
}

TEST(MysqlHostileServer, CannotMakeWarningsGrowWithoutBound)
{
    exchange talk;
    talk.send(ask::query("SELECT 1"));
    talk.answer(packets({say::ok({.warnings = 9})}));
    ASSERT_TRUE(talk.settle());
    std::vector<std::string> rows = {"\3", say::column("a"), say::column("b"), say::column("c")};
    rows.resize(5000, say::text(std::string(200, 'x')));
    rows.push_back(say::end());
    EXPECT_EQ(talk.answer(packets(rows)), advance_result::ok);
    talk.server = nullptr;
    talk.send(ask::query("SHOW WARNINGS"));
    EXPECT_LT(talk.sent_to_client().size(), 80000U);
}

TEST(MysqlHostileClient, IsBoundedInWhatItMakesUsHold)
{
    exchange talk;
    // A command that cannot be long.
    EXPECT_EQ(talk.send(ask::command(command::field_list, std::string(20000, 'x'))), front_need::close);
    // A head of types and names that does not end.
    exchange second{modern | capability::query_attributes, modern | capability::query_attributes};
    second.send(ask::prepare("SELECT ?"));
    second.answer(packets({say::prepared(1, 0, 1), say::column("?")}));
    std::string endless{"\1\0\1\3\0\xfe", 6};
    endless += std::string{"\0\0\0\1\0\0\0\0", 8};
    EXPECT_EQ(second.send(ask::execute(1, endless + std::string(0x200000, 'x'), parameter_count_available)),
              front_need::close);
}

TEST(MysqlHostileClient, SendsMalformedAttributesForNothing)
{
    for (const auto& body :
         {std::string{"\xff"}, std::string{"\1\1"}, std::string{"\1\1\0\0", 4}, std::string{"\1\1\0\1\3\0\x7f", 7}}) {
        exchange talk{modern | capability::query_attributes, modern};
        talk.send(ask::query(body));
        EXPECT_EQ(decode_err(talk.told()[0])->code, 1835);
        EXPECT_EQ(talk.sent_to_server(), "");
    }
}

}  // namespace
}  // namespace penstock::mysql::test
