// SPDX-License-Identifier: Apache-2.0
//
// The packets of the connection phase, both directions: greeting, request for TLS, response, auth switch, change of
// user. See "Connection Phase Packets" in the MySQL source documentation and "Connection" in MariaDB's protocol
// documentation, whose extended capabilities lie in octets that MySQL fills with zeros.
//
// Messages are views into the payload they were taken from. A decoder gives nothing for what is malformed, and bounds
// what a peer can make us keep.
#pragma once

#include "core/bytes.hpp"
#include "protocols/mysql/capabilities.hpp"
#include "protocols/wire/conversation.hpp"
#include "protocols/wire/login_types.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::mysql {

/// Bounds on what comes before a peer is known. MySQL takes 64 KiB of connection attributes, so a response may be
/// longer.
inline constexpr std::size_t longest_login_packet = 128 * 1024;
inline constexpr std::size_t longest_attributes = 64 * 1024;  ///< octets of all of them
inline constexpr std::size_t most_attributes = 128;           ///< those behind are read over and not kept
inline constexpr std::size_t longest_user = 384;              ///< MariaDB: 128 characters
inline constexpr std::size_t longest_schema = 256;            ///< 64 characters
inline constexpr std::size_t longest_plugin_name = 128;

/// One packet of a login.
struct login_packet {
    enum class state : std::uint8_t {
        whole,
        too_long,
        out_of_order,  ///< the sequence number is not the one that comes next
        gone,
    } how = state::gone;
    bytes payload{};  ///< valid until the next wait

    [[nodiscard]] bool is_whole() const { return how == state::whole; }
};

/// Waits for the packet with this sequence number. Its length is checked before a single octet of it is waited for.
conversation<login_packet> read_login_packet(dialogue& line, std::uint8_t sequence, std::size_t longest);

/// HandshakeV10: what a server says first.
struct greeting {
    std::string_view version{};
    std::uint32_t connection_id = 0;
    std::string nonce{};  ///< both parts, without the closing zero octet
    capability_flags capabilities = 0;
    std::uint8_t collation = 0;
    std::uint16_t status = 0;
    std::string_view auth_plugin{};
};

inline constexpr std::uint8_t protocol_version = 10;

/// `message.nonce` has 20 octets.
void encode_greeting_payload(const greeting& message, std::string& out);
[[nodiscard]] std::optional<greeting> decode_greeting(bytes payload);

/// HandshakeResponse41: who a client is. SSLRequest is its first 32 octets.
struct handshake_response {
    capability_flags capabilities = 0;
    std::uint32_t max_packet = 0;
    std::uint8_t collation = 0;
    std::string_view user{};
    bytes answer{};  ///< to the greeting's nonce, by auth_plugin
    std::string_view schema{};
    std::string_view auth_plugin{};
    bytes attributes{};  ///< pairs: attributes_in()
    std::uint8_t zstd_level = 0;
};

inline constexpr std::size_t tls_request_size = 32;

/// The first 32 octets of either packet; `offered` are the capabilities of our greeting. Nothing for a client that does
/// not speak protocol 4.1.
struct response_start {
    capability_flags capabilities = 0;
    std::uint32_t max_packet = 0;
    std::uint8_t collation = 0;
};
[[nodiscard]] std::optional<response_start> decode_response_start(bytes payload, capability_flags offered);
void encode_response_start(const response_start& start, std::string& out);

[[nodiscard]] std::optional<handshake_response> decode_response(bytes payload, capability_flags offered);
void encode_response_payload(const handshake_response& message, std::string& out);

/// AuthSwitchRequest: the server wants another method.
struct auth_switch {
    std::string_view plugin{};
    bytes data{};  ///< for most methods a nonce and a zero octet: nonce_in()
};
/// Data of an auth switch without the zero octet behind a scramble. (Other nonces have none.)
[[nodiscard]] bytes nonce_in(bytes data);
[[nodiscard]] std::optional<auth_switch> decode_auth_switch(bytes payload);
void encode_auth_switch_payload(const auth_switch& message, std::string& out);

/// COM_CHANGE_USER, command octet included.
struct change_user {
    std::string_view user{};
    bytes answer{};
    std::string_view schema{};
    std::optional<std::uint16_t> collation{};
    std::string_view auth_plugin{};
    bytes attributes{};
};
[[nodiscard]] std::optional<change_user> decode_change_user(bytes payload, capability_flags agreed);
void encode_change_user_payload(const change_user& message, capability_flags agreed, std::string& out);

/// Connection attributes taken apart: nothing where they are malformed. At most most_attributes are kept.
[[nodiscard]] std::optional<parameter_list> attributes_in(bytes attributes);
/// As they stand inside a response, without the length of all. What would exceed longest_attributes is left out.
[[nodiscard]] std::string encode_attributes(const parameter_list& attributes);

/// A client's attributes with ours added: program_name where it gave none, _proxy_name and _proxy_client_address
/// always.
[[nodiscard]] parameter_list attributes_for_server(const parameter_list& of_client, std::string_view client_address);

}  // namespace penstock::mysql
