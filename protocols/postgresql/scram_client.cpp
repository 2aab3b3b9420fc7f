// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/scram_client.hpp"

#include "protocols/postgresql/base64.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace penstock::postgresql {

namespace {

std::string_view gs2_header_of(channel_binding binding)
{
    switch (binding) {
        case channel_binding::none: return "n,,";
        case channel_binding::not_offered: return "y,,";
        case channel_binding::bound: return "p=tls-server-end-point,,";
    }
    return "n,,";
}

client_error bad_server(std::string_view what)
{
    return {error_kind::server_login_failed, "SCRAM: the server " + std::string{what}};
}

/// Zero where the text is no number or is beyond what we would compute.
std::uint32_t bounded_iterations(std::string_view digits)
{
    std::uint32_t value = 0;
    const auto* end = digits.data() + digits.size();
    const auto [stop, fault] = std::from_chars(digits.data(), end, value);
    return fault == std::errc{} && stop == end && value <= most_scram_iterations ? value : 0;
}

}  // namespace

scram_client::scram_client(channel_binding binding,
                           std::string certificate_hash,
                           std::string nonce,
                           std::string_view user)
    : gs2_header_{gs2_header_of(binding)},
      certificate_hash_{binding == channel_binding::bound ? std::move(certificate_hash) : std::string{}},
      nonce_{std::move(nonce)},
      first_{gs2_header_ + "n=" + std::string{user} + ",r=" + nonce_}
{
}

std::string_view scram_client::mechanism() const
{
    return certificate_hash_.empty() ? scram_plain : scram_plus;
}

outcome<std::string> scram_client::respond(std::string_view server_first,
                                           const secret& password,
                                           const std::optional<scram_keys>& keys)
{
    if (server_first.size() > longest_scram_message) {
        return bad_server("sent a message that is too long");
    }
    auto rest = server_first;
    if (rest.starts_with("m=")) {
        return bad_server("requires an unknown extension");
    }
    const auto nonce = take_attribute(rest, 'r');
    const auto salt_text = take_attribute(rest, 's');
    const auto iterations_text = take_attribute(rest, 'i');
    if (!nonce || !salt_text || !iterations_text || !is_nonce(*nonce)) {
        return bad_server("sent a malformed challenge");
    }
    if (nonce->size() <= nonce_.size() || !nonce->starts_with(nonce_)) {
        return bad_server("did not answer our nonce");
    }
    const auto salt = from_base64(*salt_text);
    if (!salt || salt->empty()) {
        return bad_server("sent a malformed salt");
    }
    const auto iterations = bounded_iterations(*iterations_text);
    if (iterations == 0) {
        return bad_server("asks for an iteration count outside 1 to " + std::to_string(most_scram_iterations));
    }
    const auto used = keys ? *keys : derive_scram_keys_cached(password.reveal(), *salt, iterations).keys;
    auto client_final = "c=" + to_base64(gs2_header_ + certificate_hash_) + ",r=" + std::string{*nonce};
    const auto auth_message = first_.substr(gs2_header_.size()) + ',' + std::string{server_first} + ',' + client_final;
    const auto signature = hmac_sha256(sha256(used.client_key.reveal()), auth_message);
    expected_signature_ = hmac_sha256(used.server_key.reveal(), auth_message);
    return client_final + ",p=" + to_base64(exclusive_or(used.client_key.reveal(), signature));
}

std::optional<client_error> scram_client::finish(std::string_view server_final) const
{
    auto rest = server_final.substr(0, std::min(server_final.size(), longest_scram_message));
    if (take_attribute(rest, 'e')) {
        return bad_server("reports an authentication error");
    }
    const auto text = take_attribute(rest, 'v');
    const auto signature = text ? from_base64(*text) : std::nullopt;
    if (expected_signature_.empty() || !signature || !secret::equal_in_constant_time(*signature, expected_signature_)) {
        return bad_server("did not prove that it knows the password: its signature is wrong");
    }
    return std::nullopt;
}

}  // namespace penstock::postgresql
