// SPDX-License-Identifier: Apache-2.0
//
// One question to a scripted MySQL server: text and prepared, results of every shape, and servers that misbehave.
#include "control/mysql_exchange.hpp"

#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/packet.hpp"
#include "tests/support/dialogue_script.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::control {
namespace {

using namespace std::string_literals;
using mysql::wire_writer;

constexpr std::uint8_t var_string = 0xfd, long_long = 8;
constexpr mysql::capability_flags modern = mysql::capability::protocol_41 | mysql::capability::deprecate_eof;
constexpr mysql::capability_flags old = mysql::capability::protocol_41;

/// Packets of one reply; the numbers go on.
class reply {
public:
    explicit reply(mysql::capability_flags agreed = modern) : agreed_{agreed} {}

    reply& packet(bytes payload)
    {
        next_ = mysql::append_packet(out_, next_, payload);
        return *this;
    }
    reply& columns(const std::vector<std::pair<std::string, std::uint8_t>>& all)
    {
        packet(std::string(1, static_cast<char>(all.size())));
        return definitions(all);
    }
    reply& definitions(const std::vector<std::pair<std::string, std::uint8_t>>& all)
    {
        for (const auto& [name, type] : all) {
            std::string body;
            wire_writer to{body};
            to.lenenc_string("def").lenenc_string("").lenenc_string("t").lenenc_string("t").lenenc_string(name);
            to.lenenc_string(name).lenenc(12).u16(45).u32(100).u8(type).u16(0).u8(0).zeros(2);
            packet(body);
        }
        return is_old() ? eof() : *this;
    }
    reply& row(const std::vector<sql_value>& values)
    {
        std::string body;
        for (const auto& value : values) {
            value ? wire_writer{body}.lenenc_string(*value) : wire_writer{body}.null();
        }
        return packet(body);
    }
    reply& eof(std::uint16_t status = 2)
    {
        std::string body;
        mysql::encode_eof_payload({0, status}, body);
        return packet(body);
    }
    /// The end of a result.
    reply& end(std::uint16_t status = 2)
    {
        if (is_old()) {
            return eof(status);
        }
        std::string body;
        mysql::encode_ok_payload({.status = status}, agreed_, body, mysql::eof_header);
        return packet(body);
    }
    reply& ok(std::uint16_t status = 2)
    {
        std::string body;
        mysql::encode_ok_payload({.status = status}, agreed_, body);
        return packet(body);
    }
    reply& refusal(std::uint16_t number, std::string_view sqlstate, std::string_view text)
    {
        next_ = mysql::encode_err({number, sqlstate}, text, out_, next_);
        return *this;
    }
    reply& prepared(std::uint16_t columns, std::uint16_t parameters)
    {
        std::string body;
        wire_writer{body}.u8(0).u32(77).u16(columns).u16(parameters).zeros(3);
        return packet(body);
    }
    [[nodiscard]] std::string octets() const { return out_; }

private:
    [[nodiscard]] bool is_old() const { return !mysql::has(agreed_, mysql::capability::deprecate_eof); }

    mysql::capability_flags agreed_;
    std::uint8_t next_ = 1;
    std::string out_{};
};

/// A question under way.
struct asked {
    test::scripted<mysql_reply> talk;

    explicit asked(sql_query query, mysql::capability_flags agreed = modern)
        : talk{[&query, agreed](dialogue& line) { return ask_mysql(line, std::move(query), agreed); }}
    {
        talk.start();
    }
    asked& hears(const reply& from)
    {
        talk.feed(from.octets());
        return *this;
    }
    mysql_reply end()
    {
        EXPECT_TRUE(talk.done());
        return talk.done() ? talk.result() : mysql_reply{};
    }
};

const sql_query plain{.text = "select name from t"};
const sql_query with_value{.text = "select a from t where u = ?", .parameters = {"o'b"}};

std::string prepare_reply(mysql::capability_flags agreed = modern)
{
    return reply{agreed}.prepared(1, 1).definitions({{"?", var_string}}).definitions({{"a", var_string}}).octets();
}

void expect_broken(const reply& from, std::string_view why, const sql_query& query = plain)
{
    asked question{query};
    question.hears(from);
    const auto got = question.end();
    EXPECT_TRUE(got.broken) << why;
    EXPECT_NE(got.answer.fault.find(why), std::string::npos) << got.answer.fault;
    EXPECT_EQ(got.answer.error_number, 0) << why;
    EXPECT_TRUE(got.answer.rows.empty()) << why;
}

TEST(MysqlExchange, AsksWithoutParametersAsText)
{
    for (const auto agreed : {modern, old}) {
        asked question{plain, agreed};
        EXPECT_EQ(question.talk.sent(), "\x13\0\0\0\x03select name from t"s);
        question.hears(reply{agreed}.columns({{"name", var_string}, {"b", var_string}}).row({"ann", {}}).end());
        const auto got = question.end();
        ASSERT_TRUE(got.answer.ok()) << got.answer.fault;
        EXPECT_FALSE(got.broken);
        EXPECT_EQ(got.answer.columns, (std::vector<std::string>{"name", "b"}));
        EXPECT_EQ(got.answer.rows, (std::vector<sql_row>{{"ann", {}}}));
        EXPECT_EQ(question.talk.sent(), "");
    }
}

TEST(MysqlExchange, BindsParametersAndClosesTheStatement)
{
    for (const auto agreed : {modern, old}) {
        asked question{with_value, agreed};
        EXPECT_EQ(question.talk.sent(), "\x1c\0\0\0\x16select a from t where u = ?"s);
        question.talk.feed(prepare_reply(agreed));
        const auto execute = question.talk.sent();
        EXPECT_EQ(execute, "\x12\0\0\0\x17\x4d\0\0\0\0\x01\0\0\0\0\x01\xfd\0\x03o'b"s);
        question.hears(reply{agreed}.columns({{"a", var_string}}).packet("\0\0\x03xyz"s).packet("\0\x04"s).end());
        const auto got = question.end();
        ASSERT_TRUE(got.answer.ok()) << got.answer.fault;
        EXPECT_EQ(got.answer.rows, (std::vector<sql_row>{{"xyz"}, {sql_value{}}}));
        EXPECT_EQ(question.talk.sent(), "\x05\0\0\0\x19\x4d\0\0\0"s);
    }
}

TEST(MysqlExchange, DoesNotMindHowTheStreamIsCut)
{
    const auto stream = prepare_reply() + reply{}.columns({{"a", var_string}}).packet("\0\0\x03xyz"s).end().octets();
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        asked question{with_value};
        question.talk.feed(bytes{stream}.substr(0, cut));
        question.talk.feed(bytes{stream}.substr(cut));
        EXPECT_EQ(question.end().answer.rows, (std::vector<sql_row>{{"xyz"}})) << cut;
    }
    asked octet_by_octet{with_value};
    for (const char octet : stream) {
        octet_by_octet.talk.feed(bytes{&octet, 1});
    }
    EXPECT_TRUE(octet_by_octet.end().answer.ok());
}

TEST(MysqlExchange, TellsOfAServerThatGoesAwayAnywhere)
{
    const auto stream = prepare_reply() + reply{}.columns({{"a", var_string}}).packet("\0\0\x03xyz"s).end().octets();
    for (std::size_t size = 0; size < stream.size(); ++size) {
        asked question{with_value};
        question.talk.feed(bytes{stream}.substr(0, size));
        question.talk.end_of_input();
        const auto got = question.end();
        EXPECT_TRUE(got.broken) << size;
        EXPECT_NE(got.answer.fault.find("closed the connection"), std::string::npos) << got.answer.fault;
        EXPECT_TRUE(got.answer.rows.empty());
    }
}

TEST(MysqlExchange, TellsARefusalAndGoesOn)
{
    const auto refused = reply{}.refusal(1142, "42000", "SELECT command denied\nto user");
    asked question{plain};
    question.hears(refused);
    const auto got = question.end();
    EXPECT_FALSE(got.broken);
    EXPECT_EQ(got.answer.fault, "SELECT command denied to user");
    EXPECT_EQ(got.answer.error_number, 1142);
    EXPECT_EQ(got.answer.sqlstate, "42000");

    asked preparing{with_value};
    preparing.talk.sent();
    preparing.hears(refused);
    EXPECT_EQ(preparing.end().answer.error_number, 1142);
    EXPECT_EQ(preparing.talk.sent(), "") << "there is nothing to close";

    asked among_rows{plain};
    among_rows.hears(reply{}.columns({{"a", var_string}}).row({"1"}).refusal(1317, "70100", "interrupted"));
    const auto half = among_rows.end();
    EXPECT_EQ(half.answer.error_number, 1317);
    EXPECT_FALSE(half.broken);
    EXPECT_TRUE(half.answer.rows.empty());
}

TEST(MysqlExchange, WantsAsManyParametersAsAreGiven)
{
    asked question{with_value};
    question.talk.sent();
    question.hears(reply{}.prepared(1, 0).definitions({{"a", var_string}}));
    const auto got = question.end();
    EXPECT_FALSE(got.broken);
    EXPECT_EQ(got.answer.fault, "the query has 0 parameters (?); 1 are given");
    EXPECT_EQ(question.talk.sent(), "\x05\0\0\0\x19\x4d\0\0\0"s);
}

TEST(MysqlExchange, TakesTheFirstResultOfSeveral)
{
    constexpr std::uint16_t more = 2 | mysql::server_status::more_results_exist;
    asked question{plain};
    question.hears(reply{}
                       .ok(more)
                       .columns({{"a", var_string}})
                       .row({"1"})
                       .end(more)
                       .columns({{"b", var_string}})
                       .row({"2"})
                       .end(more)
                       .ok());
    const auto got = question.end();
    EXPECT_EQ(got.answer.columns, std::vector<std::string>{"a"});
    EXPECT_EQ(got.answer.rows, (std::vector<sql_row>{{"1"}}));
}

TEST(MysqlExchange, TakesAStatementWithoutRows)
{
    asked question{plain};
    question.hears(reply{}.ok());
    const auto got = question.end();
    EXPECT_TRUE(got.answer.ok());
    EXPECT_TRUE(got.answer.rows.empty());
}

TEST(MysqlExchange, GivesNoFileOfThisHost)
{
    expect_broken(reply{}.packet("\xfb/etc/passwd"), "asked for a file");
    asked question{with_value};
    question.talk.feed(prepare_reply());
    question.talk.sent();
    question.hears(reply{}.packet("\xfb/etc/passwd"));
    EXPECT_TRUE(question.end().broken);
    EXPECT_EQ(question.talk.sent(), "");
}

TEST(MysqlExchange, BoundsAnAnswer)
{
    reply many_rows;
    many_rows.columns({{"a", var_string}});
    for (std::size_t row = 0; row <= most_mysql_rows; ++row) {
        many_rows.row({""});
    }
    expect_broken(many_rows, "larger than expected");
    expect_broken(reply{}.columns({{"a", var_string}}).row({std::string(most_mysql_octets, 'x')}),
                  "larger than expected");
    reply long_rows;
    long_rows.columns({{"a", var_string}});
    for (int row = 0; row < 5; ++row) {
        long_rows.row({std::string(most_mysql_octets / 4, 'x')});
    }
    expect_broken(long_rows, "larger than expected");
    expect_broken(reply{}.packet("\xfc\x01\x01"s), "larger than expected");  // 257 columns
    expect_broken(reply{}.prepared(0xffff, 1), "larger than expected", with_value);
    expect_broken(reply{}.prepared(1, 0xffff), "larger than expected", with_value);
}

TEST(MysqlExchange, BoundsResultsThatNeverEnd)
{
    reply endless;
    for (std::size_t octets = 0; octets <= most_mysql_octets; octets += 7) {
        endless.ok(mysql::server_status::more_results_exist);
    }
    expect_broken(endless, "larger than expected");
}

TEST(MysqlExchange, BreaksOffWhereAPacketIsOutOfOrderOrMalformed)
{
    asked question{plain};
    question.talk.feed("\x01\0\0\x02\x01"s);
    EXPECT_TRUE(question.end().broken);

    const auto in_rows = [] { return reply{}.columns({{"a", var_string}}); };
    expect_broken(reply{}.packet(""), "not in order");
    expect_broken(reply{}.packet("\0"s), "malformed OK");
    expect_broken(reply{}.packet("\xff"s), "malformed error");
    expect_broken(reply{}.packet("\x01\x01"s), "no rows");
    expect_broken(reply{}.packet("\xfc\0\0"s), "no rows");
    expect_broken(reply{}.packet("\x01").packet("\x03"
                                                "def"s),
                  "malformed column");
    expect_broken(reply{}.packet("\x01").packet("\xfe\xff\xff\xff\xff\xff\xff\xff\xff"s), "malformed column");
    expect_broken(in_rows().packet("\x05"
                                   "abc"s),
                  "malformed row");
    expect_broken(in_rows().packet("\x01"
                                   "abc"s),
                  "malformed row");
    expect_broken(in_rows().packet("\xfe\0"s), "malformed end");
    expect_broken(reply{}.packet("\0\x01"s), "malformed answer to a prepare", with_value);
}

TEST(MysqlExchange, BreaksOffAtAMalformedBinaryRow)
{
    const std::vector<std::string> strange{"\x01\0\x01x"s, "\0"s, "\0\0"s, "\0\0\x05xyz"s, "\0\0\x01xy"s, "\0\x04x"s};
    for (const auto& row : strange) {
        asked question{with_value};
        question.talk.feed(prepare_reply());
        question.hears(reply{}.columns({{"a", var_string}}).packet(row).end());
        const auto got = question.end();
        EXPECT_TRUE(got.broken);
        EXPECT_NE(got.answer.fault.find("malformed row"), std::string::npos) << got.answer.fault;
    }
}

}  // namespace
}  // namespace penstock::control
