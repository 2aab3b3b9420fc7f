// SPDX-License-Identifier: Apache-2.0
//
// What is said of a text of MySQL, by its shape and under the session's sql_mode; and what counts as no write.
#include "protocols/mysql/effects.hpp"
#include "protocols/mysql/read_dialect.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::mysql;

namespace {

using judge_of_texts = penstock::mysql::read_judge;

constexpr sql_reading utf8{.utf8 = true};

/// Knows the functions it is given.
class known_functions final : public function_catalogue {
public:
    explicit known_functions(std::vector<std::string> names) : names_{std::move(names)} {}
    [[nodiscard]] std::uint64_t version() const override { return 1; }
    [[nodiscard]] bool harmless(const function_name& function, std::span<const std::string>) const override
    {
        return std::find(names_.begin(), names_.end(), function.name) != names_.end();
    }

private:
    std::vector<std::string> names_;
};

TEST(MysqlReadJudge, TellsPlainTextsOfAKnownShape)
{
    judge_of_texts judge{well_known_functions()};
    const auto plain = [&judge](std::string_view text) { return judge.judge(text, utf8).is_plain; };
    for (const auto* text : {"select a from t where b = 1 and c = 'x'", "select a, @b from t where c = 1"}) {
        EXPECT_FALSE(plain(text)) << "it is not known yet: " << text;
        plain(text);
    }
    EXPECT_TRUE(plain("select a from t where b = 23 and c = 'y;@'"));
    EXPECT_FALSE(plain("select a from t where b = 23 and c = 'y'';@'"));
    EXPECT_FALSE(plain("select a, @b from t where c = 2"));
}

TEST(MysqlReadJudge, SaysOfATextWhatItIs)
{
    struct row {
        const char* text;
        read_verdict expected;
        route_hint hint = route_hint::none;
    };
    const row table[] = {
        {"SELECT 1", read_verdict::read},
        {"select c from sbtest1 where id = 17;", read_verdict::read},
        {"select count(*), max(lower(name)), now() from t", read_verdict::read},
        {"select @a, t.x from t", read_verdict::read},
        {"select 1; select 2", read_verdict::read},
        {"show tables", read_verdict::read},
        {"select do_something(1)", read_verdict::function},
        {"select app.do_something(1)", read_verdict::function},
        {"select get_lock('l', 1)", read_verdict::session},
        {"select last_insert_id()", read_verdict::session},
        {"select last_insert_id(5)", read_verdict::session},
        {"select row_count()", read_verdict::session},
        {"select found_rows()", read_verdict::session},
        {"select sql_calc_found_rows * from t", read_verdict::session},
        {"select @x := 1", read_verdict::session},
        {"show warnings", read_verdict::session},
        {"select @@warning_count", read_verdict::server_state},
        {"select connection_id()", read_verdict::session},
        {"select nextval(s)", read_verdict::writes},
        {"insert into t values (1)", read_verdict::writes},
        {"with x as (select 1) delete from t", read_verdict::writes},
        {"select 1; insert into t values (1)", read_verdict::writes},
        {"select 1; call p()", read_verdict::writes},
        {"select * from t for update", read_verdict::locks},
        {"select * from t lock in share mode", read_verdict::locks},
        {"select * from t into @x", read_verdict::into},
        {"select * from t into outfile '/f'", read_verdict::into},
        {"select 1 /*!50000 for update */", read_verdict::locks},
        {"set @x = 1", read_verdict::session},
        {"begin", read_verdict::session},
        {"lock tables t read", read_verdict::session},
        {"create temporary table x (n int)", read_verdict::writes},
        {"select * from performance_schema.threads", read_verdict::server_state},
        {"select 'unterminated", read_verdict::unparsed},
        {"not SQL at all", read_verdict::unparsed},
        {"select /* penstock: primary */ 1", read_verdict::hint, route_hint::primary},
        {"select do_something(1) -- penstock: replica", read_verdict::read, route_hint::replica},
        {"/* penstock: replica */ insert into t values (1)", read_verdict::writes, route_hint::replica},
    };
    judge_of_texts judge{well_known_functions()};
    for (int again = 0; again < 2; ++again) {
        for (const auto& row : table) {
            const auto facts = judge.judge(row.text, utf8);
            EXPECT_EQ(facts.verdict, row.expected) << row.text;
            EXPECT_EQ(facts.hint, row.hint) << row.text;
        }
    }
}

TEST(MysqlReadJudge, ReadsATextAsItsSessionDoes)
{
    judge_of_texts judge{well_known_functions()};
    const auto escaped = R"(select '\'; delete from t; -- ')";
    EXPECT_TRUE(judge.judge(escaped, utf8).reads());
    EXPECT_EQ(judge.judge(escaped, {.no_backslash_escapes = true, .utf8 = true}).verdict, read_verdict::writes);
    const auto quoted = R"(select "get_lock"(1))";
    EXPECT_EQ(judge.judge(quoted, {.ansi_quotes = true, .utf8 = true}).verdict, read_verdict::session);
    EXPECT_TRUE(judge.judge(escaped, utf8).reads());
}

TEST(MysqlReadJudge, BelievesTheCatalogueAndReplicas)
{
    judge_of_texts judge{well_known_functions()};
    EXPECT_EQ(judge.judge("select f(1)", utf8).verdict, read_verdict::function);
    judge.use(std::make_shared<known_functions>(std::vector<std::string>{"f"}));
    EXPECT_TRUE(judge.judge("select f(1)", utf8).reads());
    EXPECT_TRUE(judge.judge("select n from v where id = 1", utf8).reads());
    judge.note_refused("select n from v where id = 7", utf8);
    EXPECT_EQ(judge.judge("select n from v where id = 1", utf8).verdict, read_verdict::refused);
    EXPECT_TRUE(judge.judge("select n from w where id = 1", utf8).reads());
}

TEST(ChangesNothing, HoldsForStatementsAboutTheSessionItself)
{
    judge_of_texts judge{well_known_functions()};
    const auto is_quiet = [&](std::string_view text) {
        return changes_nothing(text, inspect(text, utf8), judge.judge(text, utf8).verdict);
    };
    for (const auto* text : {"set names utf8mb4",
                             "SET autocommit = 1",
                             "begin",
                             "start transaction",
                             "commit",
                             "rollback",
                             "use other",
                             "select @@version, @@session.sql_mode",
                             "select last_insert_id()",
                             "show variables like 'x'",
                             "show warnings",
                             "savepoint a"}) {
        EXPECT_TRUE(is_quiet(text)) << text;
    }
    for (const auto* text : {"insert into t values (1)",
                             "select f(1)",
                             "set @x = f(1)",
                             "select @@x, f(1)",
                             "execute p",
                             "execute immediate 'delete from t'",
                             "call p()",
                             "do 1",
                             "xa commit 'x'",
                             "begin not atomic delete from t; end",
                             "set @x = 1; delete from t",
                             "commit; delete from t",
                             "lock tables t write",
                             "handler t open",
                             "/* about */ set @x = 1",
                             "select nextval(s)",
                             "select * from t for update",
                             "select get_lock('l', 1)"}) {
        EXPECT_FALSE(is_quiet(text)) << text;
    }
}

}  // namespace
