// SPDX-License-Identifier: Apache-2.0
//
// The server's side of SCRAM-SHA-256 and -PLUS: what a client that logs in to us has to prove (RFC 5802, section 5).
//
// A user that cannot log in (does not exist, has no password) is led through the same messages by made-up values and
// fails only at the proof, in the same words and after the same work as one with a wrong password.
#pragma once

#include "core/error.hpp"
#include "protocols/postgresql/scram.hpp"
#include "protocols/wire/login_types.hpp"

#include <string>
#include <string_view>

namespace penstock::postgresql {

/// What one user's proof is checked against. The keys of a clear password are derived when they are asked for, not
/// before.
class scram_account {
public:
    /// Of the record of `user`; an unusable or missing one gives an account that nothing can match.
    static scram_account of(std::string_view user, const user_record& record);

    [[nodiscard]] const std::string& salt() const { return verifier_.salt; }
    [[nodiscard]] std::uint32_t iterations() const { return verifier_.iterations; }
    [[nodiscard]] bool can_match() const { return can_match_; }

    /// The verifier with its keys.
    [[nodiscard]] const scram_verifier& verifier();
    /// To be called when the login has failed. Where this process has users whose keys are derived at login, every
    /// failed login costs one derivation, whoever the user is and whatever is remembered, so that its duration tells
    /// nothing.
    void spend_on_failure() const;

    /// Whether a password that came in clear is the right one; takes as long for users that do not exist.
    [[nodiscard]] bool accepts(std::string_view password);

private:
    scram_verifier verifier_{};
    secret clear_password_{};  ///< set where the keys are still to be derived
    bool can_match_ = false;
    bool derived_ = false;  ///< this login has cost a derivation already
};

/// One login by SCRAM.
class scram_server {
public:
    /// `certificate_hash` is tls-server-end-point's value; empty where -PLUS is not offered.
    scram_server(scram_account account, std::string certificate_hash, std::string nonce = random_nonce());

    /// The names to offer, each closed by a zero octet, and one more at the end.
    [[nodiscard]] std::string mechanisms() const;

    /// From client-first-message to server-first-message.
    outcome<std::string> challenge(std::string_view mechanism, std::string_view client_first);
    /// From client-final-message to server-final-message. A wrong proof gives error_kind::wrong_password without a
    /// detail.
    outcome<std::string> finish(std::string_view client_final);

    /// After a finish() that succeeded: what the client's proof has shown.
    [[nodiscard]] const scram_keys& keys() const { return keys_; }

private:
    std::string check_binding_flag(std::string_view mechanism, std::string_view flag) const;

    scram_account account_;
    std::string certificate_hash_;
    std::string nonce_;
    bool bound_ = false;
    std::string gs2_header_{};
    std::string first_messages_{};  ///< client-first-bare "," server-first
    scram_keys keys_{};
};

}  // namespace penstock::postgresql
