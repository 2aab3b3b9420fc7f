// SPDX-License-Identifier: Apache-2.0
//
// The logger: levels, formats, many threads.
#include "telemetry/log.hpp"

#include <gtest/gtest.h>

#include <mutex>
#include <regex>
#include <string>
#include <thread>
#include <vector>

namespace penstock::log {
namespace {

class Log : public testing::Test {
protected:
    void SetUp() override
    {
        capture([this](std::string_view line) {
            const std::scoped_lock lock{guard_};
            lines_.emplace_back(line);
        });
    }
    void TearDown() override
    {
        capture({});
        configure({});
    }
    std::mutex guard_;
    std::vector<std::string> lines_;
};

TEST_F(Log, WritesOneJsonObjectPerLine)
{
    configure({.form = format::json});
    warning("server refused login", {{"node", "10.0.0.1:5432"}, {"reason", "password \"bad\""}});
    ASSERT_EQ(lines_.size(), 1U);
    const std::regex expected{
        R"(\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"warning",)"
        R"re("event":"server refused login","node":"10.0.0.1:5432","reason":"password \\"bad\\""\})re"};
    EXPECT_TRUE(std::regex_match(lines_[0], expected)) << lines_[0];
}

TEST_F(Log, WritesReadableText)
{
    configure({.form = format::text});
    error("cannot listen", {{"address", "127.0.0.1:6432"}});
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_TRUE(lines_[0].ends_with("error   cannot listen address=127.0.0.1:6432")) << lines_[0];
}

TEST_F(Log, WritesBracesAndPercentSignsAsTheyAre)
{
    configure({.form = format::text});
    info("{} %v %n", {{"x", "{0}%v"}});
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_TRUE(lines_[0].ends_with("{} %v %n x={0}%v")) << lines_[0];
}

TEST_F(Log, LeavesOutWhatIsBelowTheLevel)
{
    configure({.minimum = level::warning, .form = format::text});
    debug("no");
    info("no");
    warning("yes");
    error("yes");
    EXPECT_EQ(lines_.size(), 2U);
    EXPECT_FALSE(enabled(level::info));
    EXPECT_TRUE(enabled(level::error));
}

TEST_F(Log, CanBeSwitchedOff)
{
    configure({.minimum = level::off, .form = format::text});
    error("no");
    EXPECT_TRUE(lines_.empty());
}

TEST_F(Log, DebugIsWrittenWhenAskedFor)
{
    configure({.minimum = level::debug, .form = format::text});
    debug("yes");
    EXPECT_EQ(lines_.size(), 1U);
}

TEST_F(Log, KeepsLinesOfManyThreadsWhole)
{
    configure({.form = format::json});
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 4; ++writer) {
        writers.emplace_back([writer] {
            for (int turn = 0; turn < 200; ++turn) {
                info("turn", {{"writer", writer}, {"turn", turn}});
            }
        });
    }
    configure({.form = format::json});  // a reload in the middle loses nothing
    for (auto& writer : writers) {
        writer.join();
    }
    ASSERT_EQ(lines_.size(), 800U);
    for (const auto& line : lines_) {
        EXPECT_TRUE(line.starts_with("{\"time\":") && line.ends_with('}')) << line;
    }
}

}  // namespace
}  // namespace penstock::log
