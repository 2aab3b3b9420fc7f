// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/auth_digest.hpp"

#include "core/assert.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

namespace penstock::mysql {

namespace {

struct freeing {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

/// One per thread: a caching_sha2 hash takes thousands of rounds.
EVP_MD_CTX* context_of_thread()
{
    thread_local const std::unique_ptr<EVP_MD_CTX, freeing> context{EVP_MD_CTX_new()};
    return context.get();
}

std::string digest(const EVP_MD* kind, std::initializer_list<bytes> parts)
{
    auto* context = context_of_thread();
    std::string result(static_cast<std::size_t>(EVP_MD_get_size(kind)), '\0');
    bool sound = EVP_DigestInit_ex(context, kind, nullptr) == 1;
    for (const auto part : parts) {
        sound = sound && EVP_DigestUpdate(context, part.data(), part.size()) == 1;
    }
    sound = sound && EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(result.data()), nullptr) == 1;
    PENSTOCK_ASSERT(sound);
    return result;
}

int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/// Fetched once: looking a digest up by name costs more than a short hash.
const EVP_MD* fetched(const char* name)
{
    const auto* kind = EVP_MD_fetch(nullptr, name, nullptr);
    PENSTOCK_ASSERT(kind != nullptr);
    return kind;
}

}  // namespace

std::string sha1(std::initializer_list<bytes> parts)
{
    static const auto* const kind = fetched("SHA1");
    return digest(kind, parts);
}

std::string sha256(std::initializer_list<bytes> parts)
{
    static const auto* const kind = fetched("SHA256");
    return digest(kind, parts);
}

std::string sha512(std::initializer_list<bytes> parts)
{
    static const auto* const kind = fetched("SHA512");
    return digest(kind, parts);
}

std::string exclusive_or(bytes left, bytes right)
{
    PENSTOCK_ASSERT(left.size() == right.size());
    std::string result{left};
    for (std::size_t place = 0; place < result.size(); ++place) {
        result[place] = static_cast<char>(result[place] ^ right[place]);
    }
    return result;
}

std::string random_octets(std::size_t count)
{
    std::string octets(count, '\0');
    PENSTOCK_ASSERT(RAND_bytes(reinterpret_cast<unsigned char*>(octets.data()), static_cast<int>(count)) == 1);
    return octets;
}

std::string random_scramble(std::size_t count)
{
    auto octets = random_octets(count);
    for (auto& octet : octets) {
        octet = static_cast<char>(octet & 0x7f);
        if (octet == '\0' || octet == '$') {
            octet = static_cast<char>(octet + 1);
        }
    }
    return octets;
}

void wipe(std::string& text)
{
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

std::optional<std::string> from_hex(std::string_view text)
{
    if (text.size() % 2 != 0) {
        return std::nullopt;
    }
    std::string octets;
    for (std::size_t place = 0; place < text.size(); place += 2) {
        const int high = hex_value(text[place]);
        const int low = hex_value(text[place + 1]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        octets.push_back(static_cast<char>(high << 4 | low));
    }
    return octets;
}

std::optional<std::string> from_base64(std::string_view text, std::size_t size)
{
    const auto digits = (size * 8 + 5) / 6;
    const auto padded = (size + 2) / 3 * 4;
    if (text.size() != digits && text.size() != padded) {
        return std::nullopt;
    }
    std::string whole{text.substr(0, digits)};
    whole.append(padded - digits, '=');
    const bool is_padded_twice = whole.find('=') < digits;
    if (is_padded_twice || (text.size() == padded && text != whole)) {
        return std::nullopt;
    }
    std::string octets(padded / 4 * 3, '\0');
    const auto count = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(octets.data()),
                                       reinterpret_cast<const unsigned char*>(whole.data()),
                                       static_cast<int>(whole.size()));
    if (count != static_cast<int>(octets.size())) {
        return std::nullopt;
    }
    octets.resize(size);
    return octets;
}

}  // namespace penstock::mysql
