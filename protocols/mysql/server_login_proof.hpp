// SPDX-License-Identifier: Apache-2.0
//
// How we prove to a server who we are, by the method that it asks for and that our account allows.
//
// A server that we cannot be sure of gets nothing that it could use elsewhere: the password in clear only under TLS (or
// where the account trusts the transport), and encrypted by RSA only under a key that we knew before or were told to
// fetch.
#pragma once

#include "core/error.hpp"
#include "protocols/mysql/auth_secret.hpp"
#include "protocols/mysql/decode.hpp"
#include "protocols/wire/conversation.hpp"
#include "protocols/wire/login_types.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace penstock::mysql {

/// MariaDB may try several methods one after the other; each is one switch.
inline constexpr int most_auth_switches = 8;
/// Longest packet of a server's login: the OK packet tells of session variables, whose values may be long.
inline constexpr std::size_t longest_server_packet = 64 * 1024;

/// One packet of a server's login; an ERR packet is a fault.
struct server_packet {
    bytes payload{};  ///< valid until the next wait; not empty where there is no fault
    std::optional<client_error> fault{};
};

/// Reads the packet with this sequence number.
conversation<server_packet> read_server_packet(dialogue& line, std::uint8_t sequence);

/// Where a proof begins: behind the greeting, before our response.
struct server_question {
    std::string plugin{};  ///< as the server names it
    std::string nonce{};
};

/// Our answer that goes out with the response; empty where the server has to ask for another method. The fault is for
/// methods that the account forbids.
[[nodiscard]] outcome<std::string> first_answer(const server_account& account,
                                                const server_question& asked,
                                                bool is_secure);

/// How the proof ended: with the server's OK packet, or a fault.
struct server_proof {
    std::optional<client_error> fault{};
    std::string ok{};  ///< the payload
};

/// From the response, which has been written, to OK. `sequence` is that of the server's next packet.
conversation<server_proof> prove_to_server(
    dialogue& line, server_account account, server_question asked, bool is_secure, std::uint8_t sequence);

}  // namespace penstock::mysql
