// SPDX-License-Identifier: Apache-2.0
//
// What is a read and what is not, statement by statement; and that a text's shape has the text's class.
#include "protocols/postgresql/classifier.hpp"
#include "protocols/postgresql/shape.hpp"

#include <gtest/gtest.h>

namespace penstock::postgresql {

namespace {

struct expectation {
    const char* text;
    read_obstacle obstacle;
    std::vector<const char*> functions{};
};

const std::vector<expectation>& table()
{
    using enum read_obstacle;
    static const std::vector<expectation> all{
        {"SELECT 1", none},
        {"select a, b from t where a = 1 and b in ('x', 'y', 'z') order by 1 limit 10 offset 5", none},
        {"SELECT count(*), sum(x) FROM s.t GROUP BY y HAVING max(z) > 1", none, {"count", "max", "sum"}},
        {"select * from a join b using (id) left join lateral (select 1 from c where c.id = a.id) q on true", none},
        {"VALUES (1, 'a'), (2, 'b')", none},
        {"TABLE t", none},
        {"with r as (select 1) select * from r", none},
        {"with recursive r(n) as (values (1) union all select n + 1 from r where n < 10) select n from r", none},
        {"select 1 union select 2 intersect select 3", none},
        {"select row_number() over (partition by a order by b) from t", none, {"row_number"}},
        {"select f(g(x)) from h(1) where k(2) and x = any(array[l(3)])", none, {"f", "g", "h", "k", "l"}},
        {"select s.f(1), pg_catalog.lower('A'), \"S\".\"F\"(2)", none, {"S.F", "pg_catalog.lower", "s.f"}},
        {"select * from generate_series(1, 10) g, unnest(array[1]) u", none, {"generate_series", "unnest"}},
        {"select case when a then coalesce(b, greatest(c, d)) end, x[1], (y).z, row(1, 2), $1::int from t", none},
        {"select current_timestamp, current_user, localtime", none},
        {"select cast('1' as numeric(10, 2)), interval '1 day', date'2020-01-01', b'101', x'ff', 'a' collate \"C\"",
         none},
        {"select grouping(a) from t group by cube (a, b)", none},
        {"select * from t tablesample bernoulli (10)", none},
        {"select xmlelement(name a, b) from t", none},
        {"SELECT 1; SELECT f()", none, {"f"}},
        {"explain select f()", none, {"f"}},
        {"explain (analyze, buffers) select 1", none},
        {"select extract(year from x), trim(both ' ' from y), a at time zone 'utc' from t",
         none,
         {"pg_catalog.btrim", "pg_catalog.extract", "pg_catalog.timezone"}},
        {"", empty},
        {" ; -- nothing\n ;", empty},
        {"INSERT INTO t VALUES (1)", writes},
        {"update t set a = 1", writes},
        {"delete from t", writes},
        {"merge into t using s on t.id = s.id when matched then delete", writes},
        {"with w as (insert into t values (1) returning *) select * from w", writes},
        {"with w as (delete from t returning *) select * from w", writes},
        {"select 1; delete from t", writes},
        {"select 1 for update; delete from t", writes},
        {"truncate t", writes},
        {"create table t (a int)", writes},
        {"create temp table t as select 1", writes},
        {"drop table t", writes},
        {"alter table t add b int", writes},
        {"copy t to stdout", writes},
        {"copy (select 1) to program 'x'", writes},
        {"call p()", writes},
        {"do $$ begin end $$", writes},
        {"vacuum t", writes},
        {"analyze t", writes},
        {"grant select on t to u", writes},
        {"refresh materialized view v", writes},
        {"explain analyze insert into t values (1)", writes},
        {"explain update t set a = 1", writes},
        {"select * from t for update", locks},
        {"select * from (select * from t for share) q", locks},
        {"select * from t for no key update skip locked", locks},
        {"select 1 into t", into},
        {"select 1 union select 2 into x from t", into},
        {"select a into temp x from t union select 2", into},
        {"begin", session},
        {"commit", session},
        {"set search_path = a", session},
        {"show search_path", session},
        {"prepare p as select 1", session},
        {"execute p(1)", session},
        {"deallocate p", session},
        {"declare c cursor for select 1", session},
        {"fetch c", session},
        {"listen a", session},
        {"notify a", session},
        {"lock table t", session},
        {"discard all", session},
        {"savepoint a", session},
        {"select * from pg_stat_activity", server_state},
        {"select * from pg_catalog.pg_locks l join t on true", server_state},
        {"select nonsense from where", unparsed},
        {"select 'open", unparsed},
        {"select 1 /* open", unparsed},
        {"select $$ open", unparsed},
    };
    return all;
}

std::string names(const statement_class& found)
{
    std::string all;
    for (const auto& each : found.functions) {
        all += (all.empty() ? "" : " ") + (each.schema.empty() ? "" : each.schema + ".") + each.name;
    }
    return all;
}

std::string names(const std::vector<const char*>& expected)
{
    std::string all;
    for (const auto* each : expected) {
        all += (all.empty() ? "" : " ") + std::string{each};
    }
    return all;
}

TEST(Classifier, TellsReadsFromTheRest)
{
    for (const auto& [text, obstacle, functions] : table()) {
        const auto found = classify(text, {});
        EXPECT_STREQ(name_of(found.obstacle), name_of(obstacle)) << text;
        EXPECT_EQ(names(found), names(functions)) << text;
    }
}

TEST(Classifier, TheShapeOfATextHasItsClass)
{
    for (const auto& [text, obstacle, functions] : table()) {
        std::string shape;
        if (!make_shape(text, {}, shape).understood) {
            EXPECT_EQ(obstacle, read_obstacle::unparsed) << text;
            continue;
        }
        const auto found = classify(shape, {});
        EXPECT_STREQ(name_of(found.obstacle), name_of(obstacle)) << text << "\n" << shape;
        EXPECT_EQ(names(found), names(functions)) << text << "\n" << shape;
    }
}

TEST(Classifier, TellsWhatATransactionIsFor)
{
    const auto access = [](const char* text) { return classify(text, {}).access; };
    EXPECT_EQ(access("begin"), transaction_access::unstated);
    EXPECT_EQ(access("begin read only"), transaction_access::read_only);
    EXPECT_EQ(access("start transaction isolation level repeatable read, read only"), transaction_access::read_only);
    EXPECT_EQ(access("begin read only, read write"), transaction_access::read_write);
    EXPECT_EQ(access("begin read write"), transaction_access::read_write);
    EXPECT_EQ(access("select 1"), transaction_access::unstated);
}

TEST(Classifier, ProvesNothingWhereBackslashesOrEncodingsAreRead)
{
    EXPECT_TRUE(classify(R"(select 'a\')", {}).reads_only());
    EXPECT_EQ(classify(R"(select '\' from t; delete from t --')", {.backslash_escapes = true}).obstacle,
              read_obstacle::unparsed);
    EXPECT_EQ(classify("select '\x81\x27'", {.ambiguous_encoding = true}).obstacle, read_obstacle::unparsed);
}

TEST(Classifier, BoundsWhatItLooksAt)
{
    const auto repeated = [](std::string_view what, std::size_t times) {
        std::string all = "select 1";
        for (std::size_t round = 0; round < times; ++round) {
            all += what;
        }
        return all;
    };
    EXPECT_EQ(classify(repeated("+1", 16'000), {}).obstacle, read_obstacle::unparsed);
    EXPECT_EQ(classify(repeated("::a", 10'000), {}).obstacle, read_obstacle::unparsed);
    EXPECT_EQ(classify(repeated("+1", 20'000), {}).obstacle, read_obstacle::too_large);
    EXPECT_EQ(classify("select " + std::string(15'000, '(') + "1" + std::string(15'000, ')'), {}).obstacle,
              read_obstacle::unparsed);
    EXPECT_TRUE(classify(repeated("+1", 100), {}).reads_only());
}

}  // namespace

}  // namespace penstock::postgresql
