// SPDX-License-Identifier: Apache-2.0
//
// The kinds of Authentication message ('R') and their encoding; both directions of login use them.
#pragma once

#include "core/bytes.hpp"
#include "protocols/postgresql/frame.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::postgresql {

/// The number at the start of an Authentication message.
enum class auth_request : std::uint32_t {
    ok = 0,
    kerberos_v5 = 2,
    clear_password = 3,
    md5_password = 5,
    scm_credential = 6,
    gss = 7,
    gss_continue = 8,
    sspi = 9,
    sasl = 10,
    sasl_continue = 11,
    sasl_final = 12,
};

/// The longest message a login has room for, besides errors and notices of a server (PG_MAX_AUTH_TOKEN_LENGTH is 65535,
/// but nothing we support comes near).
inline constexpr std::uint32_t longest_auth_message = 10'000;

inline void append_auth_request(std::string& out, auth_request request, bytes data = {})
{
    const auto place = begin_frame(out, from_server::authentication);
    byte_writer{out}.u32(static_cast<std::uint32_t>(request)).raw(data);
    end_frame(out, place);
}

/// PasswordMessage: a password or an md5 answer.
inline void append_password(std::string& out, std::string_view text)
{
    const auto place = begin_frame(out, from_client::password);
    byte_writer{out}.c_string(text);
    end_frame(out, place);
}

inline void append_sasl_initial_response(std::string& out, std::string_view mechanism, bytes data)
{
    const auto place = begin_frame(out, from_client::password);
    byte_writer{out}.c_string(mechanism).u32(static_cast<std::uint32_t>(data.size())).raw(data);
    end_frame(out, place);
}

}  // namespace penstock::postgresql
