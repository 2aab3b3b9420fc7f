// SPDX-License-Identifier: Apache-2.0
//
// The sweeps of MySQL's sessions. Split: what is sent, in whatever pieces, gives the same octets on both sides. Fault:
// a server that fails behind every octet of its answers, and a client behind every octet of its requests, take nothing
// with them but their own exchange: nobody waits for ever, no lease is lost, and the next one finds a clean connection.
#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/packet.hpp"
#include "tests/scripted/mysql_client.hpp"
#include "tests/scripted/mysql_server.hpp"
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace penstock::test {

namespace {

using namespace mysql;

struct mysql_program {
    std::string name;
    std::vector<std::string> steps;  ///< commands; one that goes on with a file is sent only where it was asked for
    bool stays = false;              ///< the session keeps its connection at the end
    bool client_deprecates_eof = true;
    bool server_deprecates_eof = true;

    [[nodiscard]] std::string octets() const
    {
        std::string all;
        for (const auto& step : steps) {
            all += step;
        }
        return all;
    }
};

void PrintTo(const mysql_program& what, std::ostream* out)
{
    *out << what.name;
}

std::string ask(command what, std::string_view body = {})
{
    return mysql_command(what, body);
}

std::string text(std::string_view sql)
{
    return ask(command::query, sql);
}

std::string on_statement(command what, std::string_view rest = {})
{
    return ask(what, std::string{"\1\0\0\0", 4}.append(rest));
}

std::string go_on(std::uint8_t number, std::string_view payload)
{
    std::string out;
    append_packet(out, number, payload);
    return out;
}

std::vector<mysql_program> all_programs()
{
    using namespace std::string_literals;
    const auto once = "\0\1\0\0\0"s;
    const auto by_cursor = "\1\1\0\0\0"s;
    const auto bound = once + "\0\1\xfe\0\3abc"s;
    const auto prepare = ask(command::stmt_prepare, "SELECT a");
    const auto prepare_bound = ask(command::stmt_prepare, "SELECT ?");
    const std::vector<mysql_program> kinds = {
        {"query", {text("SELECT 1")}},
        {"several", {text("SELECT 1;SELECT 2;DO 3;SELECT 4")}},
        {"failing", {text("BAD"), text("SELECT 1;BAD;SELECT 2")}},
        {"statement", {prepare, on_statement(command::stmt_execute, once), on_statement(command::stmt_close)}},
        {"bound", {prepare_bound, on_statement(command::stmt_execute, bound), text("SELECT 1")}},
        {"longdata",
         {prepare_bound,
          on_statement(command::stmt_send_long_data, "\0\0some octets"s),
          on_statement(command::stmt_execute, once + "\0\1\xfe\0"s)}},
        {"cursor",
         {prepare,
          on_statement(command::stmt_execute, by_cursor),
          on_statement(command::stmt_fetch, "\2\0\0\0"s),
          on_statement(command::stmt_reset)}},
        {"badstatement", {ask(command::stmt_prepare, "BAD"), on_statement(command::stmt_execute, once)}},
        {"file",
         {text("LOAD DATA LOCAL INFILE 'f' INTO TABLE t"), go_on(2, "one\n") + go_on(3, "two\n"), go_on(4, "")}},
        {"transaction", {text("BEGIN"), text("SELECT 1"), text("COMMIT")}},
        {"settings", {text("SET time_zone = '+02:00'"), text("SELECT 1"), text("SET time_zone = DEFAULT")}},
        {"variable", {text("SET @a = 5"), text("SELECT @a"), text("SELECT @b")}},
        {"pinned", {text("CREATE TEMPORARY TABLE t(x int)"), text("SELECT 1")}, true},
        {"commands",
         {ask(command::ping),
          ask(command::init_db, "other"),
          ask(command::set_option, "\0\0"s),
          ask(command::reset_connection)}},
    };
    std::vector<mysql_program> all;
    for (const auto& each : kinds) {
        for (int way = 0; way < 4; ++way) {
            auto made = each;
            made.client_deprecates_eof = (way & 1) != 0;
            made.server_deprecates_eof = (way & 2) != 0;
            made.name += std::array{"OldOld", "NewOld", "OldNew", "NewNew"}[static_cast<std::size_t>(way)];
            all.push_back(std::move(made));
        }
    }
    return all;
}

/// A world with such a server, and a client in it that has logged in.
struct mysql_world {
    explicit mysql_world(const mysql_program& what, server_plan plan = {}, std::uint32_t pool_size = 2)
        : server{what.server_deprecates_eof}, all{engine::mysql, server, [pool_size](auto& tree) {
                                                      tree.pool.limits.size = pool_size;
                                                  }}
    {
        const bool from_login = plan.from_login;
        if (from_login) {
            server.plan(plan);
        }
        client = &log_in(what.client_deprecates_eof);
        if (!from_login) {
            server.last().follow(std::move(plan));
        }
    }

    scripted_client& log_in(bool deprecates_eof = true)
    {
        auto& made = all.connect();
        settle();
        EXPECT_FALSE(made.take().empty()) << "no greeting";
        made.send(mysql_login(deprecates_eof));
        settle();
        const auto answer = made.take();
        EXPECT_TRUE(answer.size() > header_size && answer[header_size] == '\0') << answer;
        return made;
    }
    /// Everything that is to be said is said; pieces that the server keeps back come one after the other.
    void settle()
    {
        all.settle();
        while (resumes && server.resume()) {
            all.settle();
        }
    }
    /// A step's octets; gives what the client got for it.
    std::string step(std::string_view octets)
    {
        const bool goes_on = octets.size() > 3 && octets[3] != 0;
        if (goes_on && !sends_file) {
            return {};
        }
        client->send(octets);
        settle();
        const auto got = client->take();
        sends_file = (goes_on && got.empty()) || (got.size() > header_size && got[header_size] == '\xfb');
        return got;
    }

    mysql_server server;
    world all;
    scripted_client* client = nullptr;
    bool resumes = true;
    bool sends_file = false;
};

bool is_whole(bytes stream)
{
    while (stream.size() >= header_size && load_header(stream).frame_size() <= stream.size()) {
        stream.remove_prefix(load_header(stream).frame_size());
    }
    return stream.empty();
}

bool has_reply(std::string_view step)
{
    if (step[3] != 0) {
        return false;  // goes on with a command; may be empty
    }
    const auto what = static_cast<command>(step[header_size]);
    return what != command::stmt_close && what != command::stmt_send_long_data;
}

struct outcome_of_run {
    std::string at_client;
    std::string at_server;
    friend bool operator==(const outcome_of_run&, const outcome_of_run&) = default;
};

outcome_of_run run(
    const mysql_program& what,
    const server_plan& plan,
    const std::function<bool(std::size_t)>& is_cut = [](std::size_t) { return false; })
{
    mysql_world here{what, plan};
    outcome_of_run came;
    std::size_t at = 0;
    for (const auto& step : what.steps) {
        std::string piece;
        for (const char octet : step) {
            if (!piece.empty() && is_cut(at)) {
                here.client->send(piece);
                here.settle();
                piece.clear();
            }
            piece.push_back(octet);
            ++at;
        }
        here.client->send(piece);
        here.settle();
        const auto got = here.client->take();
        EXPECT_EQ(got.empty(), !has_reply(step) && step[3] != 4) << "step " << &step - what.steps.data();
        came.at_client += got;
    }
    EXPECT_EQ(here.server.connections.size(), 1U);
    EXPECT_EQ(here.all.stats().active, what.stays ? 1U : 0U);
    came.at_server = plan.from_login ? std::string{} : here.server.last().heard();
    return came;
}

class MysqlSplitSweep : public ::testing::TestWithParam<mysql_program> {};

TEST_P(MysqlSplitSweep, CutsOfTheClientsOctetsChangeNothing)
{
    const auto whole = run(GetParam(), {});
    EXPECT_TRUE(is_whole(whole.at_client));
    EXPECT_EQ(run(GetParam(), {}, [](std::size_t) { return true; }), whole) << "octet by octet";
    for (std::size_t cut = 1; cut < GetParam().octets().size(); ++cut) {
        ASSERT_EQ(run(GetParam(), {}, [cut](std::size_t at) { return at == cut; }), whole) << "cut at " << cut;
    }
}

TEST_P(MysqlSplitSweep, CutsOfTheServersOctetsChangeNothing)
{
    const auto whole = run(GetParam(), {});
    EXPECT_EQ(run(GetParam(), {.what = fault::piece}), whole) << "octet by octet";
    EXPECT_EQ(run(GetParam(), {.what = fault::piece, .from_login = true}).at_client, whole.at_client)
        << "from the greeting";
    mysql_world here{GetParam()};
    for (const auto& step : GetParam().steps) {
        here.step(step);
    }
    const auto total = here.server.last().said().size();
    for (std::size_t cut = 0; cut < total; ++cut) {
        ASSERT_EQ(run(GetParam(), {.what = fault::pause, .after = cut}), whole) << "cut at " << cut;
    }
}

std::string name_of_program(const ::testing::TestParamInfo<mysql_program>& of)
{
    return of.param.name;
}

INSTANTIATE_TEST_SUITE_P(Programs, MysqlSplitSweep, ::testing::ValuesIn(all_programs()), name_of_program);

/// Nothing is held but what is idle and clean, and somebody else is served.
void check_pool(mysql_world& here)
{
    EXPECT_EQ(here.all.stats().active, 0U);
    EXPECT_EQ(here.all.stats().resetting, 0U);
    EXPECT_EQ(here.all.usage().held, here.all.stats().idle);
    EXPECT_EQ(here.server.open_connections(), here.all.stats().idle);
    for (const auto& each : here.server.connections) {
        EXPECT_TRUE(!each->is_open() || each->is_clean()) << "a connection that is not clean is in the pool";
    }
    here.client = &here.log_in();
    EXPECT_NE(here.step(text("SELECT next")).find("next"), std::string::npos);
}

class MysqlFaultSweep : public ::testing::TestWithParam<mysql_program> {
protected:
    std::string said_by_server()
    {
        mysql_world here{GetParam()};
        for (const auto& step : GetParam().steps) {
            here.step(step);
        }
        return here.server.last().said();
    }

    /// Every command is answered once, or the session has been ended.
    void check_client(mysql_world& here, bool may_end)
    {
        for (const auto& step : GetParam().steps) {
            const auto got = here.step(step);
            if (here.client->was_ended()) {
                EXPECT_TRUE(may_end || !is_whole(got)) << "more than the exchange is lost";
                return;
            }
            EXPECT_TRUE(is_whole(got));
            EXPECT_TRUE(!got.empty() || !has_reply(step) || step[3] != 0) << "the client waits for ever";
        }
        auto again = here.step(text("SELECT again"));
        if (may_end && again.find("#08S01") != std::string::npos) {  // garbage has said that a transaction was open
            again = here.step(text("SELECT again"));
        }
        EXPECT_TRUE(here.client->was_ended() || again.find("again") != std::string::npos) << again;
    }

    void sweep(fault how)
    {
        const auto said = said_by_server();
        for (std::size_t after = 0; after <= said.size(); ++after) {
            if (how == fault::fatal && !is_whole(bytes{said}.substr(0, after))) {
                continue;
            }
            SCOPED_TRACE("after " + std::to_string(after) + " octets of " + std::to_string(said.size()));
            mysql_world here{GetParam(), {.what = how, .after = after}};
            here.resumes = false;
            check_client(here, GetParam().stays || how == fault::garbage || holds_state());
            here.client->leave();
            here.all.settle();
            check_pool(here);
            if (HasFailure()) {
                return;
            }
        }
    }
    /// What a transaction, a cursor or a file was on the server cannot be had again.
    [[nodiscard]] bool holds_state() const
    {
        const auto& name = GetParam().name;
        return name.starts_with("transaction") || name.starts_with("file") || name.starts_with("cursor") ||
               name.starts_with("longdata");
    }
};

TEST_P(MysqlFaultSweep, ServerCloses)
{
    sweep(fault::close);
}

TEST_P(MysqlFaultSweep, ServerSendsGarbage)
{
    sweep(fault::garbage);
}

TEST_P(MysqlFaultSweep, ServerEndsTheSession)
{
    sweep(fault::fatal);
}

TEST_P(MysqlFaultSweep, ServerFallsSilentAndTheClientLeaves)
{
    const auto total = said_by_server().size();
    for (std::size_t after = 0; after < total; ++after) {
        SCOPED_TRACE("after " + std::to_string(after) + " octets of " + std::to_string(total));
        mysql_world here{GetParam(), {.what = fault::stall, .after = after}};
        here.resumes = false;
        for (const auto& step : GetParam().steps) {
            here.step(step);
        }
        here.client->leave();
        here.all.settle();
        for (int second = 0; second < 20; ++second) {
            here.all.after(seconds{1});
        }
        EXPECT_EQ(here.all.worker().sessions(), 0U);
        check_pool(here);
        ASSERT_FALSE(HasFailure());
    }
}

TEST_P(MysqlFaultSweep, ClientVanishesAmidItsRequests)
{
    const auto octets = GetParam().octets();
    for (std::size_t after = 0; after <= octets.size(); ++after) {
        SCOPED_TRACE("after " + std::to_string(after) + " octets of " + std::to_string(octets.size()));
        mysql_world here{GetParam(), {}, 1};
        std::size_t left = after;
        for (const auto& step : GetParam().steps) {
            here.client->send(bytes{step}.substr(0, left));
            left -= std::min(left, step.size());
            here.settle();
        }
        here.client->leave();
        here.settle();
        EXPECT_EQ(here.all.worker().sessions(), 0U);
        check_pool(here);
        ASSERT_FALSE(HasFailure());
    }
}

TEST_P(MysqlFaultSweep, ClientVanishesAmidTheAnswers)
{
    const auto total = said_by_server().size();
    for (std::size_t after = 0; after < total; ++after) {
        SCOPED_TRACE("after " + std::to_string(after) + " octets of " + std::to_string(total));
        mysql_world here{GetParam(), {.what = fault::pause, .after = after}, 1};
        here.resumes = false;
        for (const auto& step : GetParam().steps) {
            here.step(step);
        }
        here.client->leave();
        here.all.settle();
        here.server.resume();
        here.all.settle();
        for (int second = 0; second < 20 && here.all.worker().sessions() > 0; ++second) {
            here.all.after(seconds{1});  // a file is asked for that nobody sends any more
        }
        EXPECT_EQ(here.all.worker().sessions(), 0U);
        check_pool(here);
        ASSERT_FALSE(HasFailure());
    }
}

/// One way of ending results will do, where these are no part of what fails.
std::vector<mysql_program> programs_to_fail()
{
    auto all = all_programs();
    std::erase_if(all, [](const mysql_program& each) {
        const bool is_usual = each.client_deprecates_eof && each.server_deprecates_eof;
        const bool translates = each.client_deprecates_eof != each.server_deprecates_eof;
        return !is_usual && !(translates && (each.name.starts_with("cursor") || each.name.starts_with("bound")));
    });
    return all;
}

INSTANTIATE_TEST_SUITE_P(Programs, MysqlFaultSweep, ::testing::ValuesIn(programs_to_fail()), name_of_program);

}  // namespace

}  // namespace penstock::test
