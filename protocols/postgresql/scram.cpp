// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/scram.hpp"

#include "core/assert.hpp"
#include "protocols/postgresql/base64.hpp"
#include "protocols/postgresql/saslprep.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>

namespace penstock::postgresql {

namespace {

constexpr std::size_t key_size = SHA256_DIGEST_LENGTH;

const unsigned char* octets_of(bytes text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* octets_of(std::string& text)
{
    return reinterpret_cast<unsigned char*>(text.data());
}

/// Everything up to `end`, which is taken off as well.
std::optional<std::string_view> take_until(std::string_view& text, char end)
{
    const auto at = text.find(end);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    const auto part = text.substr(0, at);
    text.remove_prefix(at + 1);
    return part;
}

std::optional<std::uint32_t> to_count(std::string_view digits)
{
    std::uint32_t value = 0;
    const auto* end = digits.data() + digits.size();
    const auto [stop, fault] = std::from_chars(digits.data(), end, value);
    return fault == std::errc{} && stop == end && value > 0 && value <= INT_MAX ? std::optional{value} : std::nullopt;
}

/// The last few keys derived on this thread. Entries are found by a digest that says nothing of the password.
class key_cache {
public:
    const scram_keys* find(std::string_view name)
    {
        const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const entry& e) { return e.name == name; });
        if (at == entries_.end()) {
            return nullptr;
        }
        at->last_use = ++now_;
        return &at->keys;
    }

    void put(std::string name, const scram_keys& keys)
    {
        const auto by_age = [](const entry& a, const entry& b) { return a.last_use < b.last_use; };
        auto oldest = std::min_element(entries_.begin(), entries_.end(), by_age);
        *oldest = entry{std::move(name), keys, ++now_};
    }

private:
    struct entry {
        std::string name{};
        scram_keys keys{};
        std::uint64_t last_use = 0;
    };
    std::array<entry, 128> entries_{};
    std::uint64_t now_ = 0;
};

/// Differs in every process, so that a digest found in its memory cannot be looked up in a table.
const std::string& cache_salt()
{
    static const std::string salt = random_octets(key_size);
    return salt;
}

std::string cache_name(std::string_view password, bytes salt, std::uint32_t iterations)
{
    std::string text;
    byte_writer{text}.u32(iterations).u32(static_cast<std::uint32_t>(salt.size())).raw(salt);
    text.append(sha256(password));
    return hmac_sha256(cache_salt(), text);
}

}  // namespace

std::optional<scram_verifier> parse_scram_verifier(std::string_view text)
{
    const auto mechanism = take_until(text, '$');
    const auto iterations = take_until(text, ':');
    const auto salt = take_until(text, '$');
    const auto stored_key = take_until(text, ':');
    if (!mechanism || *mechanism != scram_plain || !iterations || !salt || !stored_key) {
        return std::nullopt;
    }
    const auto count = to_count(*iterations);
    const auto salt_octets = from_base64(*salt);
    const auto stored_octets = from_base64(*stored_key);
    const auto server_octets = from_base64(text);
    if (!count || !salt_octets || salt_octets->empty() || salt_octets->size() > longest_scram_message / 2 ||
        !stored_octets || stored_octets->size() != key_size || !server_octets || server_octets->size() != key_size) {
        return std::nullopt;
    }
    return scram_verifier{*count, *salt_octets, secret{*stored_octets}, secret{*server_octets}};
}

std::string to_text(const scram_verifier& verifier)
{
    return std::string{scram_plain} + '$' + std::to_string(verifier.iterations) + ':' + to_base64(verifier.salt) + '$' +
           to_base64(verifier.stored_key.reveal()) + ':' + to_base64(verifier.server_key.reveal());
}

scram_keys derive_scram_keys(std::string_view password, bytes salt, std::uint32_t iterations)
{
    std::string salted(key_size, '\0');
    const auto prepared = saslprep(password);
    const int derived = PKCS5_PBKDF2_HMAC(prepared.reveal().data(),
                                          static_cast<int>(prepared.reveal().size()),
                                          octets_of(salt),
                                          static_cast<int>(salt.size()),
                                          static_cast<int>(iterations),
                                          EVP_sha256(),
                                          static_cast<int>(salted.size()),
                                          octets_of(salted));
    PENSTOCK_ASSERT(derived == 1);
    scram_keys keys{secret{hmac_sha256(salted, "Client Key")}, secret{hmac_sha256(salted, "Server Key")}};
    OPENSSL_cleanse(salted.data(), salted.size());
    return keys;
}

derived_keys derive_scram_keys_cached(std::string_view password, bytes salt, std::uint32_t iterations)
{
    thread_local key_cache cache;
    auto name = cache_name(password, salt, iterations);
    if (const auto* known = cache.find(name)) {
        return {*known, false};
    }
    auto keys = derive_scram_keys(password, salt, iterations);
    cache.put(std::move(name), keys);
    return {std::move(keys), true};
}

scram_verifier to_verifier(const scram_keys& keys, std::string salt, std::uint32_t iterations)
{
    return {iterations, std::move(salt), secret{sha256(keys.client_key.reveal())}, keys.server_key};
}

std::string sha256(bytes text)
{
    std::string digest(key_size, '\0');
    SHA256(octets_of(text), text.size(), octets_of(digest));
    return digest;
}

std::string hmac_sha256(bytes key, bytes text)
{
    std::string digest(key_size, '\0');
    const auto* made = HMAC(EVP_sha256(),
                            key.data(),
                            static_cast<int>(key.size()),
                            octets_of(text),
                            text.size(),
                            octets_of(digest),
                            nullptr);
    PENSTOCK_ASSERT(made != nullptr);
    return digest;
}

std::string exclusive_or(bytes left, bytes right)
{
    PENSTOCK_ASSERT(left.size() == right.size());
    std::string both{left};
    for (std::size_t at = 0; at < both.size(); ++at) {
        both[at] = static_cast<char>(both[at] ^ right[at]);
    }
    return both;
}

std::string random_octets(std::size_t count)
{
    std::string octets(count, '\0');
    PENSTOCK_ASSERT(RAND_bytes(octets_of(octets), static_cast<int>(count)) == 1);
    return octets;
}

std::string random_nonce()
{
    return to_base64(random_octets(18));
}

std::optional<std::string_view> take_attribute(std::string_view& message, char name)
{
    if (message.size() < 2 || message[0] != name || message[1] != '=') {
        return std::nullopt;
    }
    const auto end = message.find(',');
    const auto value = message.substr(2, end == std::string_view::npos ? end : end - 2);
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
    return value;
}

bool is_nonce(std::string_view text)
{
    const auto is_allowed = [](char c) { return c > 0x20 && c < 0x7f && c != ','; };
    return !text.empty() && std::all_of(text.begin(), text.end(), is_allowed);
}

}  // namespace penstock::postgresql
