// SPDX-License-Identifier: Apache-2.0
#include "app/explain.hpp"

#include <gtest/gtest.h>

namespace penstock::app {
namespace {

bool has(const std::string& lines, std::string_view line)
{
    return ("\n" + lines).find("\n" + std::string{line} + "\n") != std::string::npos;
}

TEST(Explain, TellsClassFunctionsHintAndRoute)
{
    const auto read = explain("SELECT lower(a), f(1) FROM t /* penstock: replica */", engine::postgresql);
    EXPECT_TRUE(has(read, "shape: select lower(a), f(0) from t")) << read;
    EXPECT_TRUE(has(read, "class: read")) << read;
    EXPECT_TRUE(has(read, "functions: f, lower")) << read;
    EXPECT_TRUE(has(read, "hint: penstock: replica ")) << read;
    EXPECT_TRUE(has(read, "route: a replica if the catalogue calls its functions harmless, else the primary")) << read;
    EXPECT_EQ(read.find("pins"), std::string::npos) << read;
}

TEST(Explain, TellsWhatPinsAndWhatATransactionIsFor)
{
    const auto lock = explain("SELECT pg_advisory_lock(1)", engine::postgresql);
    EXPECT_TRUE(has(lock, "pins: advisory_lock")) << lock;
    const auto begin = explain("BEGIN READ ONLY", engine::postgresql);
    EXPECT_TRUE(has(begin, "transaction: read only")) << begin;
    EXPECT_TRUE(has(begin, "class: session_command")) << begin;
}

TEST(Explain, ReadsTheOtherDialect)
{
    const auto into = explain("SELECT `a` INTO @x FROM t", engine::mysql);
    EXPECT_TRUE(has(into, "class: select_into")) << into;
    EXPECT_TRUE(has(into, "pins: user_variable")) << into;
    EXPECT_TRUE(has(explain("SELECT `a` FROM t", engine::postgresql), "class: unparsed"));
    EXPECT_TRUE(has(explain("SELECT `a` FROM t", engine::mysql), "class: read"));
    EXPECT_TRUE(has(explain("SELECT 'open", engine::mysql), "shape: not understood"));
}

}  // namespace
}  // namespace penstock::app
