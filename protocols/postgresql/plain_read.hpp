// SPDX-License-Identifier: Apache-2.0
//
// The short way for the statements most clients send most of the time.
#pragma once

#include <string_view>

namespace penstock::postgresql {

/// True for a text that is one SELECT, with a semicolon or without, in which nothing stands that could count for
/// protocols/postgresql/effects: no quotes, no comments, and no three letters that the names begin with which
/// it looks for. False says nothing. Sixteen octets at a time; the text holds no zero octet.
[[nodiscard]] bool is_plain_read(std::string_view text);

}  // namespace penstock::postgresql
