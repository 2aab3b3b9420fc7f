// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/scram_server.hpp"

#include "protocols/postgresql/base64.hpp"
#include "protocols/postgresql/md5_auth.hpp"
#include "protocols/postgresql/saslprep.hpp"

#include <atomic>
#include <optional>
#include <utility>

namespace penstock::postgresql {

namespace {

constexpr std::size_t salt_size = 16;  // as PostgreSQL's

/// Set once a login of this process had to derive keys from a clear password.
std::atomic<bool> somebody_derives{false};

/// 32 octets that are always the same for this user in this process, and can be told from random ones by nobody else.
std::string made_up(std::string_view purpose, std::string_view user)
{
    static const std::string process_secret = random_octets(32);
    std::string text{purpose};
    text.push_back('\0');
    text.append(user);
    return hmac_sha256(process_secret, text);
}

client_error violation(std::string_view what)
{
    return {error_kind::protocol_violation, "malformed SCRAM message: " + std::string{what}};
}

}  // namespace

scram_account scram_account::of(std::string_view user, const user_record& record)
{
    scram_account account;
    const auto stored = record.exists ? record.stored.reveal() : std::string_view{};
    if (auto verifier = parse_scram_verifier(stored)) {
        account.verifier_ = std::move(*verifier);
        account.can_match_ = true;
        return account;
    }
    account.verifier_.iterations = default_scram_iterations;
    account.verifier_.salt = made_up("salt", user).substr(0, salt_size);
    account.verifier_.stored_key = secret{made_up("stored key", user)};
    account.verifier_.server_key = secret{made_up("server key", user)};
    if (!stored.empty() && !is_md5_hash(stored)) {
        account.clear_password_ = secret{stored};
        account.can_match_ = true;
    }
    return account;
}

const scram_verifier& scram_account::verifier()
{
    if (!clear_password_.empty()) {
        somebody_derives.store(true, std::memory_order_relaxed);
        auto [keys, fresh] = derive_scram_keys_cached(clear_password_.reveal(), salt(), iterations());
        verifier_ = to_verifier(keys, salt(), iterations());
        derived_ = fresh;
    }
    return verifier_;
}

void scram_account::spend_on_failure() const
{
    if (!derived_ && somebody_derives.load(std::memory_order_relaxed)) {
        const auto unused = derive_scram_keys("nothing in particular", salt(), default_scram_iterations);
        static_cast<void>(unused);
    }
}

bool scram_account::accepts(std::string_view password)
{
    bool matches = false;
    if (!clear_password_.empty()) {
        matches = secret::equal_in_constant_time(sha256(saslprep(password).reveal()),
                                                 sha256(saslprep(clear_password_.reveal()).reveal()));
    } else if (can_match_ && iterations() <= most_scram_iterations) {
        somebody_derives.store(true, std::memory_order_relaxed);
        derived_ = true;
        const auto keys = derive_scram_keys(password, salt(), iterations());
        matches = secret::equal_in_constant_time(sha256(keys.client_key.reveal()), verifier_.stored_key.reveal());
    }
    if (!matches) {
        spend_on_failure();
    }
    return matches;
}

scram_server::scram_server(scram_account account, std::string certificate_hash, std::string nonce)
    : account_{std::move(account)}, certificate_hash_{std::move(certificate_hash)}, nonce_{std::move(nonce)}
{
}

std::string scram_server::mechanisms() const
{
    std::string names;
    if (!certificate_hash_.empty()) {
        byte_writer{names}.c_string(scram_plus);
    }
    byte_writer{names}.c_string(scram_plain).u8(0);
    return names;
}

outcome<std::string> scram_server::challenge(std::string_view mechanism, std::string_view client_first)
{
    if (mechanism != scram_plain && (mechanism != scram_plus || certificate_hash_.empty())) {
        return client_error{error_kind::protocol_violation, "the client chose a SASL mechanism that was not offered"};
    }
    if (client_first.size() > longest_scram_message || client_first.find('\0') != std::string_view::npos) {
        return violation("too long, or with a zero octet");
    }
    auto rest = client_first;
    const auto flag_end = rest.find(',');
    if (flag_end == std::string_view::npos) {
        return violation("no channel binding flag");
    }
    if (auto fault = check_binding_flag(mechanism, rest.substr(0, flag_end)); !fault.empty()) {
        return client_error{error_kind::protocol_violation, std::move(fault)};
    }
    rest.remove_prefix(flag_end + 1);
    if (rest.starts_with("a=")) {
        return client_error{error_kind::unsupported_feature, "SCRAM: authorization as another user is not supported"};
    }
    if (!rest.starts_with(',')) {
        return violation("no end of its header");
    }
    rest.remove_prefix(1);
    const auto bare = rest;
    if (rest.starts_with("m=")) {
        return client_error{error_kind::unsupported_feature, "SCRAM: the client requires an unknown extension"};
    }
    const auto name =
        take_attribute(rest, 'n');  // ignored, as PostgreSQL does: the start-up message has named the user
    const auto client_nonce = take_attribute(rest, 'r');
    if (!name || !client_nonce || !is_nonce(*client_nonce)) {
        return violation("no user name or nonce");
    }
    gs2_header_ = std::string{client_first.substr(0, flag_end)} + ",,";
    bound_ = mechanism == scram_plus;
    nonce_.insert(0, *client_nonce);
    const auto server_first =
        "r=" + nonce_ + ",s=" + to_base64(account_.salt()) + ",i=" + std::to_string(account_.iterations());
    first_messages_ = std::string{bare} + ',' + server_first;
    return server_first;
}

/// Empty where the flag fits the mechanism and what was offered, else what is wrong.
std::string scram_server::check_binding_flag(std::string_view mechanism, std::string_view flag) const
{
    if (mechanism == scram_plus) {
        return flag == "p=tls-server-end-point"
                   ? ""
                   : "SCRAM: SCRAM-SHA-256-PLUS needs channel binding tls-server-end-point";
    }
    if (flag == "y") {
        return certificate_hash_.empty()
                   ? ""
                   : "SCRAM: the client supports channel binding and was made to believe that this "
                     "server does not";
    }
    return flag == "n" ? "" : "SCRAM: channel binding without SCRAM-SHA-256-PLUS";
}

outcome<std::string> scram_server::finish(std::string_view client_final)
{
    if (client_final.size() > longest_scram_message || client_final.find('\0') != std::string_view::npos) {
        return violation("too long, or with a zero octet");
    }
    auto rest = client_final;
    const auto binding = take_attribute(rest, 'c');
    const auto nonce = take_attribute(rest, 'r');
    const auto proof_at = client_final.rfind(",p=");
    if (!binding || !nonce || proof_at == std::string_view::npos) {
        return violation("no channel binding, nonce or proof");
    }
    const auto proof = from_base64(client_final.substr(proof_at + 3));
    if (!proof || proof->size() != 32) {
        return violation("the proof is not 32 octets");
    }
    if (*binding != to_base64(gs2_header_ + (bound_ ? certificate_hash_ : ""))) {
        return client_error{error_kind::invalid_authorization, "SCRAM: channel binding check failed"};
    }
    if (*nonce != nonce_) {
        return violation("another nonce than before");
    }
    const auto& verifier = account_.verifier();
    const auto auth_message = first_messages_ + ',' + std::string{client_final.substr(0, proof_at)};
    const auto signature = hmac_sha256(verifier.stored_key.reveal(), auth_message);
    secret client_key{exclusive_or(*proof, signature)};
    const bool matches = secret::equal_in_constant_time(sha256(client_key.reveal()), verifier.stored_key.reveal());
    if (!matches || !account_.can_match()) {
        account_.spend_on_failure();
        return client_error{error_kind::wrong_password, ""};
    }
    keys_ = {std::move(client_key), verifier.server_key};
    return "v=" + to_base64(hmac_sha256(verifier.server_key.reveal(), auth_message));
}

}  // namespace penstock::postgresql
