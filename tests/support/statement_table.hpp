// SPDX-License-Identifier: Apache-2.0
//
// Reads a table of statements: each line is "class functions | text", a line that begins with # is a remark. The class
// is a name of read_obstacle's; the functions are those that a read calls, separated by spaces.
#pragma once

#include "protocols/wire/statement_class.hpp"

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

struct statement_row {
    std::string kind;
    std::string functions;
    std::string text;
};

inline std::vector<statement_row> read_statement_table(const char* table)
{
    std::vector<statement_row> rows;
    std::istringstream lines{table};
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line.front() == '#') {
            continue;
        }
        const auto bar = line.find(" | ");
        auto head = line.substr(0, bar);
        head.erase(head.find_last_not_of(' ') + 1);
        const auto space = head.find(' ');
        rows.push_back({head.substr(0, space),
                        space == std::string::npos ? std::string{} : head.substr(head.find_first_not_of(' ', space)),
                        bar == std::string::npos ? std::string{} : line.substr(bar + 3)});
    }
    return rows;
}

/// The functions of a class, as a table has them.
inline std::string functions_of(const statement_class& found)
{
    std::string all;
    for (const auto& each : found.functions) {
        all += (all.empty() ? "" : " ") + (each.schema.empty() ? "" : each.schema + ".") + each.name;
    }
    return all;
}

}  // namespace penstock
