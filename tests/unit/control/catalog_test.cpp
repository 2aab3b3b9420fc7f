// SPDX-License-Identifier: Apache-2.0
//
// Which functions a catalogue calls harmless, and when a database's catalogue is read.
#include "control/catalog.hpp"

#include "control/catalog_functions.hpp"
#include "tests/unit/control/fake_sql_client.hpp"

#include <gtest/gtest.h>

#include <array>
#include <initializer_list>

namespace penstock::control {
namespace {

using path = std::vector<std::string>;

sql_answer rows(std::initializer_list<std::array<const char*, 3>> all)
{
    sql_answer answer;
    for (const auto& each : all) {
        answer.rows.push_back({each[0], each[1], each[2]});
    }
    return answer;
}

function_snapshot snapshot(const sql_answer& answer, engine of = engine::postgresql, bool is_mariadb = false)
{
    return {of, is_mariadb, read_functions(of, answer), 1};
}

TEST(CatalogFunctions, OfPostgresqlAreHarmlessAsDeclared)
{
    const auto known = snapshot(rows({{"public", "stable_one", "t"}, {"public", "volatile_one", "f"}}));
    EXPECT_TRUE(known.harmless({"", "stable_one"}, path{"public"}));
    EXPECT_TRUE(known.harmless({"public", "stable_one"}, {}));
    EXPECT_FALSE(known.harmless({"", "volatile_one"}, path{"public"}));
    EXPECT_FALSE(known.harmless({"", "unknown"}, path{"public"}));
    EXPECT_FALSE(known.harmless({"", "STABLE_ONE"}, path{"public"}));
    EXPECT_FALSE(known.harmless({"other", "stable_one"}, path{"public"}));
}

TEST(CatalogFunctions, CountInEverySchemaOfTheSearchPath)
{
    const auto known =
        snapshot(rows({{"a", "f", "t"}, {"b", "f", "f"}, {"pg_catalog", "f", "t"}, {"pg_catalog", "lower", "t"}}));
    EXPECT_TRUE(known.harmless({"", "f"}, path{"a"}));
    EXPECT_FALSE(known.harmless({"", "f"}, path{"a", "b"}));
    EXPECT_FALSE(known.harmless({"", "f"}, {})) << "the path is not known";
    EXPECT_TRUE(known.harmless({"", "f"}, path{"c"})) << "pg_catalog is always searched";
    EXPECT_TRUE(known.harmless({"", "lower"}, path{"a", "b"}));
    EXPECT_TRUE(known.harmless({"a", "f"}, path{"b"}));
    EXPECT_FALSE(known.harmless({"b", "f"}, path{"a"}));
}

TEST(CatalogFunctions, OfTheServerItselfAreKnownBetter)
{
    const auto known = snapshot(rows({{"pg_catalog", "random", "f"},
                                      {"pg_catalog", "clock_timestamp", "f"},
                                      {"pg_catalog", "nextval", "f"},
                                      {"pg_catalog", "pg_advisory_lock", "f"},
                                      {"pg_catalog", "pg_backend_pid", "t"},
                                      {"pg_catalog", "pg_stat_get_activity", "t"},
                                      {"pg_catalog", "txid_current", "t"},
                                      {"pg_catalog", "now", "t"},
                                      {"mine", "random", "f"}}));
    for (const auto* const name : {"random", "clock_timestamp", "now"}) {
        EXPECT_TRUE(known.harmless({"", name}, path{"public"})) << name;
    }
    for (const auto* const name :
         {"nextval", "pg_advisory_lock", "pg_backend_pid", "pg_stat_get_activity", "txid_current"}) {
        EXPECT_FALSE(known.harmless({"", name}, path{"public"})) << name;
    }
    EXPECT_FALSE(known.harmless({"", "random"}, path{"mine"})) << "somebody's own function of that name";
    EXPECT_TRUE(known.harmless({"pg_catalog", "random"}, path{"mine"}));
}

TEST(CatalogFunctions, OfMysqlAreComparedWithoutCase)
{
    const auto known = snapshot(rows({{"d", "reads", "1"}, {"d", "writes", "0"}, {"e", "reads", "0"}}), engine::mysql);
    EXPECT_TRUE(known.harmless({"", "Reads"}, path{"D"}));
    EXPECT_FALSE(known.harmless({"", "reads"}, path{"e"}));
    EXPECT_FALSE(known.harmless({"", "reads"}, {}));
    EXPECT_TRUE(known.harmless({"D", "READS"}, {}));
    EXPECT_FALSE(known.harmless({"", "writes"}, path{"d"}));
    EXPECT_FALSE(known.harmless({"", "unknown"}, path{"d"}));
    // The other product's own functions are unknown ones here.
    EXPECT_TRUE(known.harmless({"", "uuid_to_bin"}, path{"d"}));
    EXPECT_FALSE(known.harmless({"", "nvl2"}, path{"d"}));
    EXPECT_TRUE(snapshot(rows({}), engine::mysql, true).harmless({"", "nvl2"}, path{"d"}));
    EXPECT_FALSE(known.harmless({"d", "uuid_to_bin"}, path{"d"}));
}

TEST(CatalogFunctions, ComeWithTheRelationsForThePrimary)
{
    const auto answer = rows({{"public", "reads", "t"}, {"public", "numbers", "r"}, {"other", "Writing", "r"}});
    const auto known = read_functions(engine::postgresql, answer);
    EXPECT_EQ(known.size(), 1U);
    const auto relations = read_relations(answer);
    EXPECT_TRUE(relations.contains("numbers"));
    EXPECT_TRUE(relations.contains("Writing"));
    EXPECT_FALSE(relations.contains("reads"));
    EXPECT_TRUE(read_relations(fault("no")).empty());
}

TEST(CatalogFunctions, AreUnknownWhereTheAnswerIsNoTable)
{
    EXPECT_TRUE(read_functions(engine::postgresql, fault("no")).empty());
    EXPECT_TRUE(read_functions(engine::postgresql, one_row({"a", "b"})).empty());
    EXPECT_TRUE(read_functions(engine::postgresql, one_row({"a", std::nullopt, "t"})).empty());
}

struct world {
    world() { make(); }
    void make()
    {
        catalog_surroundings around;
        around.make_client = database.factory();
        around.where_to_ask = [this](const catalog_key& of) -> std::optional<sql_target> {
            if (!is_reachable) {
                return {};
            }
            sql_target target;
            target.database = of.database;
            return target;
        };
        around.publish = [this](const catalog_key&, function_catalogue_ptr) { ++published; };
        watched = std::make_unique<catalog>(on, options, std::move(around));
    }
    bool asked(std::size_t questions = 1)
    {
        return on.run_until([&] { return database.questions.size() >= questions; }, seconds{5});
    }
    /// Until what was posted so far has run.
    void settle()
    {
        bool done = false;
        on.post([&done] { done = true; });
        on.run_until([&done] { return done; }, seconds{5});
    }
    void answer(sql_answer with)
    {
        database.answer(std::move(with));
        settle();
    }

    catalog_options options{
        .refresh_interval = milliseconds{30}, .retry_interval = milliseconds{10}, .shortest_pause = milliseconds{1}};
    loop on{};
    fake_database database{};
    bool is_reachable = true;
    int published = 0;
    std::unique_ptr<catalog> watched{};
    const catalog_key key{"main", "shop"};
};

TEST(Catalog, IsReadOnceWantedAndRefreshed)
{
    world all;
    EXPECT_EQ(all.watched->current(all.key), nullptr);
    all.watched->watch(all.key);
    all.watched->watch(all.key);
    ASSERT_TRUE(all.asked());
    EXPECT_EQ(all.database.questions.size(), 1U);
    EXPECT_EQ(all.database.targets.back().database, "shop");
    EXPECT_EQ(all.watched->current(all.key), nullptr);
    all.answer(rows({{"public", "f", "t"}}));
    const auto first = all.watched->current(all.key);
    ASSERT_NE(first, nullptr);
    EXPECT_TRUE(first->harmless({"", "f"}, path{"public"}));

    ASSERT_TRUE(all.asked()) << "after refresh_interval";
    all.answer(rows({{"public", "f", "t"}}));
    EXPECT_EQ(all.watched->current(all.key), first) << "nothing has changed";
    EXPECT_EQ(all.published, 1);

    ASSERT_TRUE(all.asked());
    all.answer(rows({{"public", "f", "f"}}));
    const auto second = all.watched->current(all.key);
    EXPECT_GT(second->version(), first->version());
    EXPECT_FALSE(second->harmless({"", "f"}, path{"public"}));
    EXPECT_EQ(all.published, 2);
}

TEST(Catalog, IsPublishedWhereOnlyItsRelationsAreOthers)
{
    world all;
    all.watched->watch(all.key);
    ASSERT_TRUE(all.asked());
    all.answer(rows({{"public", "f", "t"}}));
    ASSERT_TRUE(all.asked());
    all.answer(rows({{"public", "f", "t"}, {"public", "numbers", "r"}}));
    EXPECT_EQ(all.published, 2);
    EXPECT_TRUE(all.watched->current(all.key)->of_primary().contains("numbers"));
    ASSERT_TRUE(all.asked());
    all.answer(rows({{"public", "numbers", "r"}}));
    EXPECT_EQ(all.published, 3) << "a database without functions";
}

TEST(Catalog, IsReadSoonAfterAChange)
{
    world all;
    all.options.refresh_interval = seconds{1000};
    all.make();
    all.watched->changed(all.key);
    all.watched->watch(all.key);
    ASSERT_TRUE(all.asked());
    EXPECT_EQ(all.database.questions.size(), 1U) << "what nobody watches is not read";
    all.watched->changed(all.key);  // while a reading is under way
    all.settle();
    all.answer(rows({{"public", "f", "t"}}));
    EXPECT_EQ(all.watched->current(all.key), nullptr);
    ASSERT_TRUE(all.asked()) << "once more, since the change may have come too late for the first";
    all.answer(rows({{"public", "f", "t"}}));
    EXPECT_NE(all.watched->current(all.key), nullptr);
    EXPECT_EQ(all.published, 1);
    all.watched->changed(all.key);
    all.settle();
    EXPECT_EQ(all.watched->current(all.key), nullptr) << "nothing is believed until it has been read again";
    EXPECT_EQ(all.published, 2);
    ASSERT_TRUE(all.asked());
    all.answer(rows({{"public", "f", "t"}}));
    EXPECT_NE(all.watched->current(all.key), nullptr) << "even if it says the same";
    EXPECT_EQ(all.published, 3);
}

TEST(Catalog, KeepsWhatItKnowsWhereItCannotRead)
{
    world all;
    all.watched->watch(all.key);
    ASSERT_TRUE(all.asked());
    all.answer(rows({{"public", "f", "t"}}));
    ASSERT_TRUE(all.asked());
    all.answer(fault("gone"));
    EXPECT_NE(all.watched->current(all.key), nullptr);
    all.is_reachable = false;
    EXPECT_FALSE(all.on.run_until([&] { return !all.database.questions.empty(); }, milliseconds{50}));
    EXPECT_NE(all.watched->current(all.key), nullptr);
    all.is_reachable = true;
    ASSERT_TRUE(all.asked());
    EXPECT_EQ(all.published, 1);
}

TEST(Catalog, IsBoundedAndEndsWhenItsOwnerDoes)
{
    world all;
    all.options.most_databases = 2;
    all.make();
    for (const auto* const database : {"a", "b", "c", "d"}) {
        all.watched->watch({"main", database});
    }
    ASSERT_TRUE(all.asked(2));
    all.settle();
    EXPECT_EQ(all.database.questions.size(), 2U);
    all.watched.reset();
    EXPECT_TRUE(all.database.questions.empty());
    EXPECT_EQ(all.published, 0);
}

}  // namespace
}  // namespace penstock::control
