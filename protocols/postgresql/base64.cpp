// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/base64.hpp"

#include <cstddef>
#include <cstdint>

namespace penstock::postgresql {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::uint32_t octet_at(bytes octets, std::size_t at)
{
    return at < octets.size() ? static_cast<std::uint8_t>(octets[at]) : 0U;
}

}  // namespace

std::string to_base64(bytes octets)
{
    std::string text;
    text.reserve((octets.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < octets.size(); at += 3) {
        const auto group = octet_at(octets, at) << 16 | octet_at(octets, at + 1) << 8 | octet_at(octets, at + 2);
        text.push_back(alphabet[group >> 18]);
        text.push_back(alphabet[group >> 12 & 63U]);
        text.push_back(at + 1 < octets.size() ? alphabet[group >> 6 & 63U] : '=');
        text.push_back(at + 2 < octets.size() ? alphabet[group & 63U] : '=');
    }
    return text;
}

std::optional<std::string> from_base64(std::string_view text)
{
    const auto digits = text.substr(0, text.find('='));
    std::string octets;
    octets.reserve(text.size() / 4 * 3);
    std::uint32_t group = 0;
    unsigned bits = 0;
    for (const char digit : digits) {
        const auto value = alphabet.find(digit);
        if (value == std::string_view::npos) {
            return std::nullopt;
        }
        group = (group << 6 | static_cast<std::uint32_t>(value)) & 0xffffU;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            octets.push_back(static_cast<char>(group >> bits & 0xffU));
        }
    }
    // Wrong padding and bits left over in the last digit show in the way back.
    return to_base64(octets) == text ? std::optional{std::move(octets)} : std::nullopt;
}

}  // namespace penstock::postgresql
