// SPDX-License-Identifier: Apache-2.0
//
// Cases for the effects of SQL texts: the effects are written as one line, such as "set touched:x pins:load", and every
// text is read whole, in every two parts and octet by octet.
#pragma once

#include "protocols/postgresql/effects.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace penstock::postgresql {

inline constexpr lexical_mode old_strings{.backslash_escapes = true};

[[nodiscard]] std::string_view name_of(statement_verb verb);

/// What `effects` says, without what is usual: a single statement, nothing touched, nothing pinned.
[[nodiscard]] std::string write_effects(const text_effects& effects);

struct effects_case {
    std::string_view text;
    std::string_view effects;
};

void expect_effects(const std::vector<effects_case>& cases, lexical_mode mode = {});
void expect_every_split_alike(std::string_view text, lexical_mode mode);

}  // namespace penstock::postgresql
