// SPDX-License-Identifier: Apache-2.0
//
// Start-up packets: parameters, `options`, cancel keys and version negotiation.
#include "protocols/postgresql/startup.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::postgresql {
namespace {

using namespace std::string_literals;

TEST(Startup, ParametersInOrder)
{
    const auto message = decode_startup("user\0ann\0database\0shop\0TimeZone\0UTC\0application_name\0\0\0"s, 0);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->user, "ann");
    EXPECT_EQ(message->database, "shop");
    EXPECT_EQ(message->parameters, (parameter_list{{"TimeZone", "UTC"}, {"application_name", ""}}));
    EXPECT_FALSE(message->replication);
    EXPECT_FALSE(message->wants_negotiation());
}

TEST(Startup, DatabaseIsTheUsersNameUnlessGiven)
{
    EXPECT_EQ(decode_startup("user\0ann\0\0"s, 0)->database, "ann");
    EXPECT_EQ(decode_startup("user\0ann\0database\0\0\0"s, 0)->database, "ann");
}

TEST(Startup, OptionsComeBeforeThePacketsOwnParameters)
{
    const auto message = decode_startup("user\0ann\0TimeZone\0UTC\0options\0-c TimeZone=CET\0\0"s, 0);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->parameters, (parameter_list{{"TimeZone", "CET"}, {"TimeZone", "UTC"}}));
}

TEST(Startup, Replication)
{
    EXPECT_TRUE(decode_startup("user\0ann\0replication\0true\0\0"s, 0)->replication);
    EXPECT_TRUE(decode_startup("user\0ann\0replication\0database\0\0"s, 0)->replication);
    EXPECT_TRUE(decode_startup("user\0ann\0replication\0\0\0"s, 0)->replication);
    EXPECT_FALSE(decode_startup("user\0ann\0replication\0off\0\0"s, 0)->replication);
}

struct bad_startup {
    const char* why;
    std::string body;
    error_kind kind = error_kind::protocol_violation;
};

TEST(Startup, TheseAreRefused)
{
    const std::vector<bad_startup> table{
        {"empty", ""},
        {"no terminator", "user\0ann\0"s},
        {"text without its zero", "user\0ann"s},
        {"name without value", "user\0ann\0TimeZone\0"s},
        {"data behind the terminator", "user\0ann\0\0x"s},
        {"two terminators", "user\0ann\0\0\0"s},
        {"two users", "user\0ann\0user\0bob\0\0"s},
        {"two databases", "user\0ann\0database\0a\0database\0b\0\0"s},
        {"no user", "database\0shop\0\0"s, error_kind::invalid_authorization},
        {"empty user", "user\0\0\0"s, error_kind::invalid_authorization},
        {"nothing at all", "\0"s, error_kind::invalid_authorization},
        {"long user", "user\0"s + std::string(64, 'a') + "\0\0"s, error_kind::limit_exceeded},
        {"long database", "user\0ann\0database\0"s + std::string(9000, 'a') + "\0\0"s, error_kind::limit_exceeded},
        {"bad options", "user\0ann\0options\0-c\0\0"s},
    };
    for (const auto& row : table) {
        const auto message = decode_startup(row.body, 0);
        ASSERT_FALSE(message) << row.why;
        EXPECT_EQ(message.error().kind, row.kind) << row.why;
    }
}

TEST(StartupOptions, AllForms)
{
    const auto options = decode_options("  -c geqo=off -cwork_mem=4MB\t--search-path=a,b --app.tenant=x=y -c empty= ");
    ASSERT_TRUE(options);
    EXPECT_EQ(*options,
              (parameter_list{
                  {"geqo", "off"}, {"work_mem", "4MB"}, {"search_path", "a,b"}, {"app.tenant", "x=y"}, {"empty", ""}}));
}

TEST(StartupOptions, BackslashKeepsBlanksAndItself)
{
    const auto options = decode_options(R"(-c application_name=my\ own\\app --DateStyle=ISO,\ MDY)");
    ASSERT_TRUE(options);
    EXPECT_EQ(*options, (parameter_list{{"application_name", R"(my own\app)"}, {"DateStyle", "ISO, MDY"}}));
    EXPECT_EQ(*decode_options(R"(--a=b\)"), (parameter_list{{"a", R"(b\)"}}));
}

TEST(StartupOptions, EmptyIsNothing)
{
    EXPECT_TRUE(decode_options("")->empty());
    EXPECT_TRUE(decode_options(" \t\n")->empty());
}

TEST(StartupOptions, TheseAreRefused)
{
    for (const auto* text : {"-c",
                             "-c=",
                             "-c =x",
                             "-c=x",
                             "--=x",
                             "--",
                             "-c name",
                             "--name",
                             "-",
                             "name=value",
                             "-x",
                             "-d 3",
                             "\\",
                             "-c geqo=off -c"}) {
        const auto options = decode_options(text);
        ASSERT_FALSE(options) << text;
        EXPECT_EQ(options.error().sqlstate, "42601") << text;
    }
}

TEST(StartupNegotiation, SpeaksTheNewestOfOursThatIsNotNewerThanAskedFor)
{
    const auto minor_for = [](std::uint32_t asked) { return decode_startup("user\0ann\0\0"s, asked)->minor(); };
    EXPECT_EQ(minor_for(0), 0U);
    EXPECT_EQ(minor_for(1), 0U);
    EXPECT_EQ(minor_for(2), 2U);
    EXPECT_EQ(minor_for(3), 2U);
    EXPECT_EQ(minor_for(9999), 2U);
}

TEST(StartupNegotiation, ListsTheOptionsThatAreNotKnown)
{
    const auto message = decode_startup("user\0ann\0_pq_.a\0x\0_pq_.b\0\0\0"s, 9999);
    ASSERT_TRUE(message->wants_negotiation());
    EXPECT_TRUE(message->parameters.empty());
    std::string out;
    encode_negotiation(*message, out);
    EXPECT_EQ(out, "v\0\0\0\x1a\0\3\0\2\0\0\0\2_pq_.a\0_pq_.b\0"s);
}

TEST(StartupCancel, KeysOfFourTo256Octets)
{
    EXPECT_EQ(decode_cancel("\0\0\0\7four"s), (cancel_key{7, "four"}));
    EXPECT_EQ(decode_cancel("\0\0\0\7"s + std::string(256, 'k')), (cancel_key{7, std::string(256, 'k')}));
    EXPECT_EQ(decode_cancel("\0\0\0\7"s + std::string(257, 'k')), std::nullopt);
    EXPECT_EQ(decode_cancel("\0\0\0\7abc"s), std::nullopt);
    EXPECT_EQ(decode_cancel("\0\0\0\7"s), std::nullopt);
    EXPECT_EQ(decode_cancel("\0\0"s), std::nullopt);
}

TEST(StartupEncode, IsWhatTheDecoderTakes)
{
    std::string out;
    encode_startup("ann", "shop", {{"TimeZone", "UTC"}}, out);
    ASSERT_EQ(load_u32(out.data()), out.size());
    ASSERT_EQ(load_u32(out.data() + 4), protocol_version(3, 0));
    const auto message = decode_startup(bytes{out}.substr(8), 0);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->user, "ann");
    EXPECT_EQ(message->database, "shop");
    EXPECT_EQ(message->parameters, (parameter_list{{"TimeZone", "UTC"}}));
}

}  // namespace
}  // namespace penstock::postgresql
