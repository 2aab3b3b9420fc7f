// SPDX-License-Identifier: Apache-2.0
//
// A table on the wire: RowDescription and DataRow, in text or binary. See "Message Formats" in the PostgreSQL manual.
#pragma once

#include "admin/reports_tables.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::admin {

enum class wire_format : std::uint16_t { text = 0, binary = 1 };

/// Bind's result formats: none means text for all, one holds for all, else one for each column.
class format_list {
public:
    format_list() = default;
    explicit format_list(std::vector<wire_format> formats) : formats_{std::move(formats)} {}
    [[nodiscard]] wire_format of(std::size_t column) const
    {
        return formats_.empty() ? wire_format::text : formats_[formats_.size() == 1 ? 0 : column];
    }
    [[nodiscard]] bool fits(std::size_t columns) const { return formats_.size() <= 1 || formats_.size() == columns; }

private:
    std::vector<wire_format> formats_;
};

void append_row_description(std::string& out, std::span<const column> columns, const format_list& formats);
void append_data_row(std::string& out, std::span<const column> columns, const row& cells, const format_list& formats);
void append_command_complete(std::string& out, std::string_view tag);

}  // namespace penstock::admin
