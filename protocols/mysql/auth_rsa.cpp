// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/auth_rsa.hpp"

#include "core/assert.hpp"
#include "protocols/mysql/auth_digest.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace penstock::mysql {

namespace {

struct freeing {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
    void operator()(BIO* buffer) const { BIO_free(buffer); }
};

using key_ptr = std::unique_ptr<EVP_PKEY, freeing>;
using context_ptr = std::unique_ptr<EVP_PKEY_CTX, freeing>;
using buffer_ptr = std::unique_ptr<BIO, freeing>;

const unsigned char* octets(bytes text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

/// XOR with the scramble, over and over.
void mask(std::string& text, bytes scramble)
{
    for (std::size_t place = 0; place < text.size(); ++place) {
        text[place] = static_cast<char>(text[place] ^ scramble[place % scramble.size()]);
    }
}

std::string to_pem(EVP_PKEY* key)
{
    const buffer_ptr buffer{BIO_new(BIO_s_mem())};
    PENSTOCK_ASSERT(PEM_write_bio_PUBKEY(buffer.get(), key) == 1);
    char* text = nullptr;
    const auto size = BIO_get_mem_data(buffer.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

key_ptr from_pem(bytes pem)
{
    constexpr std::size_t longest_pem = 8192;
    if (pem.empty() || pem.size() > longest_pem) {
        return nullptr;
    }
    const buffer_ptr buffer{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    key_ptr key{PEM_read_bio_PUBKEY(buffer.get(), nullptr, nullptr, nullptr)};
    ERR_clear_error();
    const bool usable = key && EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA &&
                        EVP_PKEY_get_bits(key.get()) >= 2048 && EVP_PKEY_get_bits(key.get()) <= 16384;
    return usable ? std::move(key) : nullptr;
}

}  // namespace

struct rsa_key::inner {
    key_ptr key;
};

rsa_key::rsa_key() : inner_{std::make_unique<inner>()}
{
    inner_->key.reset(EVP_RSA_gen(2048));
    PENSTOCK_ASSERT(inner_->key != nullptr);
    public_pem_ = to_pem(inner_->key.get());
}

rsa_key::~rsa_key() = default;

std::size_t rsa_key::block_size() const
{
    return static_cast<std::size_t>(EVP_PKEY_get_size(inner_->key.get()));
}

std::optional<secret> rsa_key::decrypt_password(bytes block, bytes scramble) const
{
    if (block.size() != block_size() || scramble.empty()) {
        return std::nullopt;
    }
    const context_ptr context{EVP_PKEY_CTX_new(inner_->key.get(), nullptr)};
    std::string text(block_size(), '\0');
    auto size = text.size();
    auto* into = reinterpret_cast<unsigned char*>(text.data());
    const bool sound = EVP_PKEY_decrypt_init(context.get()) == 1 &&
                       EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
                       EVP_PKEY_decrypt(context.get(), into, &size, octets(block), block.size()) == 1;
    ERR_clear_error();
    std::optional<secret> password;
    if (sound) {
        text.resize(size);
        mask(text, scramble);
        if (text.find('\0') == text.size() - 1) {
            password = secret{bytes{text}.substr(0, text.size() - 1)};
        }
    }
    wipe(text);
    return password;
}

std::optional<std::string> encrypt_password(const secret& password, bytes scramble, bytes public_pem)
{
    const auto key = from_pem(public_pem);
    if (!key || scramble.empty()) {
        return std::nullopt;
    }
    std::string text{password.reveal()};
    text.push_back('\0');
    mask(text, scramble);
    const context_ptr context{EVP_PKEY_CTX_new(key.get(), nullptr)};
    std::string block(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())), '\0');
    auto size = block.size();
    auto* into = reinterpret_cast<unsigned char*>(block.data());
    const bool sound = EVP_PKEY_encrypt_init(context.get()) == 1 &&
                       EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
                       EVP_PKEY_encrypt(context.get(), into, &size, octets(text), text.size()) == 1;
    ERR_clear_error();
    wipe(text);
    block.resize(size);
    return sound ? std::optional{std::move(block)} : std::nullopt;
}

}  // namespace penstock::mysql
