// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/auth_ed25519.hpp"

#include "core/assert.hpp"
#include "protocols/mysql/auth_digest.hpp"

#include <openssl/evp.h>
#include <sodium.h>

#include <memory>

namespace penstock::mysql {

namespace {

using octet = unsigned char;

octet* octets(std::string& text)
{
    return reinterpret_cast<octet*>(text.data());
}

const octet* octets(bytes text)
{
    return reinterpret_cast<const octet*>(text.data());
}

/// SHA512(password), its first half made a scalar as RFC 8032, 5.1.5 has it.
std::string expanded(std::string_view password)
{
    auto key = sha512({password});
    key[0] = static_cast<char>(key[0] & 0xf8);
    key[31] = static_cast<char>((key[31] & 0x3f) | 0x40);
    return key;
}

std::string times_base(bytes scalar)
{
    std::string point(crypto_core_ed25519_BYTES, '\0');
    // Fails for a product that is the neutral element only, which a hash gives with a chance of 2^-252.
    PENSTOCK_ASSERT(crypto_scalarmult_ed25519_base_noclamp(octets(point), octets(scalar)) == 0);
    return point;
}

/// A number of 64 octets modulo the order of the base point.
std::string reduced(std::string number)
{
    std::string scalar(crypto_core_ed25519_SCALARBYTES, '\0');
    crypto_core_ed25519_scalar_reduce(octets(scalar), octets(bytes{number}));
    wipe(number);
    return scalar;
}

struct freeing {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

std::string ed25519_public_key(std::string_view password)
{
    auto key = expanded(password);
    auto point = times_base(bytes{key}.substr(0, 32));
    wipe(key);
    return point;
}

std::string ed25519_sign(std::string_view password, bytes nonce)
{
    auto key = expanded(password);
    const bytes scalar = bytes{key}.substr(0, 32);
    const auto public_key = times_base(scalar);
    auto once = reduced(sha512({bytes{key}.substr(32), nonce}));
    auto signature = times_base(once);
    const auto challenge = reduced(sha512({signature, public_key, nonce}));
    // scalar_mul wants reduced numbers; the clamped scalar is reduced by way of a 64-octet one.
    auto secret_scalar = reduced(std::string{scalar} + std::string(32, '\0'));
    std::string product(32, '\0');
    std::string sum(32, '\0');
    crypto_core_ed25519_scalar_mul(octets(product), octets(bytes{challenge}), octets(bytes{secret_scalar}));
    crypto_core_ed25519_scalar_add(octets(sum), octets(bytes{once}), octets(bytes{product}));
    signature.append(sum);
    wipe(key);
    wipe(once);
    wipe(secret_scalar);
    wipe(product);
    return signature;
}

bool ed25519_verify(bytes signature, bytes nonce, bytes public_key)
{
    if (signature.size() != ed25519_signature_size || public_key.size() != ed25519_key_size) {
        return false;
    }
    const std::unique_ptr<EVP_PKEY, freeing> key{
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(public_key), public_key.size())};
    const std::unique_ptr<EVP_MD_CTX, freeing> context{EVP_MD_CTX_new()};
    return key && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
           EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(nonce), nonce.size()) == 1;
}

std::optional<std::string> parse_ed25519(std::string_view stored)
{
    return stored.size() == 43 ? from_base64(stored, ed25519_key_size) : std::nullopt;
}

}  // namespace penstock::mysql
