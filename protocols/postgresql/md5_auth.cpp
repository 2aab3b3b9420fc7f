// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/md5_auth.hpp"

#include <openssl/evp.h>

#include <algorithm>

namespace penstock::postgresql {

namespace {

constexpr std::string_view prefix = "md5";
constexpr std::string_view hex_digits = "0123456789abcdef";

std::string prefixed_md5(std::string_view left, std::string_view right)
{
    std::string text{left};
    text.append(right);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    const bool made = EVP_Digest(text.data(), text.size(), digest, &size, EVP_md5(), nullptr) == 1;
    OPENSSL_cleanse(text.data(), text.size());
    std::string result{made ? prefix : std::string_view{}};
    for (unsigned int at = 0; made && at < size; ++at) {
        result.push_back(hex_digits[digest[at] >> 4]);
        result.push_back(hex_digits[digest[at] & 15U]);
    }
    return result;
}

}  // namespace

bool is_md5_hash(std::string_view stored)
{
    return stored.size() == prefix.size() + 32 && stored.starts_with(prefix) &&
           stored.find_first_not_of(hex_digits, prefix.size()) == std::string_view::npos;
}

std::string md5_hash(std::string_view password, std::string_view user)
{
    return prefixed_md5(password, user);
}

std::string md5_answer(std::string_view password_or_hash, std::string_view user, bytes salt)
{
    const auto hash = is_md5_hash(password_or_hash) ? std::string{password_or_hash} : md5_hash(password_or_hash, user);
    return hash.empty() ? std::string{} : prefixed_md5(std::string_view{hash}.substr(prefix.size()), salt);
}

}  // namespace penstock::postgresql
