// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/auth_sha2.hpp"

#include "core/assert.hpp"
#include "protocols/mysql/auth_digest.hpp"

#include <openssl/evp.h>

#include <array>

namespace penstock::mysql {

namespace {

constexpr std::size_t salt_size = 20;
constexpr std::size_t crypt_size = 43, pbkdf2_size = 88;

/// The hash repeated and cut to a length.
std::string stretched(bytes hash, std::size_t length)
{
    std::string result;
    result.reserve(length + hash.size());
    while (result.size() < length) {
        result.append(hash);
    }
    result.resize(length);
    return result;
}

std::string repeated(std::string_view text, std::size_t times)
{
    std::string result;
    result.reserve(text.size() * times);
    for (std::size_t round = 0; round < times; ++round) {
        result.append(text);
    }
    return result;
}

/// Steps 1 to 12 of the specification: "digest A".
std::string first_hash(std::string_view password, std::string_view salt)
{
    const auto alternate = sha256({password, salt, password});
    auto input = std::string{password}.append(salt).append(stretched(alternate, password.size()));
    for (auto length = password.size(); length > 0; length >>= 1) {
        input.append((length & 1) != 0 ? bytes{alternate} : password);
    }
    auto result = sha256({input});
    wipe(input);
    return result;
}

/// Step 22: crypt's own base64, three octets at a time in a peculiar order.
std::string encode(bytes hash)
{
    static constexpr std::string_view digits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static constexpr std::array<std::array<std::size_t, 3>, 10> order{{{0, 10, 20},
                                                                       {21, 1, 11},
                                                                       {12, 22, 2},
                                                                       {3, 13, 23},
                                                                       {24, 4, 14},
                                                                       {15, 25, 5},
                                                                       {6, 16, 26},
                                                                       {27, 7, 17},
                                                                       {18, 28, 8},
                                                                       {9, 19, 29}}};
    std::string text;
    const auto octet = [hash](std::size_t place) { return std::uint32_t{static_cast<unsigned char>(hash[place])}; };
    const auto put = [&text](std::uint32_t value, int count) {
        for (; count > 0; --count, value >>= 6) {
            text.push_back(digits[value & 0x3f]);
        }
    };
    for (const auto& [high, middle, low] : order) {
        put(octet(high) << 16 | octet(middle) << 8 | octet(low), 4);
    }
    put(octet(31) << 8 | octet(30), 3);
    return text;
}

}  // namespace

secret sha2_stage1(std::string_view password)
{
    auto hash = sha256({password});
    secret stage1{hash};
    wipe(hash);
    return stage1;
}

std::string sha2_answer(const secret& stage1, bytes scramble)
{
    return exclusive_or(stage1.reveal(), sha256({sha256({stage1.reveal()}), scramble}));
}

std::optional<secret> check_sha2(bytes answer, bytes scramble, bytes stage2)
{
    if (answer.size() != sha256_size || stage2.size() != sha256_size) {
        return std::nullopt;
    }
    auto candidate = exclusive_or(answer, sha256({stage2, scramble}));
    secret stage1{candidate};
    wipe(candidate);
    const bool is_right = secret::equal_in_constant_time(sha256({stage1.reveal()}), stage2);
    return is_right ? std::optional{std::move(stage1)} : std::nullopt;
}

std::optional<sha2_hash> parse_sha2(std::string_view stored)
{
    if (stored.starts_with("0x")) {
        const auto octets = from_hex(stored.substr(2));
        return octets && !octets->starts_with("0x") ? parse_sha2(*octets) : std::nullopt;
    }
    constexpr std::size_t fixed_size = 7;  // "$A$005$"
    const bool is_crypt = stored.starts_with("$A$");
    const auto hash_size = is_crypt ? crypt_size : pbkdf2_size;
    if (stored.size() != fixed_size + salt_size + hash_size || !(is_crypt || stored.starts_with("$B$")) ||
        stored[6] != '$') {
        return std::nullopt;
    }
    const auto thousands = from_hex("0" + std::string{stored.substr(3, 3)});
    if (!thousands) {
        return std::nullopt;
    }
    const auto rounds = static_cast<std::uint32_t>(load_u16(thousands->data())) * 1000;
    if (rounds == 0) {
        return std::nullopt;
    }
    return sha2_hash{is_crypt ? sha2_hash::scheme::crypt : sha2_hash::scheme::pbkdf2,
                     rounds,
                     std::string{stored.substr(fixed_size, salt_size)},
                     std::string{stored.substr(fixed_size + salt_size)}};
}

bool matches(const sha2_hash& stored, std::string_view password)
{
    const auto hash = stored.how == sha2_hash::scheme::crypt ? sha256_crypt(password, stored.salt, stored.rounds)
                                                             : pbkdf2_sha512(password, stored.salt, stored.rounds);
    return secret::equal_in_constant_time(hash, stored.hash);
}

std::string sha256_crypt(std::string_view password, std::string_view salt, std::uint32_t rounds)
{
    auto hash = first_hash(password, salt);
    auto of_password = stretched(sha256({repeated(password, password.size())}), password.size());
    const auto of_salt =
        stretched(sha256({repeated(salt, 16 + std::size_t{static_cast<unsigned char>(hash[0])})}), salt.size());
    for (std::uint32_t round = 0; round < rounds; ++round) {
        const bytes before = hash;
        const bytes text = of_password;
        const bool odd = round % 2 != 0;
        hash = sha256({odd ? text : before,
                       round % 3 != 0 ? bytes{of_salt} : bytes{},
                       round % 7 != 0 ? text : bytes{},
                       odd ? before : text});
    }
    wipe(of_password);
    return encode(hash);
}

std::string pbkdf2_sha512(std::string_view password, std::string_view salt, std::uint32_t rounds)
{
    std::array<unsigned char, sha512_size> hash{};
    const int status = PKCS5_PBKDF2_HMAC(password.data(),
                                         static_cast<int>(password.size()),
                                         reinterpret_cast<const unsigned char*>(salt.data()),
                                         static_cast<int>(salt.size()),
                                         static_cast<int>(rounds),
                                         EVP_sha512(),
                                         static_cast<int>(hash.size()),
                                         hash.data());
    PENSTOCK_ASSERT(status == 1);
    std::string text(pbkdf2_size + 1, '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), hash.data(), static_cast<int>(hash.size()));
    text.pop_back();
    return text;
}

}  // namespace penstock::mysql
