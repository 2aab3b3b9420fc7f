// SPDX-License-Identifier: Apache-2.0
//
// A TOML document as plain values that know their place in the text; toml++ stays behind document.cpp.
#pragma once

#include "settings/fault.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::settings {

struct member;

struct value {
    enum class type : std::uint8_t { text, integer, real, flag, date_or_time, list, table };
    type is = type::table;
    position where{};
    std::string text{};
    std::int64_t integer = 0;
    bool flag = false;
    std::vector<value> items{};     ///< of a list
    std::vector<member> members{};  ///< of a table, in the order of the text
};

struct member {
    std::string key;
    position where{};  ///< of the key
    value content{};
};

/// "a text", "a whole number", ...
[[nodiscard]] std::string_view name_of(value::type is);

/// The document's table, or the first breach of TOML's grammar, added to `faults`.
[[nodiscard]] std::optional<value> parse_document(std::string_view toml, const std::string& file, fault_list& faults);

}  // namespace penstock::settings
