// SPDX-License-Identifier: Apache-2.0
//
// How the log is written; src/settings reads it from the file's [log] section.
#pragma once

#include <cstdint>

namespace penstock::log {

enum class level : std::uint8_t { debug, info, warning, error, off };

enum class format : std::uint8_t {
    automatic,  ///< text where standard error is a terminal, json otherwise
    text,       ///< one readable line per event
    json,       ///< one JSON object per line
};

struct options {
    level minimum = level::info;
    format form = format::automatic;
    friend bool operator==(const options&, const options&) = default;
};

}  // namespace penstock::log
