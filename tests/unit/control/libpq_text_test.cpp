// SPDX-License-Identifier: Apache-2.0
//
// libpq's texts as one sentence.
#include "control/libpq_text.hpp"

#include <gtest/gtest.h>

namespace penstock::control {
namespace {

TEST(LibpqText, FindsTheSqlstateOfARefusedConnection)
{
    const auto fault = read_libpq_fault(
        "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  53300: sorry, too many clients already\n"
        "LOCATION:  InitProcess, proc.c:357\n");
    EXPECT_EQ(fault.sqlstate, "53300");
    EXPECT_EQ(fault.sentence,
              "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  sorry, too many clients already");
}

TEST(LibpqText, FindsNoneWhereNoServerAnswered)
{
    const auto fault = read_libpq_fault(
        "connection to server at \"127.0.0.1\", port 1 failed: Connection refused\n"
        "\tIs the server running on that host and accepting TCP/IP connections?\n");
    EXPECT_EQ(fault.sqlstate, "");
    EXPECT_EQ(fault.sentence,
              "connection to server at \"127.0.0.1\", port 1 failed: Connection refused; "
              "Is the server running on that host and accepting TCP/IP connections?");
}

TEST(LibpqText, BoundsAndCleansWhatAServerSays)
{
    const auto fault = read_libpq_fault("FATAL:  XX000: \x1b[31m" + std::string(10'000, 'x') + "\nmore\nand more");
    EXPECT_EQ(fault.sqlstate, "XX000");
    EXPECT_EQ(fault.sentence.size(), 500U);
    EXPECT_EQ(fault.sentence.find('\x1b'), std::string::npos);
    EXPECT_FALSE(read_libpq_fault("").sentence.empty());
    EXPECT_EQ(read_libpq_fault("FATAL:  5330: x").sqlstate, "");
    EXPECT_EQ(read_libpq_fault("FATAL:  53300").sqlstate, "");
}

}  // namespace
}  // namespace penstock::control
