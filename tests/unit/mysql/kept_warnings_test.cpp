// SPDX-License-Identifier: Apache-2.0
//
// What is kept of a statement's warnings answers whatever form of SHOW WARNINGS asks for it.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

TEST(MysqlEarlier, KeptWarningsAnswerTheOtherFormsToo)
{
    struct row {
        const char* text;
        const char* first;  ///< the first value of the answer; empty where there is no row
        bool answered = true;
    };
    const auto error = say::text("Error") + say::text("1064") + say::text("not understood");
    const auto note = say::text("Note") + say::text("1051") + say::text("no such table");
    for (const auto& [text, first, answered] : {
             row{"SHOW WARNINGS LIMIT 1", "Note"},
             row{"show /* all */ warnings limit 1, 5;", "Error"},
             row{"show warnings limit 1 offset 1", "Error"},
             row{"show warnings limit 0", ""},
             row{"SHOW ERRORS", "Error"},
             row{"show errors limit 1, 1", ""},
             row{"show count(*) warnings", "2"},
             row{"SHOW COUNT( * ) ERRORS", "1"},
             row{"select @@warning_count", "2"},
             row{"select @@session.error_count , @@Warning_Count", "1"},
             row{"select @@warning_count + 1", "", false},
             row{"select @@global.warning_count", "", false},
             row{"show warnings limit x", "", false},
             row{"get diagnostics @a = number", "", false},
         }) {
        SCOPED_TRACE(text);
        exchange talk;
        talk.send(ask::query("DROP TABLE IF EXISTS t"));
        talk.answer(packets({say::ok({.affected = 0, .warnings = 2})}));
        talk.sent_to_server();
        talk.sent_to_client();
        talk.settle();
        talk.asked();
        talk.answer(
            packets({"\3", say::column("Level"), say::column("Code"), say::column("Message"), note, error, say::end()}),
            1);
        talk.sent_to_client();
        talk.server = nullptr;
        EXPECT_EQ(talk.send(ask::query(text)) == front_need::more, answered);
        const auto told = talk.told();
        if (answered) {
            const bool named = std::string_view{text}.starts_with("select") ||
                               std::string_view{text}.find("(") != std::string_view::npos;
            ASSERT_FALSE(told.empty());
            const auto columns = static_cast<std::size_t>(told[0][0]);
            EXPECT_EQ(columns, named ? (std::string_view{text}.find(',') == std::string_view::npos ? 1U : 2U) : 3U);
            EXPECT_EQ(told.size() > columns + 2, *first != '\0');
            EXPECT_TRUE(*first == '\0' || told[columns + 1].starts_with(say::text(first)));
        }
    }
}

}  // namespace
}  // namespace penstock::mysql::test
