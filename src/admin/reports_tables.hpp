// SPDX-License-Identifier: Apache-2.0
//
// Reports as tables: the console sends them as rows, /stats as JSON.
//
// Names, order and types of columns are PgBouncer's (1.25), since tools read them; Penstock's own columns stand at the
// right end of SHOW EXTENDED only, its own tables (NODES, LATENCY, PINS ...) have names that PgBouncer lacks.
#pragma once

#include "admin/reports.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::admin {

/// PostgreSQL's type numbers.
enum class column_type : std::uint32_t { int8 = 20, int4 = 23, text = 25, numeric = 1700 };

struct column {
    std::string_view name;
    column_type type = column_type::text;
};

using cell = std::optional<std::string>;  ///< numbers as whole numbers in decimal; none: null
using row = std::vector<cell>;

/// What a SHOW command gives.
struct table_kind {
    std::string_view subject;  ///< "POOLS"
    std::span<const column> columns;
    std::vector<row> (*rows)(const snapshot& from);
    detail needs = detail::counts;  ///< how much of a snapshot it reads
    bool only_extended = false;     ///< SHOW EXTENDED subject
};

/// The table of a subject in upper case, or null. Without a special one, SHOW EXTENDED gives the plain one.
[[nodiscard]] const table_kind* find_table(std::string_view subject, bool extended);
/// All but the parameters of drivers, in the order of SHOW HELP.
[[nodiscard]] std::span<const table_kind> all_tables();

}  // namespace penstock::admin
