// SPDX-License-Identifier: Apache-2.0
//
// Which number and SQLSTATE a client is told.
#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/packet.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace penstock::mysql {
namespace {

constexpr auto last_kind = error_kind::internal;

struct told {
    err_packet error;
    packet_header header;
};

told tell(const client_error& error, std::string& out, std::uint8_t sequence = 3)
{
    EXPECT_EQ(encode_error(error, out, sequence), sequence + 1);
    const auto report = decode_err(bytes{out}.substr(header_size));
    EXPECT_TRUE(report);
    return {report.value_or(err_packet{}), load_header(out)};
}

TEST(Errors, NumbersOfRdsProxyAndOfServers)
{
    EXPECT_EQ(code_of(error_kind::borrow_timeout).number, 9501);
    EXPECT_EQ(code_of(error_kind::too_many_clients).number, 1040);
    EXPECT_EQ(code_of(error_kind::wrong_password).number, 1045);
    EXPECT_EQ(code_of(error_kind::invalid_authorization).number, 1045) << "never says which";
    EXPECT_EQ(code_of(error_kind::tls_required).number, 3159);
    EXPECT_EQ(code_of(error_kind::unknown_database).number, 1049);
}

TEST(Errors, EveryKindHasACodeAndAText)
{
    for (int kind = 0; kind <= static_cast<int>(last_kind); ++kind) {
        const auto which = static_cast<error_kind>(kind);
        std::string out;
        const auto [error, header] = tell({which, {}}, out);
        EXPECT_GE(error.code, 1000) << kind;
        EXPECT_EQ(error.sqlstate, code_of(which).sqlstate);
        EXPECT_EQ(error.sqlstate.size(), 5U);
        EXPECT_EQ(error.message, standard_text(which));
        EXPECT_FALSE(error.message.empty());
        EXPECT_EQ(header.sequence, 3);
    }
}

TEST(Errors, AServersOwnCodesAndWordsAreHandedOn)
{
    std::string out;
    const auto [error, header] = tell({error_kind::server_login_failed, "Access denied", "28000", 1045}, out);
    EXPECT_EQ(error.code, 1045);
    EXPECT_EQ(error.sqlstate, "28000");
    EXPECT_EQ(error.message, "Access denied");
    std::string odd;
    EXPECT_EQ(tell({error_kind::internal, "x", "no state"}, odd).error.sqlstate, "HY000");
}

TEST(Errors, TextsAreCutAndStayOnePacket)
{
    std::string out;
    const auto [error, header] = tell({error_kind::internal, std::string(100000, 'x')}, out);
    EXPECT_EQ(error.message.size(), 512U);
    EXPECT_EQ(out.size(), header.frame_size());
}

TEST(Errors, TheTableInTheDocumentationIsThisOne)
{
    const auto root = std::filesystem::path{__FILE__}.parent_path().parent_path().parent_path().parent_path();
    std::ifstream file{root / "docs" / "errors.md"};
    ASSERT_TRUE(file) << "docs/errors.md";
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    for (int kind = 0; kind <= static_cast<int>(last_kind); ++kind) {
        const auto which = static_cast<error_kind>(kind);
        const auto code = code_of(which);
        const auto row = "| `" + std::string{name_of(which)} + "` | " + std::to_string(code.number) + " | " +
                         std::string{code.sqlstate} + " |";
        EXPECT_NE(text.find(row), std::string::npos) << "missing: " << row;
    }
}

}  // namespace
}  // namespace penstock::mysql
