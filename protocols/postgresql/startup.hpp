// SPDX-License-Identifier: Apache-2.0
//
// The packets without a type octet that open a connection: StartupMessage, SSLRequest, GSSENCRequest and CancelRequest.
// See "Message Formats" and "Start-up" in the PostgreSQL manual; protocol 3.0 and 3.2 are spoken.
#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "protocols/wire/login_types.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::postgresql {

/// Bounds of a packet's length, which counts itself (PostgreSQL's MAX_STARTUP_PACKET_LENGTH).
inline constexpr std::uint32_t shortest_startup = 8, longest_startup = 10'000;

/// What stands in the place of a protocol version.
inline constexpr std::uint32_t cancel_code = 80877102, tls_code = 80877103, gss_code = 80877104;

inline constexpr std::uint32_t protocol_version(std::uint32_t major, std::uint32_t minor)
{
    return major << 16 | minor;
}

/// PostgreSQL's NAMEDATALEN leaves 63 octets for the names of users and databases.
inline constexpr std::size_t longest_name = 63;

/// A StartupMessage in our own words.
struct startup_message {
    std::uint32_t asked_minor = 0;  ///< of protocol 3
    std::string user{};
    std::string database{};  ///< the user's name where none was given
    /// Of `options` first, then of the packet itself, each in order: as in PostgreSQL, a later one wins.
    parameter_list parameters{};
    std::vector<std::string> unknown_options{};  ///< "_pq_." options, none of which is known yet
    bool replication = false;

    /// The minor version that we speak with this client: 3.1 was never used, 3.2 is our newest.
    [[nodiscard]] std::uint32_t minor() const { return asked_minor >= 2 ? 2 : 0; }
    [[nodiscard]] bool wants_negotiation() const { return asked_minor != minor() || !unknown_options.empty(); }
};

/// Takes a StartupMessage's parameters apart: `body` is what follows the version.
[[nodiscard]] outcome<startup_message> decode_startup(bytes body, std::uint32_t asked_minor);

/// Takes `options` apart: "-c name=value", "-cname=value", "--name=value", separated by blanks, a backslash before a
/// blank or backslash that belongs to the text. In names, '-' stands for '_'.
[[nodiscard]] outcome<parameter_list> decode_options(std::string_view text);

/// `body` is what follows the code. Empty where it is no key of 4 to 256 octets.
[[nodiscard]] std::optional<cancel_key> decode_cancel(bytes body);

/// Appends NegotiateProtocolVersion: the version we speak and the options we do not know.
void encode_negotiation(const startup_message& message, std::string& out);

/// Appends a StartupMessage of protocol 3.0.
void encode_startup(std::string_view user,
                    std::string_view database,
                    const parameter_list& parameters,
                    std::string& out);

/// Appends SSLRequest.
void encode_tls_request(std::string& out);

}  // namespace penstock::postgresql
