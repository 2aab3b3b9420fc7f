// SPDX-License-Identifier: Apache-2.0
//
// ErrorResponse in both directions, and docs/errors.md against the code.
#include "protocols/postgresql/errors.hpp"
#include "protocols/postgresql/frame.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace penstock::postgresql {
namespace {

using namespace std::string_literals;

constexpr auto last_kind = error_kind::internal;

TEST(Errors, EncodesAllMandatoryFields)
{
    std::string out;
    encode_error({error_kind::wrong_password, "no"}, out, true);
    EXPECT_EQ(out, "E\0\0\0\x1eSFATAL\0VFATAL\0C28P01\0Mno\0\0"s);
    out.clear();
    encode_error({error_kind::borrow_timeout, "busy"}, out, false);
    EXPECT_EQ(out, "E\0\0\0\x20SERROR\0VERROR\0C57P03\0Mbusy\0\0"s);
}

TEST(Errors, AServersOwnCodeIsKept)
{
    std::string out;
    encode_error({error_kind::server_login_failed, "full", "53300"}, out, true);
    EXPECT_EQ(decode_error(bytes{out}.substr(header_size)).sqlstate, "53300");
    out.clear();
    encode_error({error_kind::server_login_failed, "strange", "a\0b"}, out, true);
    EXPECT_EQ(decode_error(bytes{out}.substr(header_size)).sqlstate, "08004");
}

TEST(Errors, TextsAreCutAtAZeroOctetAndAtALength)
{
    std::string out;
    encode_error({error_kind::internal, "visible\0hidden"s}, out, true);
    EXPECT_EQ(decode_error(bytes{out}.substr(header_size)).message, "visible");
    EXPECT_EQ(load_header(out).frame_size(), out.size());
    out.clear();
    encode_error({error_kind::internal, std::string(100'000, 'x')}, out, true);
    EXPECT_LT(out.size(), 5000U);
}

TEST(Errors, EveryKindHasACodeAndAText)
{
    for (int n = 0; n <= static_cast<int>(last_kind); ++n) {
        const auto kind = error_kind{static_cast<std::uint8_t>(n)};
        EXPECT_EQ(sqlstate_of(kind).size(), 5U) << name_of(kind);
        EXPECT_FALSE(standard_text(kind).empty()) << name_of(kind);
        std::string out;
        encode_error({kind, ""}, out, false);
        const auto report = decode_error(bytes{out}.substr(header_size));
        EXPECT_EQ(report.sqlstate, sqlstate_of(kind));
        EXPECT_EQ(report.message, standard_text(kind));
    }
}

TEST(Errors, TheDocumentListsEveryKindWithItsCode)
{
    const auto root = std::filesystem::path{__FILE__}.parent_path().parent_path().parent_path().parent_path();
    std::ifstream file{root / "docs" / "errors.md"};
    ASSERT_TRUE(file) << "docs/errors.md";
    const std::string document{std::istreambuf_iterator<char>{file}, {}};
    for (int n = 0; n <= static_cast<int>(last_kind); ++n) {
        const auto kind = error_kind{static_cast<std::uint8_t>(n)};
        const auto row = "| `" + std::string{name_of(kind)} + "` | " + std::string{sqlstate_of(kind)};
        EXPECT_NE(document.find(row), std::string::npos) << row;
    }
}

TEST(Errors, Notice)
{
    std::string out;
    encode_notice("WARNING", "01000", "careful", out);
    EXPECT_EQ(out, "N\0\0\0\x27SWARNING\0VWARNING\0C01000\0Mcareful\0\0"s);
}

TEST(ErrorReport, TakesWhatIsThere)
{
    const auto body = "SFEHLER\0VERROR\0C42P01\0Mno table\0Dd\0Hh\0P15\0Xunknown\0\0"s;
    const auto report = decode_error(body);
    EXPECT_EQ(report.severity, "ERROR");
    EXPECT_EQ(report.sqlstate, "42P01");
    EXPECT_EQ(report.message, "no table");
    EXPECT_EQ(report.detail, "d");
    EXPECT_EQ(report.hint, "h");
    EXPECT_EQ(decode_error("SFEHLER\0\0"s).severity, "FEHLER");
}

TEST(ErrorReport, ToleratesWhatIsMissingRepeatedOrBroken)
{
    for (const auto& body : {""s, "\0"s, "C"s, "C\0"s, "Cxx\0\0"s, "C42p01\0\0"s, "C42P01"s, "M"s}) {
        const auto report = decode_error(body);
        EXPECT_TRUE(report.sqlstate.empty()) << body;
        EXPECT_TRUE(report.message.empty()) << body;
    }
    EXPECT_EQ(decode_error("C42P01\0C00000\0\0"s).sqlstate, "42P01");
    EXPECT_EQ(decode_error("Mfirst\0Msecond\0\0"s).message, "first");
    EXPECT_EQ(decode_error("Mtext"s).message, "");
    EXPECT_EQ(decode_error("C42P01\0Mtext"s).sqlstate, "42P01");
    EXPECT_EQ(decode_error("C42P01\0\0Mbehind the end\0"s).message, "");
}

}  // namespace
}  // namespace penstock::postgresql
