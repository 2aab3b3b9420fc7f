// SPDX-License-Identifier: Apache-2.0
#include "app/explain.hpp"

#include "settings/load.hpp"

#include <gtest/gtest.h>

namespace penstock::app {
namespace {

bool has(const std::string& lines, std::string_view line)
{
    return ("\n" + lines).find("\n" + std::string{line} + "\n") != std::string::npos;
}

std::string lines_of(std::string_view text, engine of)
{
    return in_lines(explain(text, {.of = of}));
}

struct only_f_is_harmless final : function_catalogue {
    [[nodiscard]] std::uint64_t version() const override { return 1; }
    [[nodiscard]] bool harmless(const function_name& function, std::span<const std::string>) const override
    {
        return function.name == "f";
    }
};

constexpr std::string_view two_clusters = R"(
[[cluster]]
name = "main"
nodes = ["db1:5432", "db2:5432"]
read_write_split = true
[[cluster]]
name = "whole"
nodes = ["db3:5432"]
[[cluster]]
name = "other"
engine = "mysql"
nodes = ["db4:3306", "db5:3306"]
read_write_split = true
[[database]]
name = "app"
[[database]]
name = "alone"
cluster = "whole"
[[database]]
name = "shop"
cluster = "other"
[[user]]
name = "report"
password = "x"
[[rule]]
name = "big"
user = "report"
statement = "select*big*"
route = "node=db2"
[[rule]]
name = "hot"
statement = "select*hot*"
route = "primary"
)";

settings::tree settings_of(std::string_view text)
{
    auto loaded = settings::load_text(text, "test.toml");
    EXPECT_TRUE(loaded.ok());
    return loaded.settings;
}

TEST(Explain, TellsClassFunctionsHintAndRoute)
{
    const auto read = lines_of("SELECT lower(a), f(1) FROM t /* penstock: replica */", engine::postgresql);
    EXPECT_TRUE(has(read, "shape: select lower(a), f(0) from t")) << read;
    EXPECT_TRUE(has(read, "class: read")) << read;
    EXPECT_TRUE(has(read, "functions: f, lower")) << read;
    EXPECT_TRUE(has(read, "hint: penstock: replica ")) << read;
    EXPECT_TRUE(has(read, "route: replica")) << read;
    EXPECT_TRUE(has(read, "reason: replica_hint")) << read;
    EXPECT_EQ(read.find("pins"), std::string::npos) << read;
}

TEST(Explain, TellsWhatPinsAndWhatATransactionIsFor)
{
    const auto lock = lines_of("SELECT pg_advisory_lock(1)", engine::postgresql);
    EXPECT_TRUE(has(lock, "pins: advisory_lock")) << lock;
    EXPECT_TRUE(has(lock, "route: primary")) << lock;
    const auto begin = lines_of("BEGIN READ ONLY", engine::postgresql);
    EXPECT_TRUE(has(begin, "transaction: read only")) << begin;
    EXPECT_TRUE(has(begin, "class: session_command")) << begin;
}

TEST(Explain, ReadsTheOtherDialect)
{
    const auto into = lines_of("SELECT `a` INTO @x FROM t", engine::mysql);
    EXPECT_TRUE(has(into, "class: select_into")) << into;
    EXPECT_TRUE(has(into, "pins: user_variable")) << into;
    EXPECT_TRUE(has(lines_of("SELECT `a` FROM t", engine::postgresql), "class: unparsed"));
    EXPECT_TRUE(has(lines_of("SELECT `a` FROM t", engine::mysql), "class: read"));
    EXPECT_TRUE(has(lines_of("SELECT 'open", engine::mysql), "shape: not understood"));
}

TEST(Explain, AsksTheCatalogue)
{
    explain_context in;
    EXPECT_EQ(explain("SELECT f(a), g(b) FROM t", in).because, "not known to be harmless: f, g");
    in.functions = std::make_shared<const only_f_is_harmless>();
    EXPECT_EQ(explain("SELECT f(a), g(b) FROM t", in).because, "not known to be harmless: g");
    EXPECT_TRUE(explain("SELECT f(a) FROM t", in).to_replica);
}

TEST(Explain, NamesTheRuleThatDecides)
{
    const auto all = settings_of(two_clusters);
    const auto ask = [&all](std::string statement, std::string database, std::string user) {
        return route_of(
            {.statement = std::move(statement), .database = std::move(database), .user = std::move(user)}, all, {});
    };
    auto found = ask("SELECT * FROM big", "app", "report").cells;
    EXPECT_EQ(found[1], "replica");
    EXPECT_EQ(found[2], "node");
    EXPECT_EQ(found[3], "rule \"big\": user = \"report\", statement = \"select*big*\"");
    EXPECT_EQ(ask("SELECT * FROM big", "app", "other").cells[2], "read");
    EXPECT_EQ(ask("SELECT * FROM hot", "app", "other").cells[2], "primary_rule");
    EXPECT_EQ(ask("DELETE FROM big", "app", "report").cells[2], "write");
    EXPECT_EQ(ask("SELECT 1 /* penstock: node=nowhere */", "app", "x").cells[3]->find("a comment is not understood"),
              ask("SELECT 1 /* penstock: node=nowhere */", "app", "x").cells[3]->rfind("a comment is not understood"));
    EXPECT_EQ(ask("SELECT 1", "alone", "x").cells[2], "split_off");
    EXPECT_EQ(ask("SELECT `a` FROM t", "shop", "x").cells[2], "read");
    EXPECT_TRUE(ask("SELECT 1", "nowhere", "x").refused);
}

constexpr std::string_view rules_by_session = R"(
[[cluster]]
nodes = ["db1:5432", "db2:5432"]
read_write_split = true
[[database]]
name = "*"
[[user]]
name = "u"
password = "x"
[[rule]]
name = "any"
application_name = "*"
statement = "*everywhere*"
route = "replica"
[[rule]]
name = "jobs"
application_name = "job*"
route = "primary"
[[rule]]
name = "nightly"
user = "u"
application_name = "night*"
database = "app"
statement = "*big*"
route = "primary"
[[rule]]
name = "big"
user = "u"
statement = "*big*"
route = "primary"
[[rule]]
name = "behind it"
application_name = "x"
statement = "*big*"
route = "replica"
)";

TEST(Explain, TellsWhichRulesWouldDecideForSessionsThatNobodyHasDescribed)
{
    const auto all = settings_of(rules_by_session);
    const auto ask = [&all](admin::route_question question) { return route_of(question, all, {}).cells; };
    const std::string jobs = "; not judged: rule \"jobs\", which counts where application_name = \"job*\"";
    const std::string big = "rule \"big\": user = \"u\", statement = \"*big*\"";

    auto found = ask({.statement = "SELECT 1", .database = "app", .user = "u"});
    EXPECT_EQ(found[2], "read");
    EXPECT_TRUE(found[3]->ends_with(jobs)) << *found[3];
    found = ask({.statement = "SELECT big", .database = "app", .user = "u"});
    EXPECT_EQ(found[2], "primary_rule");
    EXPECT_EQ(found[3], big) << "those that are not judged would decide the same, or come behind";
    found = ask({.statement = "SELECT everywhere", .database = "app", .user = "u"});
    EXPECT_EQ(found[3], "rule \"any\": application_name = \"*\", statement = \"*everywhere*\"");

    found = ask({.statement = "SELECT 1", .database = "app", .user = "u", .application_name = "job 7"});
    EXPECT_EQ(found[3], "rule \"jobs\": application_name = \"job*\"");
    found = ask({.statement = "SELECT 1", .database = "app", .user = "u", .application_name = "web"});
    EXPECT_EQ(found[3]->find("judged"), std::string::npos) << *found[3];
    found = ask({.statement = "SELECT big", .database = "app", .user = "other", .application_name = "night"});
    EXPECT_EQ(found[2], "read");
    EXPECT_EQ(found[3]->find("judged"), std::string::npos) << *found[3];

    found = ask({.statement = "SELECT big", .user = "other"});
    EXPECT_TRUE(
        found[3]->ends_with(jobs + "; not judged: rule \"behind it\", which counts where application_name = \"x\""))
        << *found[3];
    found = ask({.statement = "SELECT big", .application_name = "night"});
    EXPECT_TRUE(
        found[3]->ends_with("; not judged: rule \"nightly\", which counts where user = \"u\", database = \"app\"; not "
                            "judged: rule \"big\", which counts where user = \"u\""))
        << *found[3];
    found = ask({.statement = "SELECT big /* penstock: replica */", .database = "app", .user = "u"});
    EXPECT_EQ(found[2], "replica_hint") << "a comment outranks all rules";
    EXPECT_EQ(found[3]->find("rule"), std::string::npos) << *found[3];
}

TEST(Explain, TakesTheDialectThatIsNamed)
{
    const auto all = settings_of(two_clusters);
    EXPECT_EQ(route_of({.statement = "SELECT `a` FROM t", .dialect = "MYSQL"}, all, {}).cells[0], "read");
    EXPECT_EQ(route_of({.statement = "SELECT `a` FROM t"}, all, {}).cells[0], "unparsed");
}

TEST(Explain, AsksForTheFunctionsOfTheDatabaseOnItsServer)
{
    std::string asked;
    const auto all = settings_of(two_clusters);
    const auto find = [&asked](const auto& cluster, const auto& database) -> function_catalogue_ptr {
        asked = cluster + "/" + database;
        return nullptr;
    };
    EXPECT_FALSE(route_of({.statement = "SELECT 1", .database = "app"}, all, find).refused);
    EXPECT_EQ(asked, "main/app");
}

}  // namespace
}  // namespace penstock::app
