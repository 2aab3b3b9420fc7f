// SPDX-License-Identifier: Apache-2.0
//
// Values and sentences of a MySQL or MariaDB server as text: what it refuses with, its version, and the binary values
// of a prepared statement's rows. Pure; nothing is believed of lengths.
#pragma once

#include "control/sql_client.hpp"
#include "protocols/mysql/decode.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::control {

/// A server's words as one line of at most 500 octets, without control characters.
[[nodiscard]] std::string one_line(std::string_view words);

/// "8.0.36" is 80036 and "5.5.5-10.11.6-MariaDB" 101106; 0 where it is no version.
[[nodiscard]] std::uint32_t mysql_version_number(std::string_view version);

/// What a column of a result is made of.
struct mysql_column {
    std::string name{};
    std::uint8_t type = 0;  ///< MYSQL_TYPE_*
    bool is_unsigned = false;
};

/// One binary value as the server itself would print it (fractions of seconds to six places). A fault shows in the
/// reader.
[[nodiscard]] std::string binary_value(mysql::wire_reader& in, const mysql_column& column);

}  // namespace penstock::control
