// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a configuration: where, what, and what to do about it. No fault ever holds a secret's value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace penstock::settings {

/// A place in a file, counted from 1; line 0 where the fault is about the file as a whole.
struct position {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    friend auto operator<=>(const position&, const position&) = default;
};

struct fault {
    std::string file;  ///< as it was given; empty for a URL
    position where;
    std::string sentence;  ///< what is wrong, without a full stop
    std::string remedy;    ///< what to do, without a full stop; may be empty

    /// "penstock.toml:12:3: sentence; remedy"
    [[nodiscard]] std::string text() const;
    friend bool operator==(const fault&, const fault&) = default;
};

using fault_list = std::vector<fault>;

}  // namespace penstock::settings
