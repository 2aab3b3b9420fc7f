// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/client_login_proof.hpp"

#include "protocols/mysql/auth_digest.hpp"
#include "protocols/mysql/auth_ed25519.hpp"
#include "protocols/mysql/auth_native.hpp"
#include "protocols/mysql/auth_sha2.hpp"
#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/handshake.hpp"
#include "protocols/mysql/packet.hpp"

#include <utility>

namespace penstock::mysql {

namespace {

using form = stored_secret::form;

constexpr char auth_more_data = '\x01';

/// One proof under way.
struct attempt {
    dialogue& line;
    client_claim claim;
    stored_secret known{};
    bool can_pass = false;  ///< the user exists and has a secret; if not, all is done as if it were so
};

conversation<client_proof> prove_by_secret(attempt& now, auth_plugin plugin);
conversation<login_packet> switch_to(attempt& now, auth_plugin plugin);
conversation<login_packet> read_answer(attempt& now);
conversation<client_proof> prove_by_password(attempt& now);
conversation<client_proof> prove_by_ed25519(attempt& now);
conversation<client_proof> prove_by_sha2(attempt& now);
conversation<client_proof> full_exchange(attempt& now);
client_proof prove_by_native(attempt& now);

client_proof ended(const attempt& now, client_proof::state how)
{
    return {.how = how, .sequence = now.claim.sequence};
}

client_proof failed(const attempt& now, client_error error, std::string reason = {})
{
    auto proof = ended(now, client_proof::state::failed);
    proof.error = std::move(error);
    proof.reason = std::move(reason);
    return proof;
}

client_error denied_to(const client_claim& claim, bool with_password)
{
    return {error_kind::wrong_password,
            "Access denied for user '" + claim.user + "'@'" + claim.host +
                "' (using password: " + (with_password ? "YES" : "NO") + ')'};
}

/// The one answer to whoever could not prove to be the user.
client_proof wrong_password(const attempt& now, bool with_password = true)
{
    if (now.claim.record.temporarily_unavailable) {
        return failed(now,
                      {error_kind::server_unavailable, "The user cannot be looked up at the moment; try again"},
                      "nobody who knows the user could be asked");
    }
    const char* reason = !now.claim.record.exists          ? "no such user"
                         : now.claim.record.stored.empty() ? "the user has no password"
                         : !now.can_pass                   ? "the user's stored secret is of no known form"
                                                           : "wrong password";
    return failed(now, denied_to(now.claim, with_password), reason);
}

/// What ends the login where no sound packet came.
client_proof not_proved(const attempt& now, const login_packet& packet)
{
    switch (packet.how) {
        case login_packet::state::gone: {
            auto proof = ended(now, client_proof::state::gone);
            proof.reason = "the client went away during authentication";
            return proof;
        }
        case login_packet::state::out_of_order:
            return failed(now, {error_kind::protocol_violation, "Got packets out of order", "08S01", 1156});
        case login_packet::state::too_long:
        case login_packet::state::whole: break;
    }
    return failed(now, {error_kind::protocol_violation, "Bad handshake", "08S01", 1043});
}

client_proof passed(const attempt& now, secret clear_password, std::optional<password_hashes> hashes = std::nullopt)
{
    if (!now.can_pass) {
        return wrong_password(now);
    }
    auto proof = ended(now, client_proof::state::passed);
    proof.clear_password = std::move(clear_password);
    proof.hashes = std::move(hashes);
    return proof;
}

/// An answer of nothing is an empty password; some clients send its closing zero octet.
bool is_empty_answer(bytes answer)
{
    return answer.empty() || answer == bytes{"\0", 1};
}

/// A password with its closing zero octet; nothing where there is another one inside.
std::optional<std::string_view> password_in(bytes body)
{
    if (body.ends_with('\0')) {
        body.remove_suffix(1);
    }
    return body.find('\0') == bytes::npos ? std::optional{body} : std::nullopt;
}

/// A secret of this form that nobody knows.
stored_secret made_up(form kind, const auth_commons& commons)
{
    stored_secret secret_of{.kind = kind};
    switch (kind) {
        case form::native: secret_of.octets = random_octets(sha1_size); break;
        case form::ed25519: secret_of.octets = ed25519_public_key(random_octets(32)); break;
        case form::sha2: secret_of.hash = commons.usual_hash(); break;
        case form::none:
        case form::clear:
            secret_of.kind = form::clear;
            secret_of.text = secret{random_octets(32)};
            break;
    }
    return secret_of;
}

void find_secret(attempt& now)
{
    auto& commons = *now.claim.commons;
    now.known = parse_secret(now.claim.record.stored.reveal());
    now.can_pass = now.claim.record.exists && now.known.kind != form::none;
    if (now.can_pass) {
        commons.note(now.known);
    } else {
        now.known = made_up(commons.usual_form(), commons);
    }
}

/// Methods with a scramble, any of which clear text is good for.
bool is_by_scramble(auth_plugin plugin)
{
    return plugin == auth_plugin::native || plugin == auth_plugin::caching_sha2 || plugin == auth_plugin::ed25519;
}

auth_plugin claimed_plugin(const client_claim& claim)
{
    return has(claim.capabilities, capability::plugin_auth) ? plugin_of(claim.plugin) : auth_plugin::native;
}

auth_plugin choose_plugin(const attempt& now)
{
    if (now.claim.record.method == auth_method::password) {
        return auth_plugin::clear_password;
    }
    if (const auto only = now.known.only_plugin()) {
        return *only;
    }
    const auto claimed = claimed_plugin(now.claim);
    return is_by_scramble(claimed) ? claimed : now.claim.greeted;
}

/// Whether the client's first answer is one by this method to our nonce, and not a mere request to be asked.
bool has_answered(const client_claim& claim, auth_plugin plugin)
{
    if (claimed_plugin(claim) != plugin) {
        return false;
    }
    if (is_empty_answer(claim.answer)) {
        return claim.greeted == plugin || !has(claim.capabilities, capability::plugin_auth);
    }
    return (plugin == auth_plugin::native && claim.answer.size() == sha1_size) ||
           (plugin == auth_plugin::caching_sha2 && claim.answer.size() == sha256_size);
}

client_proof prove_by_certificate(const attempt& now)
{
    const auto& tls = now.claim.tls;
    if (now.claim.record.exists && tls && !tls->peer_common_name.empty() && tls->peer_common_name == now.claim.user) {
        return ended(now, client_proof::state::passed);
    }
    auto error = denied_to(now.claim, !is_empty_answer(now.claim.answer));
    error.kind = error_kind::invalid_authorization;
    return failed(now,
                  std::move(error),
                  now.claim.record.exists ? "no verified certificate with this common name" : "no such user");
}

client_proof rejected(const attempt& now)
{
    auto error = denied_to(now.claim, !is_empty_answer(now.claim.answer));
    error.kind = error_kind::invalid_authorization;
    return failed(now, std::move(error), now.claim.record.exists ? "authentication method reject" : "no such user");
}

}  // namespace

conversation<client_proof> prove(dialogue& line, client_claim claim)
{
    attempt now{line, std::move(claim)};
    switch (now.claim.record.method) {
        case auth_method::certificate: co_return prove_by_certificate(now);
        case auth_method::reject: co_return rejected(now);
        case auth_method::trust:
            co_return now.claim.record.exists ? ended(now, client_proof::state::passed) : rejected(now);
        case auth_method::scram_sha_256:  // PostgreSQL's: here the stored secret decides
        case auth_method::md5:
        case auth_method::password: break;
    }
    find_secret(now);
    const auto plugin = choose_plugin(now);
    if (plugin == auth_plugin::clear_password && !now.claim.is_secure) {
        co_return failed(now,
                         {error_kind::tls_required, "This user logs in with a password in clear, which needs TLS"});
    }
    if (has_answered(now.claim, plugin)) {
        co_return co_await prove_by_secret(now, plugin);
    }
    if (!has(now.claim.capabilities, capability::plugin_auth)) {
        co_return failed(now,
                         {error_kind::unsupported_feature,
                          "Client does not support authentication protocol requested by server; consider upgrading "
                          "MySQL client",
                          "08004",
                          1251});
    }
    const auto packet = co_await switch_to(now, plugin);
    if (!packet.is_whole()) {
        co_return not_proved(now, packet);
    }
    now.claim.answer = packet.payload;
    co_return co_await prove_by_secret(now, plugin);
}

namespace {

conversation<client_proof> prove_by_secret(attempt& now, auth_plugin plugin)
{
    switch (plugin) {
        case auth_plugin::native: co_return prove_by_native(now);
        case auth_plugin::caching_sha2: co_return co_await prove_by_sha2(now);
        case auth_plugin::ed25519: co_return co_await prove_by_ed25519(now);
        case auth_plugin::clear_password:
        case auth_plugin::sha256:
        case auth_plugin::unknown: break;
    }
    co_return co_await prove_by_password(now);
}

/// Asks for an answer by another method and gives the packet it comes in. A scramble is the session's own again, as
/// with servers: MariaDB's Connector/C goes on to answer the first one it got, also at COM_CHANGE_USER.
conversation<login_packet> switch_to(attempt& now, auth_plugin plugin)
{
    std::string data;
    if (plugin == auth_plugin::ed25519) {
        now.claim.nonce = random_octets(ed25519_nonce_size);
        data = now.claim.nonce;
    } else if (plugin != auth_plugin::clear_password) {
        data = now.claim.nonce;
        data.push_back('\0');
    }
    auto& out = now.line.output();
    const auto place = begin_packet(out);
    encode_auth_switch_payload({name_of(plugin), data}, out);
    now.claim.sequence = end_packet(out, place, now.claim.sequence);
    co_return co_await read_answer(now);
}

conversation<login_packet> read_answer(attempt& now)
{
    const auto packet = co_await read_login_packet(now.line, now.claim.sequence, longest_auth_answer);
    ++now.claim.sequence;
    co_return packet;
}

client_proof prove_by_native(attempt& now)
{
    const bool is_clear = now.known.kind == form::clear;
    const auto stage2 = is_clear ? sha1({native_stage1(now.known.text.reveal()).reveal()}) : now.known.octets;
    auto stage1 = check_native(now.claim.answer, now.claim.nonce, stage2);
    if (!stage1) {
        return wrong_password(now, !is_empty_answer(now.claim.answer));
    }
    password_hashes hashes{.sha1 = std::move(*stage1)};
    return passed(now, is_clear ? now.known.text : secret{}, std::move(hashes));
}

/// The answer is a signature. (The nonce is longer than a greeting's, so it always comes by an auth switch.)
conversation<client_proof> prove_by_ed25519(attempt& now)
{
    const bool is_clear = now.known.kind == form::clear;
    const auto key = is_clear ? ed25519_public_key(now.known.text.reveal()) : now.known.octets;
    if (!ed25519_verify(now.claim.answer, now.claim.nonce, key)) {
        co_return wrong_password(now, !is_empty_answer(now.claim.answer));
    }
    co_return passed(now, is_clear ? now.known.text : secret{});
}

bool is_password(const attempt& now, std::string_view given)
{
    switch (now.known.kind) {
        case form::native: {
            const auto stage1 = native_stage1(given);
            return secret::equal_in_constant_time(sha1({stage1.reveal()}), now.known.octets);
        }
        case form::sha2: return matches(now.known.hash, given);
        case form::ed25519: return secret::equal_in_constant_time(ed25519_public_key(given), now.known.octets);
        case form::clear: return secret::equal_in_constant_time(given, now.known.text.reveal());
        case form::none: break;
    }
    return false;
}

conversation<client_proof> prove_by_password(attempt& now)
{
    const auto given = password_in(now.claim.answer);
    if (!given || given->empty() || !is_password(now, *given)) {
        co_return wrong_password(now, given && !given->empty());
    }
    co_return passed(now, secret{*given});
}

/// The clear-text password of the fast path: stored, or proved before.
std::optional<secret> cached_password(const attempt& now)
{
    if (now.known.kind == form::clear) {
        return now.known.text;
    }
    return now.claim.commons->passwords.find(now.claim.user, now.claim.record.stored.reveal());
}

void append_more_data(attempt& now, bytes data)
{
    std::string payload(1, auth_more_data);
    payload.append(data);
    now.claim.sequence = append_packet(now.line.output(), now.claim.sequence, payload);
}

conversation<client_proof> prove_by_sha2(attempt& now)
{
    if (is_empty_answer(now.claim.answer)) {
        co_return wrong_password(now, false);
    }
    if (auto password = cached_password(now)) {
        const auto stage2 = sha256({sha2_stage1(password->reveal()).reveal()});
        if (auto stage1 = check_sha2(now.claim.answer, now.claim.nonce, stage2); stage1 && now.can_pass) {
            append_more_data(now, bytes{&sha2_fast_success, 1});
            password_hashes hashes{.sha256 = std::move(*stage1)};
            co_return passed(now, std::move(*password), std::move(hashes));
        }
    }
    co_return co_await full_exchange(now);
}

/// The password itself. Every user with a wrong password comes here, and each costs one hash.
conversation<client_proof> full_exchange(attempt& now)
{
    append_more_data(now, bytes{&sha2_full_exchange, 1});
    auto packet = co_await read_answer(now);
    const bytes ask{&sha2_ask_public_key, 1};
    if (packet.is_whole() && packet.payload == ask && !now.claim.is_secure) {
        append_more_data(now, now.claim.commons->key().public_pem());
        packet = co_await read_answer(now);
    }
    if (!packet.is_whole()) {
        co_return not_proved(now, packet);
    }
    std::optional<secret> given;
    if (now.claim.is_secure) {
        const auto text = password_in(packet.payload);
        given = text ? std::optional{secret{*text}} : std::nullopt;
    } else {
        given = now.claim.commons->key().decrypt_password(packet.payload, now.claim.nonce);
    }
    const bool is_hash = now.known.kind == form::sha2;
    const auto decoy = is_hash ? stored_secret{} : made_up(form::sha2, *now.claim.commons);
    const std::string_view text = given ? given->reveal() : std::string_view{};
    const bool costly = matches(is_hash ? now.known.hash : decoy.hash, text);
    if (!given || given->empty() || !(is_hash ? costly : is_password(now, text)) || !now.can_pass) {
        co_return wrong_password(now);
    }
    if (is_hash) {
        now.claim.commons->passwords.keep(now.claim.user, now.claim.record.stored.reveal(), *given);
    }
    password_hashes hashes{.sha256 = sha2_stage1(text)};
    co_return passed(now, std::move(*given), std::move(hashes));
}

}  // namespace

}  // namespace penstock::mysql
