// SPDX-License-Identifier: Apache-2.0
#include "protocols/wire/shape_digest.hpp"

#include <openssl/sha.h>

#include <array>

namespace penstock {

std::string shape_digest(std::string_view shape)
{
    std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
    SHA256(reinterpret_cast<const unsigned char*>(shape.data()), shape.size(), hash.data());
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (std::size_t place = 0; place < shape_digest_size / 2; ++place) {
        text.push_back(digits[hash[place] >> 4]);
        text.push_back(digits[hash[place] & 15]);
    }
    return text;
}

}  // namespace penstock
