// SPDX-License-Identifier: Apache-2.0
//
// What a scripted client of MySQL sends.
#pragma once

#include "protocols/mysql/capabilities.hpp"
#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/packet.hpp"

#include <string>
#include <string_view>

namespace penstock::test {

/// The response to a greeting: user "ann", database "shop".
inline std::string mysql_login(bool deprecates_eof = true)
{
    using namespace mysql;
    const auto wanted = capability::long_password | capability::protocol_41 | capability::connect_with_db |
                        capability::secure_connection | capability::multi_statements | capability::multi_results |
                        capability::ps_multi_results | capability::plugin_auth | capability::session_track |
                        capability::local_files | (deprecates_eof ? capability::deprecate_eof : 0);
    std::string response;
    wire_writer to{response};
    to.u32(static_cast<std::uint32_t>(wanted)).u32(1U << 24).u8(45).zeros(23).c_string("ann").u8(0);
    to.c_string("shop").c_string("caching_sha2_password");
    std::string out;
    append_packet(out, 1, response);
    return out;
}

inline std::string mysql_command(mysql::command what, std::string_view body = {})
{
    std::string out;
    mysql::append_packet(out, 0, std::string{static_cast<char>(what)}.append(body));
    return out;
}

inline std::string mysql_query(std::string_view sql)
{
    return mysql_command(mysql::command::query, sql);
}

}  // namespace penstock::test
