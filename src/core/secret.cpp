// SPDX-License-Identifier: Apache-2.0
#include "core/secret.hpp"

#include <openssl/crypto.h>

namespace penstock {

bool secret::equal_in_constant_time(std::string_view left, std::string_view right)
{
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

void secret::wipe() noexcept
{
    text_.resize(
        text_.capacity());  // a moved-from short string keeps its text in place, so the whole capacity is wiped
    OPENSSL_cleanse(text_.data(), text_.size());
    text_.clear();
}

}  // namespace penstock
