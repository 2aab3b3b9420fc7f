// SPDX-License-Identifier: Apache-2.0
//
// The client's side of SCRAM-SHA-256 and -PLUS: how we log in to a server (RFC 5802, section 5), by password or by the
// keys that a client's own proof has yielded. The server is not trusted: its nonce, salt and iteration count are
// bounded before they are used, and it has to prove that it knows the verifier.
#pragma once

#include "core/error.hpp"
#include "protocols/postgresql/scram.hpp"
#include "protocols/wire/login_types.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace penstock::postgresql {

/// How far the login is tied to the TLS connection that it runs over.
enum class channel_binding : std::uint8_t {
    none,         ///< no TLS, or no certificate hash to bind to
    not_offered,  ///< we could, but the server did not offer it
    bound,        ///< SCRAM-SHA-256-PLUS
};

/// One login by SCRAM.
class scram_client {
public:
    /// `certificate_hash` is needed for channel_binding::bound. PostgreSQL takes the user's name from the start-up
    /// message.
    scram_client(channel_binding binding,
                 std::string certificate_hash,
                 std::string nonce = random_nonce(),
                 std::string_view user = {});

    [[nodiscard]] std::string_view mechanism() const;
    /// client-first-message.
    [[nodiscard]] const std::string& first() const { return first_; }

    /// From server-first-message to client-final-message.
    outcome<std::string> respond(std::string_view server_first,
                                 const secret& password,
                                 const std::optional<scram_keys>& keys);
    /// Checks server-final-message. Empty where the server has proved itself.
    [[nodiscard]] std::optional<client_error> finish(std::string_view server_final) const;

private:
    std::string gs2_header_;
    std::string certificate_hash_;
    std::string nonce_;
    std::string first_;
    std::string expected_signature_{};
};

}  // namespace penstock::postgresql
