// SPDX-License-Identifier: Apache-2.0
//
// How a text begins.
#pragma once

#include "core/bytes.hpp"

#include <string>

namespace penstock::mysql {

/// In lower case, behind blanks and comments that are nothing but that.
[[nodiscard]] std::string first_word(bytes text);

}  // namespace penstock::mysql
