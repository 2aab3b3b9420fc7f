// SPDX-License-Identifier: Apache-2.0
//
// Length-encoded values and the packets that end a command, sound and malformed.
#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/encode.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::mysql {
namespace {

using namespace std::string_literals;

TEST(WireReader, FixedIntegersAreLittleEndian)
{
    const auto octets = "\x01\x02\x03\x04\x05\x06\x07\x08"s;
    EXPECT_EQ(wire_reader{octets}.u16(), 0x0201);
    EXPECT_EQ(wire_reader{octets}.u24(), 0x030201U);
    EXPECT_EQ(wire_reader{octets}.u32(), 0x04030201U);
    EXPECT_EQ(wire_reader{octets}.u48(), 0x060504030201ULL);
    EXPECT_EQ(wire_reader{octets}.u64(), 0x0807060504030201ULL);
}

TEST(WireReader, LengthEncodedIntegersRoundTripAtEveryBoundary)
{
    for (const std::uint64_t value :
         {0ULL, 0xfaULL, 0xfbULL, 0xffULL, 0xffffULL, 0x10000ULL, 0xffffffULL, 0x1000000ULL, ~0ULL}) {
        std::string out;
        wire_writer{out}.lenenc(value);
        wire_reader in{out};
        EXPECT_EQ(in.lenenc(), value);
        EXPECT_TRUE(in.finished_cleanly()) << value;
        for (std::size_t cut = 0; cut < out.size(); ++cut) {
            wire_reader part{bytes{out}.substr(0, cut)};
            part.lenenc();
            EXPECT_TRUE(part.failed()) << value << " cut at " << cut;
        }
    }
}

TEST(WireReader, NullAndErrAreNoIntegers)
{
    for (const auto& octets : {"\xfb"s, "\xff"s, "\xfb\0\0\0\0\0\0\0\0"s, "\xff\0\0\0\0\0\0\0\0"s}) {
        wire_reader in{octets};
        EXPECT_EQ(in.lenenc(), 0U);
        EXPECT_TRUE(in.failed());
    }
}

TEST(WireReader, StringsAreBoundedByWhatIsThere)
{
    const std::vector<std::string> table{"\x05four"s,
                                         "\xfc\xff\xff|"s,
                                         "\xfd\xff\xff\xff|"s,
                                         "\xfe\xff\xff\xff\xff\xff\xff\xff\xff|"s,
                                         "\xfe\xff\xff\xff\xff\xff\xff\xff\x7f|"s,
                                         "\xfe\0\0\0\0\1\0\0\0|"s,
                                         "\xfc\x05"s,
                                         ""s};
    for (const auto& octets : table) {
        wire_reader in{octets};
        EXPECT_TRUE(in.lenenc_string().empty());
        EXPECT_TRUE(in.failed());
        EXPECT_EQ(in.left(), 0U);
    }
}

TEST(WireReader, NullIsNotTheEmptyString)
{
    const auto octets = "\xfb\0\1x"s;
    wire_reader in{octets};
    EXPECT_EQ(in.nullable_string(), std::nullopt);
    EXPECT_EQ(in.nullable_string(), bytes{""});
    EXPECT_EQ(in.nullable_string(), bytes{"x"});
    EXPECT_TRUE(in.finished_cleanly());
    EXPECT_TRUE(in.nullable_string().has_value());
    EXPECT_TRUE(in.failed());
}

TEST(WireReader, TextMayEndWithTheInputWhereThatIsAllowed)
{
    const auto octets = "one\0two"s;
    wire_reader in{octets};
    EXPECT_EQ(in.c_string_or_rest(), "one");
    EXPECT_EQ(in.c_string_or_rest(), "two");
    EXPECT_TRUE(in.finished_cleanly());
    wire_reader strict{"two"};
    EXPECT_EQ(strict.c_string(), "");
    EXPECT_TRUE(strict.failed());
}

TEST(OkPacket, RoundTripsWithAndWithoutSessionTracking)
{
    const auto changes = "\x01\x05\x04shop"s;
    const ok_packet ok{.affected_rows = 300,
                       .last_insert_id = 70000,
                       .status = server_status::autocommit | server_status::session_state_changed,
                       .warnings = 2,
                       .info = "Rows matched: 1",
                       .changes = changes};
    std::string tracked;
    encode_ok_payload(ok, capability::session_track, tracked);
    const auto read = decode_ok(tracked, capability::session_track);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->affected_rows, 300U);
    EXPECT_EQ(read->last_insert_id, 70000U);
    EXPECT_EQ(read->status, ok.status);
    EXPECT_EQ(read->warnings, 2);
    EXPECT_EQ(read->info, "Rows matched: 1");
    EXPECT_EQ(read->changes, changes);

    std::string plain;
    encode_ok_payload(ok, 0, plain);
    const auto told = decode_ok(plain, 0);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->status, server_status::autocommit) << "nothing is announced that does not follow";
    EXPECT_EQ(told->info, "Rows matched: 1");
    EXPECT_TRUE(told->changes.empty());
}

TEST(OkPacket, TextWithoutLengthIsAccepted)
{
    const auto payload = "\0\0\0\2\0\0\0plain text"s;
    const auto ok = decode_ok(payload, 0);
    ASSERT_TRUE(ok);
    EXPECT_EQ(ok->info, "plain text");
}

TEST(OkPacket, EveryShorterFormIsRefused)
{
    std::string whole;
    encode_ok_payload(
        {.affected_rows = 300, .status = server_status::session_state_changed, .info = "i", .changes = "\1\2\1x"},
        capability::session_track,
        whole);
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        const bool minimal = cut == 9;  // everything up to the warnings is a whole OK packet
        EXPECT_EQ(decode_ok(bytes{whole}.substr(0, cut), capability::session_track).has_value(), minimal) << cut;
    }
    EXPECT_FALSE(decode_ok(whole + "x", capability::session_track));
    EXPECT_FALSE(decode_ok("\1\0\0\2\0\0\0"s, 0));
}

TEST(EofPacket, IsToldFromARowByItsLength)
{
    std::string out;
    encode_eof_payload({.warnings = 3, .status = server_status::autocommit}, out);
    EXPECT_EQ(out, "\xfe\3\0\2\0"s);
    EXPECT_TRUE(is_eof(out));
    const auto eof = decode_eof(out);
    ASSERT_TRUE(eof);
    EXPECT_EQ(eof->warnings, 3);
    EXPECT_EQ(eof->status, server_status::autocommit);
    EXPECT_FALSE(is_eof("\xfe\0\0\0\1\0\0\0\0"s)) << "a row whose first column has 16 MiB";
    EXPECT_FALSE(is_eof(bytes{}));
    EXPECT_FALSE(is_ok_for_eof("\xfe\0\0\0\1\0\0\0\0"s, 0xffffff));
    EXPECT_TRUE(is_ok_for_eof("\xfe\0\0\2\0\0\0"s, 7));
}

TEST(ErrPacket, WithAndWithoutSqlstate)
{
    const auto with = decode_err("\xff\x15\x04#28000Access denied");
    ASSERT_TRUE(with);
    EXPECT_EQ(with->code, 1045);
    EXPECT_EQ(with->sqlstate, "28000");
    EXPECT_EQ(with->message, "Access denied");
    const auto without = decode_err("\xff\x10\x04Too many connections");
    ASSERT_TRUE(without);
    EXPECT_EQ(without->code, 1040);
    EXPECT_EQ(without->sqlstate, "");
    EXPECT_EQ(without->message, "Too many connections");
    EXPECT_FALSE(decode_err("\xff\x10"s));
    EXPECT_EQ(decode_err("\xff\x10\x04#280")->message, "#280");
}

TEST(SessionChanges, EveryKind)
{
    const auto changes =
        "\x00\x0f\x0a"
        "autocommit\x03OFF"
        "\x01\x05\x04shop"
        "\x02\x01"
        "1"
        "\x03\x04\x00\x02g1"
        "\x04\x03\x02ST"
        "\x05\x09\x08T_______"
        "\x2a\x02xy"s;
    session_change_reader in{changes};
    std::string seen;
    std::string blocks;
    while (const auto change = in.next()) {
        seen.append(std::to_string(change->type))
            .append(":")
            .append(change->name)
            .append("=")
            .append(change->value)
            .append(" ");
        blocks.append(change->block);
    }
    EXPECT_FALSE(in.failed());
    EXPECT_EQ(seen, "0:autocommit=OFF 1:shop= 2:=1 3:=g1 4:=ST 5:=T_______ 42:=xy ");
    EXPECT_EQ(blocks, changes);
}

TEST(SessionChanges, ABlockMayHoldSeveralVariables)
{
    const auto changes =
        "\x00\x08\x01"
        "a\x01"
        "1\x01"
        "b\x01"
        "2"s;
    session_change_reader in{changes};
    EXPECT_EQ(in.next()->name, "a");
    EXPECT_EQ(in.next()->value, "2");
    EXPECT_FALSE(in.next());
    EXPECT_FALSE(in.failed());
}

TEST(SessionChanges, MalformedBlocksEndTheReading)
{
    for (const auto& changes : {"\x00"s,
                                "\x00\x05\x01"
                                "a"s,
                                "\x00\x02\x05"
                                "a"s,
                                "\x01\x05\x09shop"s,
                                "\x03\x00"s,
                                "\x01\x06\x04shopx"s,
                                "\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff"s}) {
        session_change_reader in{changes};
        while (in.next()) {
        }
        EXPECT_TRUE(in.failed()) << changes.size();
    }
}

}  // namespace
}  // namespace penstock::mysql
