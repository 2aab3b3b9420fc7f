// SPDX-License-Identifier: Apache-2.0
//
// What servers answer to SHOW WARNINGS.
#pragma once

#include "tests/unit/mysql/exchange.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace penstock::mysql::test {

using list = std::vector<std::string>;

inline constexpr auto on_mysql = modern | capability::long_password;

inline list warnings(const list& rows)
{
    list reply{"\3", say::column("Level"), say::column("Code"), say::column("Message")};
    reply.insert(reply.end(), rows.begin(), rows.end());
    reply.push_back(say::end());
    return reply;
}

inline std::string row(std::string_view code, std::string_view message)
{
    return say::text("Error") + say::text(code) + say::text(message);
}

}  // namespace penstock::mysql::test
