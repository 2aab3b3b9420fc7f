// SPDX-License-Identifier: Apache-2.0
//
// What the sweeps have a client do: short programs, each a list of steps with all answers awaited in between.
#pragma once

#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace penstock::test {

enum class peculiarity : std::uint8_t {
    none,
    stays,  ///< the session keeps the connection at its end
    racy,   ///< what the server is sent depends on whether an answer comes first
};

struct program {
    std::string name;
    std::vector<std::string> steps;
    peculiarity how = peculiarity::none;

    [[nodiscard]] std::string octets() const
    {
        std::string all;
        for (const auto& step : steps) {
            all += step;
        }
        return all;
    }
};

inline void PrintTo(const program& what, std::ostream* out)
{
    *out << what.name;
}

/// "COPY in at once" becomes "COPYinatonce".
inline std::string test_name(const ::testing::TestParamInfo<program>& of)
{
    auto name = of.param.name;
    std::erase_if(name, [](char letter) { return letter == ' ' || letter == ','; });
    return name;
}

/// One for each way a client uses a server.
inline std::vector<program> all_programs()
{
    using namespace wire;
    const auto batch = [](std::string_view name) {
        return bind("", name, {"7"}) + describe('P', "") + execute() + sync();
    };
    return {
        {"simple query", {query("SELECT 1")}},
        {"two statements in a query", {query("SELECT 1;SELECT 2")}},
        {"failing query", {query("BAD")}},
        {"unnamed statement", {parse("", "SELECT three") + batch("")}},
        {"named statement",
         {parse("s", "SELECT 5") + describe('S', "s") + sync(), batch("s"), close('S', "s") + sync()}},
        {"failing batch", {parse("s", "BAD") + batch("s"), query("SELECT 3")}, peculiarity::racy},
        {"pipeline", {parse("s", "SELECT 5") + batch("s") + batch("s") + query("SELECT 6") + batch("s")}},
        {"flush", {parse("", "SELECT 5") + describe('S', "") + flush(), batch("")}},
        {"suspended portal",
         {query("BEGIN"),
          parse("", "SELECT three") + bind("p", "") + execute("p", 1) + sync(),
          execute("p", 1) + sync(),
          query("COMMIT")}},
        {"COPY in", {query("COPY t FROM STDIN"), copy_data("one\n") + copy_data("two\n"), copy_done()}},
        {"COPY in at once", {query("COPY t FROM STDIN") + copy_data("one\n") + copy_done()}},
        {"COPY in that fails", {query("COPY t FROM STDIN"), copy_data("one\n"), copy_fail("no more")}},
        {"COPY in, extended",
         {parse("", "COPY t FROM STDIN") + bind("", "") + execute(), copy_data("one\n") + copy_done() + sync()}},
        {"COPY out", {query("COPY t TO STDOUT")}},
        {"transaction", {query("BEGIN"), query("SELECT 1"), query("COMMIT")}},
        {"failing transaction", {query("BEGIN"), query("BAD"), query("SELECT 1"), query("ROLLBACK")}},
        {"transaction by batches",
         {parse("", "BEGIN") + bind("", "") + execute() + sync(), parse("", "SELECT 2") + batch(""), query("COMMIT")}},
        {"settings", {query("SET timezone TO 'CET'"), query("SHOW timezone"), query("RESET timezone")}},
        {"function call", {function_call(42)}, peculiarity::stays},
    };
}

}  // namespace penstock::test
