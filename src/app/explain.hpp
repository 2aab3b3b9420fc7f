// SPDX-License-Identifier: Apache-2.0
//
// What a statement is to Penstock, as far as its text alone tells: `penstock explain "SELECT ..."`.
#pragma once

#include "core/engine.hpp"

#include <string>
#include <string_view>

namespace penstock::app {

/// Lines of "name: value": shape, class, functions, hint, pins, route. A session's settings are taken to be the usual.
[[nodiscard]] std::string explain(std::string_view text, engine of);

}  // namespace penstock::app
