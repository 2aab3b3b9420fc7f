// SPDX-License-Identifier: Apache-2.0
//
// FOUND_ROWS() as MySQL 9.7 and MariaDB 10.11 were seen to give it behind each of these statements.
#include "protocols/mysql/found_rows.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

using number = std::optional<std::uint64_t>;

TEST(MysqlFoundRows, AreWhatEachProductCounts)
{
    struct row {
        const char* text;
        number rows;
        const char* info;
        number on_mysql;
        number on_mariadb;
    };
    for (const auto& each : {
             row{"select 1 union select 2", 2, "", 2, 2},
             row{"select 1 limit 0", 0, "", 0, 0},
             row{"insert into t values (1)", {}, "", {}, {}},
             row{"insert into t values (1), (2)", {}, "Records: 2  Duplicates: 0  Warnings: 0", {}, {}},
             row{" INSERT into t Select 1", {}, "Records: 6  Duplicates: 5  Warnings: 5", 6, 6},
             row{"replace t select 1", {}, "Records: 2  Duplicates: 2  Warnings: 0", 2, 2},
             row{"insert into t select 1 returning id", 3, "", 3, 3},
             row{"update t set a = 1", {}, "Rows matched: 2  Changed: 0  Warnings: 0", 2, {}},
             row{"delete from t", {}, "", {}, {}},
             row{"do 1", {}, "", 1, {}},
             row{"show tables", 5, "", 5, 5},
             row{"show warnings", 5, "", {}, {}},
             row{"SHOW  errors", 0, "", {}, {}},
             row{"show count(*) warnings", 1, "", 1, 1},
             row{"commit", {}, "", {}, {}},
             row{"insert into t select 1", {}, "Records: nonsense", {}, {}},
             row{"", {}, "", {}, {}},
         }) {
        SCOPED_TRACE(each.text);
        EXPECT_EQ(found_rows_behind(row_finder_of(each.text), false, each.rows, each.info), each.on_mysql);
        EXPECT_EQ(found_rows_behind(row_finder_of(each.text), true, each.rows, each.info), each.on_mariadb);
    }
}

}  // namespace
}  // namespace penstock::mysql::test
