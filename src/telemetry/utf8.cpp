// SPDX-License-Identifier: Apache-2.0
#include "telemetry/utf8.hpp"

namespace penstock {

namespace {

bool within(char octet, unsigned low, unsigned high)
{
    const auto value = static_cast<unsigned char>(octet);
    return value >= low && value <= high;
}

bool continues(std::string_view text, std::size_t from, std::size_t length)
{
    for (auto at = from; at < length; ++at) {
        if (!within(text[at], 0x80, 0xBF)) {
            return false;
        }
    }
    return true;
}

/// The second octet's range excludes overlong forms, surrogates and what lies above U+10FFFF.
bool second_is_good(char first, char second)
{
    switch (static_cast<unsigned char>(first)) {
        case 0xE0: return within(second, 0xA0, 0xBF);
        case 0xED: return within(second, 0x80, 0x9F);
        case 0xF0: return within(second, 0x90, 0xBF);
        case 0xF4: return within(second, 0x80, 0x8F);
        default: return within(second, 0x80, 0xBF);
    }
}

}  // namespace

std::size_t utf8_length(std::string_view text)
{
    if (text.empty()) {
        return 0;
    }
    if (within(text[0], 0x00, 0x7F)) {
        return 1;
    }
    const std::size_t length = within(text[0], 0xC2, 0xDF)   ? 2
                               : within(text[0], 0xE0, 0xEF) ? 3
                               : within(text[0], 0xF0, 0xF4) ? 4
                                                             : 0;
    if (length == 0 || text.size() < length || !second_is_good(text[0], text[1]) || !continues(text, 2, length)) {
        return 0;
    }
    return length;
}

bool is_control(std::string_view character)
{
    if (character.size() == 1) {
        return within(character[0], 0x00, 0x1F) || character[0] == 0x7F;
    }
    return character.size() == 2 && within(character[0], 0xC2, 0xC2) && within(character[1], 0x80, 0x9F);
}

std::string valid_utf8(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto length = utf8_length(text.substr(at));
        if (length == 0) {
            out += "\xEF\xBF\xBD";
            ++at;
        } else {
            out += text.substr(at, length);
            at += length;
        }
    }
    return out;
}

}  // namespace penstock
