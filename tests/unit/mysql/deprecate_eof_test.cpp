// SPDX-License-Identifier: Apache-2.0
//
// What the two sides agreed on differs: DEPRECATE_EOF in all four ways over every form of reply, metadata flags and
// MariaDB's extended types. Each reply is also fed octet by octet.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

/// A reply in both forms.
struct form {
    std::string name;
    std::string command;
    std::vector<std::string> with_eof;
    std::vector<std::string> without;
};

constexpr std::uint16_t more = server_status::more_results_exist | server_status::autocommit;
const std::string binary_row{"\0\0\5\0\0\0", 6};

/// A row whose first column has 16 MiB: it begins as EOF does.
std::string giant_row()
{
    return say::text(std::string(0x1000000, 'x'));
}

std::vector<form> forms()
{
    const auto a = say::column("a");
    const auto b = say::column("b");
    return {
        {"text rows",
         ask::query("SELECT 1"),
         {"\1", a, say::eof(), say::text("1"), say::eof(2, 3)},
         {"\1", a, say::text("1"), say::end({.warnings = 3})}},
        {"no rows", ask::query("SELECT 1"), {"\2", a, b, say::eof(), say::eof()}, {"\2", a, b, say::end()}},
        {"several results",
         ask::query("CALL p()"),
         {"\1", a, say::eof(more), say::text("1"), say::eof(more), "\1", b, say::eof(more), say::eof(more), say::ok()},
         {"\1", a, say::text("1"), say::end({.status = more}), "\1", b, say::end({.status = more}), say::ok()}},
        {"an error among rows",
         ask::query("SELECT 1"),
         {"\1", a, say::eof(), say::text("1"), say::err(1, "x")},
         {"\1", a, say::text("1"), say::err(1, "x")}},
        {"an error before rows",
         ask::query("SELECT 1"),
         {"\1", a, say::eof(), say::err(1, "x")},
         {"\1", a, say::err(1, "x")}},
        {"binary rows",
         ask::execute(1),
         {"\1", a, say::eof(), binary_row, say::eof()},
         {"\1", a, binary_row, say::end()}},
        {"a cursor", ask::execute(1, {}, 1), {"\1", a, say::eof(0x42)}, {"\1", a, say::end({.status = 0x42})}},
        {"prepare",
         ask::prepare("SELECT ?, ?"),
         {say::prepared(2, 2, 1), a, say::eof(), a, b, say::eof()},
         {say::prepared(2, 2, 1), a, a, b}},
        {"prepare without parameters",
         ask::prepare("SELECT 5"),
         {say::prepared(2, 1, 0), a, say::eof()},
         {say::prepared(2, 1, 0), a}},
        {"prepare without columns",
         ask::prepare("DO ?"),
         {say::prepared(2, 0, 1), a, say::eof()},
         {say::prepared(2, 0, 1), a}},
        {"prepare with neither", ask::prepare("DO 1"), {say::prepared(2, 0, 0)}, {say::prepared(2, 0, 0)}},
        {"field list",
         ask::command(command::field_list, std::string{"t\0", 2}),
         {a, b, say::eof()},
         {a, b, say::end()}},
        {"set option", ask::command(command::set_option, std::string{"\1\0", 2}), {say::eof()}, {say::end()}},
        {"debug", ask::command(command::debug), {say::eof()}, {say::end()}},
    };
}

/// Statement 1 is prepared, so that it can be executed.
void make_ready(exchange& talk, std::string_view text = "SELECT 1")
{
    talk.send(ask::prepare(text));
    talk.answer(packets({say::prepared(1, 0, 0)}));
    talk.sent_to_server();
    talk.sent_to_client();
}

TEST(MysqlDeprecateEof, IsTranslatedBetweenAnyTwoSides)
{
    for (const auto& form : forms()) {
        for (const bool client : {false, true}) {
            for (const bool server : {false, true}) {
                for (const std::size_t piece : {std::string::npos, std::size_t{1}}) {
                    exchange talk{client ? modern : old, server ? modern : old};
                    make_ready(talk);
                    talk.send(form.command);
                    EXPECT_EQ(talk.answer(packets(server ? form.without : form.with_eof), piece), advance_result::ok);
                    EXPECT_EQ(talk.sent_to_client(), packets(client ? form.without : form.with_eof))
                        << form.name << ", client " << client << ", server " << server;
                    EXPECT_TRUE(talk.server->is_quiet()) << form.name;
                }
            }
        }
    }
}

TEST(MysqlDeprecateEof, TellsOfOutParametersInFrontOfTheirRow)
{
    constexpr std::uint16_t out = more | server_status::ps_out_params;
    const auto a = say::column("a");
    const std::vector<std::string> with_eof = {"\1",
                                               a,
                                               say::eof(more),
                                               binary_row,
                                               binary_row,
                                               say::eof(more),
                                               "\1",
                                               a,
                                               say::eof(more),
                                               binary_row,
                                               say::eof(more),
                                               "\1",
                                               a,
                                               say::eof(more),
                                               say::eof(more),
                                               "\1",
                                               a,
                                               say::eof(out),
                                               binary_row,
                                               say::eof(out),
                                               say::ok()};
    const std::vector<std::string> without = {"\1",
                                              a,
                                              binary_row,
                                              binary_row,
                                              say::end({.status = more}),
                                              "\1",
                                              a,
                                              binary_row,
                                              say::end({.status = more}),
                                              "\1",
                                              a,
                                              say::end({.status = more}),
                                              "\1",
                                              a,
                                              binary_row,
                                              say::end({.status = out}),
                                              say::ok()};
    for (const bool client : {false, true}) {
        for (const bool server : {false, true}) {
            for (const std::size_t piece : {std::string::npos, std::size_t{1}, std::size_t{7}}) {
                exchange talk{client ? modern : old, server ? modern : old};
                make_ready(talk, "CALL p(?)");
                talk.send(ask::execute(1));
                EXPECT_EQ(talk.answer(packets(server ? without : with_eof), piece), advance_result::ok);
                EXPECT_EQ(talk.sent_to_client(), packets(client ? without : with_eof))
                    << "client " << client << ", server " << server << ", pieces of " << piece;
                EXPECT_TRUE(talk.server->is_quiet());
            }
        }
    }
}

TEST(MysqlDeprecateEof, HoldsNoRowOfAProcedureThatIsLong)
{
    exchange talk{old, modern};
    make_ready(talk, "CALL p(?)");
    talk.send(ask::execute(1));
    const auto a = say::column("a");
    const auto row = std::string{"\0\0", 2} + giant_row();
    const auto stream = packets({"\1", a, row, say::end({.status = more}), say::ok()});
    talk.answer(bytes{stream}.substr(0, 4'000'000));
    EXPECT_GT(talk.client_got.size(), 3'900'000U);
    talk.answer(bytes{stream}.substr(4'000'000));
    EXPECT_EQ(talk.sent_to_client(), packets({"\1", a, say::eof(more), row, say::eof(more), say::ok()}));
}

TEST(MysqlDeprecateEof, IsFollowedByTheOnlyRowAlsoWhereAnErrorComesBehindIt)
{
    exchange talk{old, modern};
    make_ready(talk, "CALL p(?)");
    talk.send(ask::execute(1));
    const auto a = say::column("a");
    talk.reply({"\1", a, binary_row, say::err(1, "x")});
    EXPECT_EQ(talk.sent_to_client(), packets({"\1", a, say::eof(more), binary_row, say::err(1, "x")}));
}

TEST(MysqlDeprecateEof, IsTranslatedForFetchedRows)
{
    const std::vector<std::string> with_eof = {binary_row, binary_row, say::eof(0x82)};
    const std::vector<std::string> without = {binary_row, binary_row, say::end({.status = 0x82})};
    for (const bool client : {false, true}) {
        for (const bool server : {false, true}) {
            exchange talk{client ? modern : old, server ? modern : old};
            make_ready(talk);
            talk.send(ask::execute(1, {}, 1));
            talk.answer(server ? packets({"\1", say::column("a"), say::end({.status = 0x42})})
                               : packets({"\1", say::column("a"), say::eof(0x42)}));
            talk.sent_to_client();
            talk.send(ask::on_statement(command::stmt_fetch, 1, ask::number(2)));
            talk.answer(packets(server ? without : with_eof), 1);
            EXPECT_EQ(talk.sent_to_client(), packets(client ? without : with_eof));
            EXPECT_FALSE(talk.client.must_stay());
        }
    }
}

TEST(MysqlDeprecateEof, DoesNotTakeALongRowForTheEnd)
{
    const std::vector<std::string> with_eof = {"\1", say::column("a"), say::eof(), giant_row(), say::eof()};
    const std::vector<std::string> without = {"\1", say::column("a"), giant_row(), say::end()};
    for (const bool client : {false, true}) {
        for (const bool server : {false, true}) {
            exchange talk{client ? modern : old, server ? modern : old};
            talk.send(ask::query("SELECT 1"));
            EXPECT_EQ(talk.answer(packets(server ? without : with_eof), 65536), advance_result::ok);
            EXPECT_TRUE(talk.sent_to_client() == packets(client ? without : with_eof));
        }
    }
}

TEST(MysqlPackets, OfTheLongestLengthsArePassedOnInEveryNumber)
{
    for (const std::size_t size : {0xfffffeU, 0xffffffU, 0x1000000U, 0x1fffffeU}) {
        // A row is the text's length in 5 or 9 octets and the text; its own length is what counts.
        const auto head = say::text(std::string(0xffffff - 4, ' ')).size() - (0xffffff - 4);
        const std::vector<std::string> with_eof = {
            "\1", say::column("a"), say::eof(), say::text(std::string(size - head, 'x')), say::eof()};
        exchange talk{modern, old};
        talk.send(ask::query("SELECT 1"));
        EXPECT_EQ(talk.answer(packets(with_eof), 100000), advance_result::ok);
        EXPECT_TRUE(talk.sent_to_client() == packets({"\1", with_eof[1], with_eof[3], say::end()})) << size;
    }
}

TEST(MysqlPackets, OfLongCommandsPassThroughInPieces)
{
    for (const std::size_t size : {0x200000U, 0xfffffeU, 0xffffffU, 0x1000000U, 0x1fffffeU}) {
        for (const bool attributes : {false, true}) {
            exchange talk{modern, attributes ? modern | capability::query_attributes : modern};
            const auto text = "SELECT '" + std::string(size - 10, 'x') + "'";
            const auto sent = ask::query(text);
            for (std::size_t at = 0; at < sent.size(); at += 1 << 20) {
                ASSERT_EQ(talk.send(bytes{sent}.substr(at, 1 << 20)), front_need::more);
                EXPECT_LT(talk.pending.size(), std::size_t{3} << 20);
            }
            const auto expected = attributes ? packets({std::string{"\3\0\1", 3} + text}, 0) : sent;
            EXPECT_TRUE(talk.server_got == expected) << size;
            EXPECT_FALSE(talk.client.is_mid_message());
            // The reply's first number follows the frames that each side counts.
            const auto frames_of_client = static_cast<std::uint8_t>((size) / 0xffffff + 1);
            const auto frames_of_server =
                static_cast<std::uint8_t>((text.size() + 1 + (attributes ? 2 : 0)) / 0xffffff + 1);
            EXPECT_EQ(talk.answer(packets({say::ok()}, frames_of_server)), advance_result::ok);
            EXPECT_EQ(numbers_of(talk.sent_to_client()), std::to_string((text.size() + 1) / 0xffffff + 1));
            static_cast<void>(frames_of_client);
        }
    }
}

TEST(MysqlPackets, OfLongExecutesAndLongDataGetTheServersId)
{
    exchange talk;
    talk.send(ask::prepare("SELECT ?"));
    talk.answer(packets({say::prepared(9, 0, 1), say::column("?")}));
    talk.sent_to_server();
    talk.sent_to_client();
    const auto value = std::string{"\0\1\xfc\0", 4} + say::text(std::string(0x1000010, 'x'));
    talk.send(ask::execute(1, value));
    EXPECT_TRUE(talk.sent_to_server() == ask::execute(9, value));
    EXPECT_EQ(talk.answer(packets({say::ok()}, 2)), advance_result::ok);
    EXPECT_EQ(numbers_of(talk.sent_to_client()), "2");
    const auto data = std::string{"\0\0", 2} + std::string(0x1000010, 'y');
    talk.send(ask::on_statement(command::stmt_send_long_data, 1, data));
    EXPECT_TRUE(talk.sent_to_server() == ask::on_statement(command::stmt_send_long_data, 9, data));
    EXPECT_TRUE(talk.server->is_quiet());
    EXPECT_FALSE(talk.client.is_mid_message());
    EXPECT_TRUE(talk.client.must_stay());
}

TEST(MysqlPackets, OfALongExecuteGetTypesInserted)
{
    exchange talk;
    talk.send(ask::prepare("SELECT ?"));
    talk.answer(packets({say::prepared(9, 0, 1), say::column("?")}));
    talk.send(ask::execute(1, std::string{"\0\1\xfc\0\1x", 6}));
    talk.answer(packets({say::ok()}));
    talk.move_to(1);
    // 10 octets of head, 2 of bitmap and flag, 9 of length: with the types the text ends one frame and begins another.
    for (const std::size_t length : {0xffffffU - 22, 0xffffffU - 21, 0xffffffU}) {
        const auto text = say::text(std::string(length, 'x'));
        const auto sent = ask::execute(1, std::string{"\0\0", 2} + text);
        talk.sent_to_server();
        talk.sent_to_client();
        if (talk.send(sent) == front_need::answers) {
            talk.sent_to_server();
            talk.answer(packets({say::prepared(5, 0, 1), say::column("?")}));
            talk.send({});
        }
        EXPECT_TRUE(talk.sent_to_server() == ask::execute(5, std::string{"\0\1\xfc\0", 4} + text)) << length;
        const auto frames = static_cast<std::uint8_t>((text.size() + 14) / 0xffffff + 1);
        EXPECT_EQ(talk.answer(packets({say::ok()}, frames)), advance_result::ok);
        talk.server->statements.find(*talk.store.intern("SELECT ?", parameter_set::none(), {}), 1)->has_types = false;
    }
}

TEST(MysqlMetadata, FlagsAreAddedAndTakenAway)
{
    const auto a = say::column("a");
    const auto b = say::column("b");
    const auto row = say::text("1") + say::text("2");
    const std::vector<std::string> plain = {"\2", a, b, row, say::end()};
    const std::vector<std::string> optional = {"\2\1", a, b, row, say::end()};
    const auto with_optional = modern | capability::optional_resultset_metadata;
    const auto with_cache = modern | capability::mariadb_cache_metadata;
    struct example {
        capability_flags client;
        capability_flags server;
        std::vector<std::string> from;
        std::vector<std::string> to;
    };
    for (const auto& each : std::vector<example>{{with_optional, modern, plain, optional},
                                                 {modern, with_optional, optional, plain},
                                                 {with_optional, with_optional, optional, optional},
                                                 {with_cache, modern, plain, optional}}) {
        exchange talk{each.client, each.server};
        talk.send(ask::query("SELECT 1"));
        EXPECT_EQ(talk.answer(packets(each.from), 1), advance_result::ok);
        EXPECT_EQ(talk.sent_to_client(), packets(each.to));
    }
    exchange without{with_optional, with_optional};
    without.send(ask::query("SELECT 1"));
    const auto bare = packets({std::string{"\2\0", 2}, row, say::end()});
    EXPECT_EQ(without.answer(bare), advance_result::ok);
    EXPECT_EQ(without.sent_to_client(), bare);
}

TEST(MysqlMetadata, ExtendedTypesAreAddedAndTakenAway)
{
    const auto extended = modern | capability::mariadb_extended_metadata;
    const std::vector<std::string> plain = {"\1", say::column("a"), say::text("1"), say::end()};
    const std::vector<std::string> typed = {"\1", say::column("a", true), say::text("1"), say::end()};
    exchange talk{modern, extended};
    talk.send(ask::query("SELECT 1"));
    talk.answer(packets(typed));
    EXPECT_EQ(talk.sent_to_client(), packets(plain));
    exchange other{extended, modern};
    other.send(ask::query("SELECT 1"));
    other.answer(packets(plain));
    EXPECT_EQ(other.sent_to_client(), packets(typed));
}

}  // namespace
}  // namespace penstock::mysql::test
