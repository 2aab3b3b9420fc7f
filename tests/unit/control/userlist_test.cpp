// SPDX-License-Identifier: Apache-2.0
//
// PgBouncer's userlist.txt, line by line.
#include "control/userlist.hpp"

#include <gtest/gtest.h>

namespace penstock::control {
namespace {

constexpr const char* verifier =
    "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
    "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB=";

std::string line_of(const std::string& name, const std::string& stored)
{
    return '"' + name + "\" \"" + stored + "\"\n";
}

TEST(Userlist, ReadsSoundLines)
{
    struct row {
        const char* text;
        const char* name;
        const char* stored;
    };
    const std::vector<row> table = {
        {"\"app\" \"secret\"", "app", "secret"},
        {"\"app\" \"secret\"\r\n", "app", "secret"},
        {"  \t\"app\"\t\t\"secret\" whatever follows", "app", "secret"},
        {"\"app\"\"secret\"", nullptr, nullptr},  // one field, holding a quote, and no second one
        {"\"a\"\"b\" \"c\"\"\"\"d\"", "a\"b", "c\"\"d"},
        {"\"app\" \"\"", "app", ""},
        {"\"app\" \"back\\slash ; # kept\"", "app", "back\\slash ; # kept"},
        {"; comment\n\n# comment\n \t\n\"app\" \"secret\"", "app", "secret"},
    };
    for (const auto& each : table) {
        const auto list = parse_userlist(each.text);
        if (each.name == nullptr) {
            EXPECT_TRUE(list.users.empty()) << each.text;
            continue;
        }
        ASSERT_EQ(list.users.size(), 1U) << each.text;
        EXPECT_TRUE(list.faults.empty()) << each.text;
        EXPECT_EQ(list.users[0].name, each.name);
        EXPECT_EQ(list.users[0].stored.reveal(), each.stored);
    }
}

TEST(Userlist, TakesHashesAndVerifiers)
{
    const auto list = parse_userlist(line_of("m", "md5" + std::string(32, 'a')) + line_of("s", verifier));
    ASSERT_EQ(list.users.size(), 2U);
    EXPECT_TRUE(is_md5_hash(list.users[0].stored.reveal()));
    EXPECT_TRUE(is_scram_verifier(list.users[1].stored.reveal()));
}

TEST(Userlist, NamesTheLineOfEveryFault)
{
    const auto list = parse_userlist(
        "app secret\n"
        "\"open\n"
        "\"one\"\n"
        "\"two\" \"open\n"
        "\"\" \"x\"\n"
        "\"good\" \"x\"\n"
        "\"good\" \"y\"\n"
        "\"v\" \"SCRAM-SHA-256$4096:hidden\"\n" +
        line_of(std::string(64, 'n'), "x") + line_of("long", std::string(2049, 'x')));
    ASSERT_EQ(list.users.size(), 1U);
    std::vector<std::size_t> lines;
    for (const auto& fault : list.faults) {
        lines.push_back(fault.line);
        EXPECT_EQ(fault.sentence.find("hidden"), std::string::npos);
    }
    EXPECT_EQ(lines, (std::vector<std::size_t>{1, 2, 3, 4, 5, 7, 8, 9, 10}));
    EXPECT_EQ(list.faults[5].sentence, "this user is already in line 6");
}

TEST(Userlist, RefusesZeroOctets)
{
    const auto list = parse_userlist(line_of(std::string{"a\0b", 3}, "x"));
    EXPECT_TRUE(list.users.empty());
    EXPECT_EQ(list.faults.size(), 1U);
}

TEST(Userlist, SurvivesEveryPrefix)
{
    const auto whole = line_of("a\"\"b", verifier) + "; c\n" + line_of("m", "x");
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const auto list = parse_userlist(whole.substr(0, size));
        EXPECT_LE(list.users.size() + list.faults.size(), 2U);
    }
}

TEST(Userlist, TellsWhyAFileCannotBeRead)
{
    const auto missing = read_userlist("/nonexistent/userlist.txt");
    ASSERT_EQ(missing.faults.size(), 1U);
    EXPECT_EQ(missing.faults[0].line, 0U);
    EXPECT_NE(missing.faults[0].sentence.find("No such file"), std::string::npos);
    EXPECT_EQ(read_userlist("/").faults.size(), 1U);
}

TEST(Verifier, IsCheckedAsAWhole)
{
    const std::string good = verifier;
    EXPECT_TRUE(is_scram_verifier(good));
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(is_scram_verifier(good.substr(0, size))) << size;
    }
    EXPECT_FALSE(is_scram_verifier(good + "x"));
    EXPECT_FALSE(is_scram_verifier("SCRAM-SHA-256$0:" + good.substr(19)));
    EXPECT_FALSE(is_scram_verifier("SCRAM-SHA-256$99999999999:" + good.substr(19)));
}

TEST(Md5Hash, IsThirtyTwoLowerCaseDigits)
{
    EXPECT_TRUE(is_md5_hash("md5" + std::string(32, '0')));
    EXPECT_FALSE(is_md5_hash("md5" + std::string(31, '0')));
    EXPECT_FALSE(is_md5_hash("md5" + std::string(32, 'A')));
    EXPECT_FALSE(is_md5_hash("xd5" + std::string(32, '0')));
}

}  // namespace
}  // namespace penstock::control
