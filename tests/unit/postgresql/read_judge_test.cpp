// SPDX-License-Identifier: Apache-2.0
//
// What is said of a text, by its shape: by tables, and again when the catalogue or a replica has said more.
#include "protocols/postgresql/read_dialect.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;

namespace {

using judge_of_texts = penstock::postgresql::read_judge;

/// Knows the functions it is given.
class known_functions final : public function_catalogue {
public:
    explicit known_functions(std::vector<std::string> names) : names_{std::move(names)} {}
    [[nodiscard]] std::uint64_t version() const override { return 1; }
    [[nodiscard]] bool harmless(const function_name& function, std::span<const std::string>) const override
    {
        return std::find(names_.begin(), names_.end(), function.name) != names_.end();
    }

    [[nodiscard]] const relation_names& of_primary() const override { return relations; }

    relation_names relations{};

private:
    std::vector<std::string> names_;
};

TEST(ReadJudge, SaysOfATextWhatItIs)
{
    struct row {
        const char* text;
        read_verdict expected;
        route_hint hint = route_hint::none;
    };
    const row table[] = {
        {"SELECT 1", read_verdict::read},
        {"select abalance from pgbench_accounts where aid = 17;", read_verdict::read},
        {"select count(*), max(lower(name)) from t", read_verdict::read},
        {"select pg_catalog.count(*) from t", read_verdict::read},
        {"select mine.count(*) from t", read_verdict::function},
        {"select do_something(1)", read_verdict::function},
        {"select set_config('a.b', 'c', false)", read_verdict::lasting},
        {"select nextval('s')", read_verdict::lasting},
        {"insert into t values (1)", read_verdict::writes},
        {"with x as (delete from t returning *) select * from x", read_verdict::writes},
        {"select 1; insert into t values (1)", read_verdict::writes},
        {"select * from t for update", read_verdict::locks},
        {"select * into u from t", read_verdict::into},
        {"begin", read_verdict::session},
        {"set x.y = 1", read_verdict::session},
        {"select * from pg_stat_activity", read_verdict::server_state},
        {"select 'unterminated", read_verdict::unparsed},
        {"not SQL at all", read_verdict::unparsed},
        {"select /* penstock: primary */ 1", read_verdict::hint, route_hint::primary},
        {"select do_something(1) -- penstock: replica", read_verdict::read, route_hint::replica},
        {"/* penstock: replica */ insert into t values (1)", read_verdict::writes, route_hint::replica},
        {"/* penstock: replica */ select set_config('a.b', 'c', false)", read_verdict::lasting, route_hint::replica},
        {"/* penstock: elsewhere */ select 1", read_verdict::read},
        {"/* penstock:*/ select 1", read_verdict::read},
    };
    judge_of_texts judge{well_known_functions()};
    for (int again = 0; again < 2; ++again) {
        for (const auto& row : table) {
            const auto facts = judge.judge(row.text, {});
            EXPECT_EQ(facts.verdict, row.expected) << row.text;
            EXPECT_EQ(facts.hint, row.hint) << row.text;
        }
    }
}

TEST(ReadJudge, ClassifiesAShapeOnce)
{
    judge_of_texts judge{well_known_functions()};
    for (int each = 0; each < 10; ++each) {
        EXPECT_TRUE(judge.judge("select * from t where a = " + std::to_string(each), {}).reads());
    }
    EXPECT_EQ(judge.misses(), 1U);
    EXPECT_EQ(judge.hits(), 9U);
}

TEST(ReadJudge, TellsLexicalModesApart)
{
    judge_of_texts judge{well_known_functions()};
    const std::string text = R"(select '\'; delete from t; --')";
    EXPECT_EQ(judge.judge(text, {}).verdict, read_verdict::writes);
    EXPECT_EQ(judge.judge(text, {.backslash_escapes = true}).verdict, read_verdict::read);
    EXPECT_EQ(judge.judge(text, {}).verdict, read_verdict::writes);
}

TEST(ReadJudge, AsksTheNewestCatalogue)
{
    judge_of_texts judge{well_known_functions()};
    const auto before = judge.version();
    EXPECT_EQ(judge.judge("select mine(1)", {}).verdict, read_verdict::function);
    judge.use(std::make_shared<known_functions>(std::vector<std::string>{"mine"}));
    EXPECT_GT(judge.version(), before);
    EXPECT_EQ(judge.judge("select mine(1)", {}).verdict, read_verdict::read);
    judge.use(well_known_functions());
    EXPECT_EQ(judge.judge("select mine(1)", {}).verdict, read_verdict::function);
}

TEST(ReadJudge, KeepsRelationsForThePrimaryThere)
{
    judge_of_texts judge{well_known_functions()};
    EXPECT_TRUE(judge.judge("select last_value from numbers", {}).reads());
    const auto known = std::make_shared<known_functions>(std::vector<std::string>{});
    known->relations.add("numbers");
    known->relations.add("Last Orders");
    judge.use(known);
    for (const auto* const text : {"select last_value from numbers",
                                   "select * from t join public.Numbers n on true",
                                   "select (select is_called from numbers)",
                                   "select a from \"Last Orders\""}) {
        const auto facts = judge.judge(text, {});
        EXPECT_EQ(facts.verdict, read_verdict::relation) << text;
        EXPECT_FALSE(facts.is_harmless) << text;
    }
    for (const auto* const text : {"select numbers from t numbers", "select a from \"Numbers\"", "select 'numbers'"}) {
        EXPECT_EQ(judge.judge(text, {}).verdict, read_verdict::read) << text;
    }
    judge.use(well_known_functions());
    EXPECT_TRUE(judge.judge("select last_value from numbers", {}).reads());
}

TEST(ReadJudge, RemembersWhatAReplicaRefused)
{
    judge_of_texts judge{well_known_functions()};
    EXPECT_TRUE(judge.judge("select * from writing_view where a = 1", {}).reads());
    judge.note_refused("select * from writing_view where a = 2", {});
    EXPECT_EQ(judge.judge("select * from writing_view where a = 3", {}).verdict, read_verdict::refused);
    judge.use(well_known_functions());
    EXPECT_EQ(judge.judge("select * from writing_view where a = 3", {}).verdict, read_verdict::refused);
    EXPECT_EQ(judge.judge("/* penstock: replica */ select * from writing_view where a = 3", {}).verdict,
              read_verdict::refused);
}

/// Of texts, from the third of a shape on, it has been told how they look.
TEST(ReadJudge, SaysTheSameOfTextsThatItKnowsAtAGlance)
{
    judge_of_texts judge{well_known_functions()};
    const auto judged_often = [&judge](const std::string& text) {
        read_verdict found = judge.judge(text + "1", {}).verdict;
        for (const char* const number : {"2", "33", "0", "123456789012345678901234567890"}) {
            EXPECT_EQ(judge.judge(text + number, {}).verdict, found) << text << number;
        }
        return found;
    };
    EXPECT_EQ(judged_often("select a from writing_view where b = 'x' and c = "), read_verdict::read);
    EXPECT_EQ(judged_often("select mine(a) from t where b = "), read_verdict::function);
    EXPECT_EQ(judged_often("delete from t where b = "), read_verdict::writes);
    EXPECT_EQ(judged_often("select a from t; delete from t where b = "), read_verdict::writes);
    judge.use(std::make_shared<known_functions>(std::vector<std::string>{"mine"}));
    EXPECT_EQ(judged_often("select mine(a) from t where b = "), read_verdict::read);
    judge.use(well_known_functions());
    EXPECT_EQ(judged_often("select mine(a) from t where b = "), read_verdict::function);
    judge.note_refused("select a from writing_view where b = 'other' and c = 7", {});
    EXPECT_EQ(judged_often("select a from writing_view where b = 'x' and c = "), read_verdict::refused);
    EXPECT_EQ(judge.judge("select a from writing_view where b = 'x' /* penstock: primary */ and c = 1", {}).verdict,
              read_verdict::hint);
}

TEST(ReadJudge, ProvesNothingOfHighOctetsInAmbiguousEncodings)
{
    judge_of_texts judge{well_known_functions()};
    for (int each = 0; each < 4; ++each) {
        for (const lexical_mode mode : {lexical_mode{}, lexical_mode{.ambiguous_encoding = true}}) {
            EXPECT_EQ(judge.judge("select a from t where b = 'x'", mode).verdict, read_verdict::read);
            EXPECT_EQ(judge.judge("select a from t where b = '\x81'", mode).verdict,
                      mode.ambiguous_encoding ? read_verdict::unparsed : read_verdict::read);
        }
    }
}

TEST(ReadJudge, TellsPlainTextsOnceItKnowsThem)
{
    judge_of_texts judge{well_known_functions()};
    const std::pair<const char*, bool> table[] = {
        {"select a from t where b = ", true},
        {"SELECT 1 + ", true},
        {"select 'x' where b = ", false},
        {"select a into u from t where b = ", false},
        {"select 1; select ", false},
        {"begin; select ", false},
        {"table t limit ", false},
        {"select setseed(1) + ", false},
        {"select offset_of from t where b = ", false},
    };
    for (const auto& [text, is_plain] : table) {
        for (int each = 0; each < 2; ++each) {
            EXPECT_FALSE(judge.judge(text + std::to_string(each), {}).is_plain) << text;
        }
        EXPECT_EQ(judge.judge(std::string{text} + "2", {}).is_plain, is_plain) << text;
    }
}

TEST(ReadJudge, KeepsNoMoreShapesThanItMay)
{
    judge_of_texts judge{well_known_functions()};
    for (std::size_t each = 0; each < 3 * judge_of_texts::most_shapes; ++each) {
        EXPECT_TRUE(judge.judge("select column" + std::to_string(each) + " from t", {}).reads());
        ASSERT_TRUE(judge.judge("select often_used from t", {}).reads());
        ASSERT_LE(judge.size(), judge_of_texts::most_shapes);
    }
    EXPECT_EQ(judge.misses(), 3 * judge_of_texts::most_shapes + 1);
}

TEST(ReadJudge, KeepsNoMoreOctetsThanItMay)
{
    judge_of_texts judge{well_known_functions()};
    const std::string long_name(30 * 1024, 'x');
    std::size_t most = 0;
    for (std::size_t each = 0; each < 300; ++each) {
        EXPECT_TRUE(judge.judge("select column" + std::to_string(each) + " from " + long_name, {}).reads());
        most = std::max(most, judge.size());
    }
    EXPECT_LE(most, judge_of_texts::most_octets / (30 * 1024));
}

TEST(ReadJudge, LooksAtNoTextThatIsTooLong)
{
    judge_of_texts judge{well_known_functions()};
    EXPECT_EQ(judge.judge("select '" + std::string(judge_of_texts::longest_text, 'x') + "'", {}).verdict,
              read_verdict::too_large);
}

}  // namespace
