// SPDX-License-Identifier: Apache-2.0
//
// Who is heard about routes, and what is understood of it: comments, the setting, rules.
#include "protocols/wire/route_comment.hpp"
#include "protocols/wire/route_rules.hpp"
#include "protocols/wire/shape_digest.hpp"

#include <gtest/gtest.h>

using namespace penstock;

namespace {

std::string said(std::string_view comment)
{
    const auto from = hint_in(comment);
    if (from.empty()) {
        return "nothing";
    }
    const auto found = read_route_comment(from);
    std::string text = found.hint == route_hint::primary   ? "primary"
                       : found.hint == route_hint::replica ? "replica"
                       : found.hint == route_hint::node    ? "node " + found.node
                                                           : "none";
    return text + (found.no_retry ? ", no retry" : "") + (found.is_wrong ? ", wrong" : "");
}

TEST(RouteComment, SaysWhatItSays)
{
    const std::pair<const char*, const char*> table[] = {
        {" penstock: primary ", "primary"},
        {"penstock:replica", "replica"},
        {" of page 7, penstock: replica no_retry", "replica, no retry"},
        {" penstock: no_retry ", "none, no retry"},
        {" penstock: node=db2:5432, no_retry ", "node db2:5432, no retry"},
        {" penstock: elsewhere ", "none, wrong"},
        {" penstock: ", "none, wrong"},
        {" penstock: replica please ", "replica, wrong"},
        {" penstock: replica primary ", "replica, wrong"},
        {" penstock: node= ", "none, wrong"},
        {"controller='penstock',action='x'", "nothing"},
        {"penstock_route='replica'", "replica"},
        {"action='a%20b',penstock_route='primary',traceparent='00-1'", "primary"},
        {"penstock_node='db2%3A5432',penstock_no_retry='true'", "node db2:5432, no retry"},
        {"penstock_route='elsewhere'", "none, wrong"},
        {"penstock_route='node=db2'", "none, wrong"},
        {"penstock_no_retry='false'", "none"},
        {"penstock_no_retry='perhaps'", "none, wrong"},
        {"penstock_route='replica", "none, wrong"},
        {"penstock_route=replica", "nothing"},
        {"penstock_node='%zz'", "node %zz"},
    };
    for (const auto& [comment, expected] : table) {
        EXPECT_EQ(said(comment), expected) << comment;
    }
}

TEST(RouteComment, BoundsTheNamesOfNodes)
{
    EXPECT_EQ(said("penstock: node=" + std::string(301, 'x')), "none, wrong");
    EXPECT_EQ(said("penstock_node='" + std::string(100'000, '%') + "'"), "none, wrong");
}

TEST(RouteRules, PatternsHaveStars)
{
    const std::tuple<const char*, const char*, bool> table[] = {
        {"app", "app", true},
        {"app", "apps", false},
        {"app*", "app", true},
        {"app*", "apps", true},
        {"*", "", true},
        {"", "", true},
        {"", "x", false},
        {"*b*", "abc", true},
        {"*b*", "ac", false},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "abb", false},
        {"*ab", "aab", true},
        {"a**b", "a long b", true},
        {"select * from t*", "select * from tt where a = 0", true},
    };
    for (const auto& [pattern, text, expected] : table) {
        EXPECT_EQ(matches(pattern, text), expected) << pattern << " and " << text;
    }
    EXPECT_FALSE(matches(std::string(200, '*') + "b", std::string(60'000, 'a')));
}

TEST(RouteRules, FindsNodesByTheirNames)
{
    const route_rules rules{{}, {"db1:5432", "db2:5432", "db3:5432", "db3:5433", "[::1]:5432"}};
    EXPECT_EQ(rules.place_of("db2:5432"), 1U);
    EXPECT_EQ(rules.place_of("db2"), 1U);
    EXPECT_EQ(rules.place_of("db3:5433"), 3U);
    EXPECT_EQ(rules.place_of("db3"), route_rules::unknown);
    EXPECT_EQ(rules.place_of("db"), route_rules::unknown);
    EXPECT_EQ(rules.place_of("[::1]"), 4U);
    EXPECT_EQ(rules.place_of(""), route_rules::unknown);
}

class Wishes : public testing::Test {
protected:
    request_facts read() const
    {
        return {.verdict = read_verdict::function,
                .text = read_verdict::read,
                .rules = rules.of_shape("select * from orders where id = 0")};
    }
    request_facts apply(const request_facts& facts, const char* application = "web")
    {
        return session.apply(facts, rules, 1, application);
    }

    route_rules rules{{
                          {.user = "other", .route = route_hint::primary},
                          {.application_name = "grafana*", .route = route_hint::primary},
                          {.user = "app", .statement = "select * from orders*", .route = route_hint::replica},
                          {.digest = shape_digest("select 0"), .route = route_hint::node, .node = 1},
                          {.database = "shop", .route = route_hint::primary},
                      },
                      {"db1:5432", "db2:5432"}};
    session_wishes session{"app", "shop"};
};

TEST_F(Wishes, TheFirstRuleCountsThatHolds)
{
    const auto found = apply(read());
    EXPECT_EQ(found.hint, route_hint::replica);
    EXPECT_EQ(found.by, wish_source::rule);
    EXPECT_EQ(found.verdict, read_verdict::read);
    EXPECT_EQ(apply(read(), "grafana 10").hint, route_hint::primary);
    EXPECT_EQ(apply(read()).hint, route_hint::replica) << "the application has another name again";
    request_facts by_digest{.verdict = read_verdict::read, .text = read_verdict::read};
    by_digest.rules = rules.of_shape("select 0");
    EXPECT_EQ(apply(by_digest).hint, route_hint::node);
    EXPECT_EQ(apply(by_digest).node, 1);
}

TEST(RouteRules, ThatHaveOnlyALimitSayNothingOfRoutes)
{
    const route_rules rules{{{.route = route_hint::none, .limit = "all"},
                             {.user = "app", .route = route_hint::replica},
                             {.statement = "select*", .route = route_hint::primary, .limit = "selects"},
                             {.digest = shape_digest("select 0"), .route = route_hint::none, .limit = "one"}},
                            {}};
    EXPECT_EQ(rules.with_route(), 0b0110U);
    EXPECT_EQ(rules.with_limit(), 0b1101U);
    EXPECT_EQ(rules.of_any(), 0b0011U);
    session_wishes session{"app", "shop"};
    const request_facts read{
        .verdict = read_verdict::read, .text = read_verdict::read, .rules = rules.of_shape("select 0")};
    EXPECT_EQ(session.apply(read, rules, 1, "").hint, route_hint::replica);
}

TEST_F(Wishes, NoWishMakesAReadOfAWrite)
{
    auto write = read();
    write.verdict = write.text = read_verdict::writes;
    EXPECT_EQ(apply(write).verdict, read_verdict::writes);
    session.setting = route_hint::replica;
    EXPECT_EQ(apply(write).verdict, read_verdict::writes);
}

TEST_F(Wishes, TheCloserVoiceIsHeard)
{
    session.setting = route_hint::primary;
    EXPECT_EQ(apply(read()).by, wish_source::setting);
    EXPECT_EQ(apply(read()).verdict, read_verdict::hint);
    auto commented = read();
    commented.hint = route_hint::replica;
    commented.verdict = commented.text;
    EXPECT_EQ(apply(commented).by, wish_source::comment);
    EXPECT_TRUE(apply(commented).reads());
}

TEST(RouteRules, OfARequestWithSeveralTextsOnlyRulesForAllOfThemHold)
{
    request_facts sum{.verdict = read_verdict::read, .text = read_verdict::read, .rules = ~std::uint64_t{0}};
    fold({.verdict = read_verdict::read, .text = read_verdict::read, .rules = 6}, sum);
    fold({.verdict = read_verdict::function, .no_retry = true, .text = read_verdict::read, .rules = 3}, sum);
    EXPECT_EQ(sum.rules, 2U);
    EXPECT_EQ(sum.verdict, read_verdict::function);
    EXPECT_EQ(sum.text, read_verdict::read);
    EXPECT_TRUE(sum.no_retry);
    EXPECT_FALSE(sum.is_harmless);
}

}  // namespace
