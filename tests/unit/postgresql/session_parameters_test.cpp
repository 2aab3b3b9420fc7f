// SPDX-License-Identifier: Apache-2.0
//
// Parameters of one session: what is asked for and when, and the texts that set them on a server.
#include "protocols/postgresql/session_parameters.hpp"

#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

constexpr lexical_mode plain{};

parameter_set_ptr set_of(const parameter_list& list)
{
    return parameter_set::of(list);
}

std::string catch_up(const parameter_list& from, const parameter_list& to)
{
    return catch_up_query(*set_of(from), *set_of(to));
}

/// DataRow's body.
std::string row(const std::vector<const std::string*>& values)
{
    return wire::data_row(values).substr(header_size);
}

TEST(CatchUp, NothingWhereNothingDiffers)
{
    EXPECT_EQ(catch_up({}, {}), "");
    EXPECT_EQ(catch_up({{"a", "1"}, {"role", "x"}}, {{"a", "1"}, {"role", "x"}}), "");
}

TEST(CatchUp, SetsWhatDiffersAndResetsWhatIsGone)
{
    EXPECT_EQ(catch_up({{"a", "1"}, {"b", "2"}, {"c", "3"}}, {{"a", "1"}, {"b", "4"}, {"d", "5"}}),
              "SET exit_on_error=on;SELECT 1"
              ",pg_catalog.set_config(E'c',NULL,false)"
              ",pg_catalog.set_config(E'b',E'4',false)"
              ",pg_catalog.set_config(E'd',E'5',false)"
              ";SET exit_on_error=off");
}

// As another role one may set other things; a session authorization decides which roles one may take.
TEST(CatchUp, IdentityIsUndoneFirstAndTakenLast)
{
    EXPECT_EQ(catch_up({{"a", "1"}, {"role", "old"}, {"session_authorization", "other"}},
                       {{"a", "2"}, {"role", "new"}, {"session_authorization", "boss"}}),
              "SET exit_on_error=on;SELECT 1"
              ",pg_catalog.set_config(E'role',NULL,false)"
              ",pg_catalog.set_config(E'session_authorization',NULL,false)"
              ",pg_catalog.set_config(E'a',E'2',false)"
              ",pg_catalog.set_config(E'session_authorization',E'boss',false)"
              ",pg_catalog.set_config(E'role',E'new',false)"
              ";SET exit_on_error=off");
}

TEST(CatchUp, ARoleIsTakenAgainWhereTheAuthorizationChanges)
{
    const auto text = catch_up({{"role", "clerk"}}, {{"role", "clerk"}, {"session_authorization", "boss"}});
    EXPECT_LT(text.find("E'role',NULL"), text.find("E'session_authorization',E'boss'"));
    EXPECT_LT(text.find("E'session_authorization',E'boss'"), text.find("E'role',E'clerk'"));
}

TEST(CatchUp, QuotesAndBackslashesAreDoubled)
{
    EXPECT_NE(catch_up({}, {{"a", "it's \\ "}}).find("E'a',E'it''s \\\\ '"), std::string::npos);
    EXPECT_NE(catch_up({}, {{"a", "'); DROP TABLE t; --"}}).find("E'''); DROP TABLE t; --'"), std::string::npos);
}

// A connection's client_encoding may be another than the session's; and in SJIS a letter may end with a backslash.
TEST(CatchUp, OtherLettersGoAsOctetsOfTheSessionsEncoding)
{
    const auto text = catch_up_query(*set_of({}), *set_of({{"search_path", "\x95\\"}}), "SJIS");
    EXPECT_NE(text.find("pg_catalog.convert_from(pg_catalog.decode('955c','hex'),'SJIS')"), std::string::npos) << text;
    for (const auto* encoding : {"", "'||evil()||'"}) {
        const auto harmless = catch_up_query(*set_of({}), *set_of({{"a", "\xc3\xa9"}}), encoding);
        EXPECT_EQ(harmless.find("evil()"), std::string::npos);
        EXPECT_NE(harmless.find("decode('c3a9','hex')"), std::string::npos);
    }
}

TEST(Probe, AsksForEachName)
{
    EXPECT_EQ(probe_query({"a", "it's"}),
              "SELECT pg_catalog.current_setting(E'a',true),pg_catalog.current_setting(E'it''s',true)");
}

TEST(Reapply, SetsAllValues)
{
    EXPECT_EQ(reapply_query({{"a", "1"}, {"b", "2"}}),
              "SET exit_on_error=on;SELECT 1,pg_catalog.set_config(E'a',E'1',"
              "false),pg_catalog.set_config(E'b',E'2',false);SET exit_on_error=off");
}

TEST(SessionParameters, BeginWithTheStartUpValues)
{
    const auto startup = set_of({{"timezone", "CET"}});
    const session_parameters session{startup};
    EXPECT_EQ(session.current(), startup);
    EXPECT_FALSE(session.is_dirty());
    EXPECT_FALSE(session.has_reapply());
}

TEST(SessionParameters, WhatWasTouchedIsProbedOnce)
{
    session_parameters session{parameter_set::none()};
    session.note(inspect("SET a.b = 1; SET work_mem = 2", plain));
    session.note(inspect("SET work_mem = 3", plain));
    session.note_changed("WORK_MEM");
    EXPECT_TRUE(session.needs_probe());
    EXPECT_EQ(session.begin_probe(), (std::vector<std::string>{"a.b", "work_mem"}));
    EXPECT_FALSE(session.needs_probe());
    EXPECT_TRUE(session.is_dirty());  // until it is answered
    const std::string value = "3";
    auto on_server = parameter_set::none();
    EXPECT_TRUE(session.on_probe_row(row({nullptr, &value}), on_server));
    EXPECT_FALSE(session.is_dirty());
    EXPECT_EQ(session.current()->entries(), (parameter_list{{"work_mem", "3"}}));
    EXPECT_TRUE(same_parameters(session.current(), on_server));
}

TEST(SessionParameters, AnAnswerThatDoesNotFitIsRefused)
{
    const std::string value = "3";
    const std::string with_zero{"3\0", 2};
    for (const auto& body : {row({}),
                             row({&value, &value}),
                             row({&with_zero}),
                             row({&value}) + "x",
                             std::string{},
                             row({&value}).substr(0, 6),
                             wire::short_number(1) + wire::number(0x7fffffff)}) {
        session_parameters session{parameter_set::none()};
        session.note_changed("work_mem");
        session.begin_probe();
        auto on_server = parameter_set::none();
        EXPECT_FALSE(session.on_probe_row(body, on_server));
    }
}

TEST(SessionParameters, ResetsBringStartUpValuesBack)
{
    session_parameters session{set_of({{"timezone", "CET"}, {"role", "clerk"}, {"my.own", "x"}})};
    const auto reapplied = [&session](std::string_view text) {
        session.note(inspect(text, plain));
        return session.take_reapply();
    };
    EXPECT_EQ(reapplied("RESET timezone"), (parameter_list{{"timezone", "CET"}}));
    EXPECT_EQ(reapplied("RESET work_mem"), parameter_list{});
    EXPECT_EQ(reapplied("RESET ALL"), (parameter_list{{"my.own", "x"}, {"timezone", "CET"}}));
    EXPECT_EQ(reapplied("RESET ALL; SET timezone = 'UTC'"), (parameter_list{{"my.own", "x"}}));
    EXPECT_EQ(reapplied("SET timezone = 'UTC'; RESET timezone"), (parameter_list{{"timezone", "CET"}}));
    EXPECT_EQ(reapplied("RESET ROLE"), (parameter_list{{"role", "clerk"}}));
}

TEST(SessionParameters, WhatMayHaveHappenedIsOnlyAskedFor)
{
    session_parameters session{set_of({{"timezone", "CET"}})};
    session.note_touched(inspect("RESET timezone; SELECT 1/0", plain));
    EXPECT_TRUE(session.needs_probe());
    EXPECT_FALSE(session.has_reapply());
}

TEST(SessionParameters, KnowsBeforehandWhatWillBeReapplied)
{
    const session_parameters session{set_of({{"timezone", "CET"}})};
    EXPECT_TRUE(session.will_reapply(inspect("RESET timezone", plain)));
    EXPECT_TRUE(session.will_reapply(inspect("RESET ALL", plain)));
    EXPECT_TRUE(session.will_reapply(inspect("DISCARD ALL", plain)));
    EXPECT_FALSE(session.will_reapply(inspect("RESET work_mem", plain)));
    EXPECT_FALSE(session.will_reapply(inspect("SET timezone = 'UTC'", plain)));
    const session_parameters none{parameter_set::none()};
    EXPECT_FALSE(none.will_reapply(inspect("RESET ALL", plain)));
}

TEST(SessionParameters, DiscardAllMakesItAsAtTheStart)
{
    session_parameters session{set_of({{"timezone", "CET"}})};
    session.note(inspect("SET work_mem = 1; RESET timezone", plain));
    session.note_discard_all();
    EXPECT_FALSE(session.needs_probe());
    EXPECT_EQ(session.current(), session.startup());
    EXPECT_TRUE(session.take_discarded());
    EXPECT_FALSE(session.take_discarded());
    EXPECT_TRUE(session.take_reapply().empty());
}

TEST(SessionParameters, ARefusedProbeIsOver)
{
    session_parameters session{parameter_set::none()};
    session.note_changed("work_mem");
    session.begin_probe();
    session.on_probe_refused();
    EXPECT_FALSE(session.is_dirty());
}

TEST(SessionParameters, TooLarge)
{
    session_parameters session{parameter_set::none()};
    EXPECT_FALSE(session.is_too_large());
    const std::string long_value(70'000, 'x');
    auto on_server = parameter_set::none();
    session.note_changed("my.own");
    session.begin_probe();
    session.on_probe_row(row({&long_value}), on_server);
    EXPECT_TRUE(session.is_too_large());
}

}  // namespace
