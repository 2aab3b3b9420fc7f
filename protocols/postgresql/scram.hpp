// SPDX-License-Identifier: Apache-2.0
//
// The algebra of SCRAM-SHA-256 (RFC 5802, RFC 7677): hashes, keys, verifiers and the attributes of its messages.
//
// A clear password yields a ClientKey and a ServerKey; a verifier holds H(ClientKey) and the ServerKey, which is enough
// to check a proof and to answer it, but not to make one. Passwords go through SASLprep (saslprep.hpp). scram_server
// and scram_client play the two sides.
#pragma once

#include "core/bytes.hpp"
#include "core/secret.hpp"
#include "protocols/wire/login_types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::postgresql {

inline constexpr std::string_view scram_plain = "SCRAM-SHA-256";
inline constexpr std::string_view scram_plus = "SCRAM-SHA-256-PLUS";

/// What servers and RDS Proxy use by default, and we for passwords that are configured in clear.
inline constexpr std::uint32_t default_scram_iterations = 4096;
/// The most we compute because a server says so: about 50 ms of one worker. More would let a server stall it.
inline constexpr std::uint32_t most_scram_iterations = 100'000;
/// The longest message either side of SCRAM has reason to send, and far more than any client or server does.
inline constexpr std::size_t longest_scram_message = 1024;

/// A line of pg_authid: "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>".
struct scram_verifier {
    std::uint32_t iterations = 0;
    std::string salt;
    secret stored_key{};  ///< 32 octets: H(ClientKey)
    secret server_key{};  ///< 32 octets
};

[[nodiscard]] std::optional<scram_verifier> parse_scram_verifier(std::string_view text);
[[nodiscard]] std::string to_text(const scram_verifier& verifier);

/// Costs `iterations` hashes, a millisecond or two for 4096 of them.
[[nodiscard]] scram_keys derive_scram_keys(std::string_view password, bytes salt, std::uint32_t iterations);

struct derived_keys {
    scram_keys keys;
    bool fresh;  ///< they were derived just now, not remembered
};

/// The same, but remembers the last few results of this thread, so that a user or server that comes often costs little.
/// Not for passwords that a client has sent: those would push the useful results out.
[[nodiscard]] derived_keys derive_scram_keys_cached(std::string_view password, bytes salt, std::uint32_t iterations);

[[nodiscard]] scram_verifier to_verifier(const scram_keys& keys, std::string salt, std::uint32_t iterations);

/// Digests of 32 octets.
[[nodiscard]] std::string sha256(bytes text);
[[nodiscard]] std::string hmac_sha256(bytes key, bytes text);
/// Of two strings that are equally long.
[[nodiscard]] std::string exclusive_or(bytes left, bytes right);

/// `count` octets from OpenSSL's generator for secrets.
[[nodiscard]] std::string random_octets(std::size_t count);
/// A nonce as SCRAM wants one: printable, no comma; 18 random octets.
[[nodiscard]] std::string random_nonce();

/// Takes the next attribute "<name>=<value>" off a SCRAM message, with the comma behind it. Empty where the message
/// does not go on with that name.
[[nodiscard]] std::optional<std::string_view> take_attribute(std::string_view& message, char name);

/// Printable ASCII without a comma and not empty.
[[nodiscard]] bool is_nonce(std::string_view text);

}  // namespace penstock::postgresql
