// SPDX-License-Identifier: Apache-2.0
//
// Small result sets are taken in one go where they have come whole, and packet by packet where they have not: the
// client gets the same and what is remembered is the same, cut wherever it may be, of whatever is a usual answer or
// nearly one.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

struct reply_case {
    std::string name;
    std::string stream;
};

std::string with_number(std::string stream, std::size_t packet, std::uint8_t number)
{
    std::size_t place = 0;
    for (; packet > 0; --packet) {
        place += load_header(bytes{stream}.substr(place)).frame_size();
    }
    stream[place + 3] = static_cast<char>(number);
    return stream;
}

std::vector<reply_case> replies()
{
    constexpr auto usual = server_status::autocommit;
    const auto a = say::column("a");
    const auto row = say::text("1");
    const auto number = say::variable("statement_id", "42");
    const std::vector<std::string> plain = {"\1", a, row, row, say::end()};
    const auto ended_by = [&](std::string end) { return packets({"\1", a, row, std::move(end)}); };
    std::vector<std::string> many = {"\1", a};
    many.resize(402, row);
    many.push_back(say::end({.changes = number}));
    std::vector<std::string> longer = many;
    longer.insert(longer.begin() + 2, 2000, row);
    return {
        {"rows", packets(plain)},
        {"no rows", packets({"\2", a, a, say::end({.status = usual | server_status::no_index_used})})},
        {"no rows and a number", packets({"\1", a, say::end({.warnings = 2, .changes = number})})},
        {"a number of the statement", ended_by(say::end({.warnings = 1, .changes = number}))},
        {"a change of state", ended_by(say::end({.changes = say::state_changed()}))},
        {"a variable", ended_by(say::end({.changes = say::variable("autocommit", "OFF")}))},
        {"a number and a variable", ended_by(say::end({.changes = number + say::variable("autocommit", "OFF")}))},
        {"a change that is cut off", ended_by(say::end({.changes = number.substr(0, 9)}))},
        {"an end with octets behind it", ended_by(say::end() + std::string{"\0\0", 2})},
        {"an end with a text", ended_by(say::end() + say::text("text"))},
        {"a transaction", ended_by(say::end({.status = usual | server_status::in_transaction}))},
        {"rows that were changed", ended_by(say::end({.affected = 7, .insert_id = 9}))},
        {"rows of a great number", ended_by(say::end({.affected = 700}))},
        {"another result",
         packets({"\1", a, row, say::end({.status = usual | server_status::more_results_exist}), "\1", a, say::end()})},
        {"a cursor", packets({"\1", a, say::end({.status = usual | server_status::cursor_exists})})},
        {"an error among rows", packets({"\1", a, row, say::err(1, "x")})},
        {"an error among definitions", packets({"\2", a, say::err(1, "x")})},
        {"numbers that wrap around", packets(many)},
        {"more than is looked at", packets(longer)},
        {"many columns", packets({std::string{"\xfc\1\0", 3}, a, row, say::end()})},
        {"no columns", packets({std::string{"\xfc\0\0", 3}, a, row, say::end()})},
        {"an EOF of a server that has none", packets({"\1", a, row, say::eof()})},
        {"an end that is too short", packets({"\1", a, row, say::end().substr(0, 6)})},
        {"an empty packet", packets({"\1", a, "", say::end()})},
        {"another number at the definition", with_number(packets(plain), 1, 7)},
        {"another number at a row", with_number(packets(plain), 3, 3)},
        {"another number at the end", with_number(packets(plain), 4, 4)},
        {"too much", packets(plain) + packets({say::ok()})},
        {"too little", packets(plain).substr(0, packets(plain).size() - 1)},
    };
}

/// What came of it: for the client, and for what is asked next.
struct outcome {
    std::string told;
    std::string asked;
    advance_result how;
    bool is_quiet;
    std::uint16_t status;

    bool operator==(const outcome&) const = default;
};

outcome outcome_of(capability_flags of_client, bytes stream, bool prepared, std::size_t cut, bool edits = true)
{
    exchange talk{of_client};
    talk.edits = edits;
    if (prepared) {
        talk.send(ask::prepare("SELECT a FROM t"));
        talk.answer(packets({say::prepared(1, 0, 0)}));
    }
    talk.send(prepared ? ask::execute(1) : ask::query("SELECT a FROM t"));
    auto how = talk.answer(stream.substr(0, cut));
    how = how == advance_result::ok ? talk.answer(stream.substr(cut)) : how;
    const bool is_quiet = talk.server->is_quiet();
    auto told = talk.sent_to_client();
    talk.sent_to_server();
    if (is_quiet && how == advance_result::ok) {
        talk.settle();
        talk.send(ask::query("SELECT FOUND_ROWS(), ROW_COUNT(), @@warning_count, LAST_INSERT_ID()"));
    }
    return {std::move(told), talk.sent_to_server() + talk.sent_to_client(), how, is_quiet, talk.server->status()};
}

TEST(MysqlPlainResults, AreTheSameWhereverTheyAreCut)
{
    for (const auto& each : replies()) {
        for (const auto of_client : {modern, old, untracked, untracked & ~capability::deprecate_eof}) {
            for (const bool prepared : {false, true}) {
                const auto whole = outcome_of(of_client, each.stream, prepared, each.stream.size());
                EXPECT_TRUE(outcome_of(of_client, each.stream, prepared, each.stream.size(), false) == whole)
                    << each.name << ", copied, prepared " << prepared << ", client " << of_client;
                const std::size_t step = each.stream.size() > 1000 ? 97 : 1;
                for (std::size_t cut = 1; cut < each.stream.size(); cut += step) {
                    ASSERT_TRUE(outcome_of(of_client, each.stream, prepared, cut) == whole)
                        << each.name << ", cut at " << cut << ", prepared " << prepared << ", client " << of_client;
                }
            }
        }
    }
}

/// Packets of the numbers that this client counts: a column count, a definition, EOF, rows and EOF.
std::string as_of_old(const std::vector<std::string>& rows)
{
    std::vector<std::string> payloads = {"\1", say::column("a"), say::eof()};
    payloads.insert(payloads.end(), rows.begin(), rows.end());
    payloads.push_back(say::eof());
    return packets(payloads);
}

TEST(MysqlPlainResults, AreNotCopiedForAClientWithItsEofWhereTheBufferMayBeChanged)
{
    for (const bool edits : {true, false}) {
        exchange talk{old};
        talk.edits = edits;
        talk.send(ask::query("SELECT a FROM t"));
        std::vector<std::string> payloads(300, say::text("one of many rows"));
        const auto expected = as_of_old(payloads);
        payloads.insert(payloads.begin(), {"\1", say::column("a")});
        payloads.push_back(say::end());
        talk.answer(packets(payloads));
        EXPECT_EQ(talk.sent_to_client(), expected);
        EXPECT_EQ(talk.client_scratch.capacity() > 1000, !edits);
    }
}

TEST(MysqlPlainResults, RowsAreNumberedWhereTheyAre)
{
    for (const bool edits : {true, false}) {
        exchange talk{old};
        talk.edits = edits;
        talk.send(ask::query("SELECT a FROM t"));
        const auto row = say::text(std::string(1000, 'x'));
        const std::vector<std::string> rows(300, row);
        std::vector<std::string> payloads = {"\1", say::column("a")};
        payloads.insert(payloads.end(), rows.begin(), rows.end());
        payloads.push_back(say::end());
        const auto stream = packets(payloads);
        const auto first = packets({"\1", say::column("a"), row}).size();
        talk.answer(bytes{stream}.substr(0, first));
        auto told = talk.sent_to_client();
        const auto used_before = talk.client_scratch.capacity();
        talk.answer(bytes{stream}.substr(first, 100 * (row.size() + header_size)));
        EXPECT_EQ(talk.client_scratch.capacity() == used_before, edits);
        talk.answer(bytes{stream}.substr(first + 100 * (row.size() + header_size)));
        told += talk.sent_to_client();
        EXPECT_EQ(told, as_of_old(rows));
    }
}

TEST(MysqlPlainResults, GetTheNumbersThatTheirClientCounts)
{
    std::vector<std::string> from = {"\1", say::column("a")};
    from.resize(302, say::text("1"));
    auto to = from;
    from.push_back(say::end({.warnings = 3, .changes = say::variable("statement_id", "42")}));
    to.insert(to.begin() + 2, say::eof());
    to.push_back(say::eof(server_status::autocommit, 3));
    exchange talk{old};
    talk.send(ask::query("SELECT a FROM t"));
    EXPECT_EQ(talk.reply(from), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), packets(to));
    EXPECT_TRUE(talk.server->is_quiet());
}

}  // namespace
}  // namespace penstock::mysql::test
