// SPDX-License-Identifier: Apache-2.0
#include "protocols/wire/known_texts.hpp"

#include <algorithm>
#include <cstring>

namespace penstock {

namespace {

using octets = std::uint8_t __attribute__((vector_size(16)));
using pairs = std::uint16_t __attribute__((vector_size(16)));

constexpr std::size_t width = sizeof(octets);

constexpr bool is_digit(char octet)
{
    return octet >= '0' && octet <= '9';
}

octets load(const char* from)
{
    octets loaded;
    std::memcpy(&loaded, from, sizeof loaded);
    return loaded;
}

/// Of each pair the squares of both, and of digits nothing.
pairs squares_of(octets some)
{
    const auto digits = reinterpret_cast<octets>((some - '0') < 10);
    const auto both = reinterpret_cast<pairs>(some & ~digits);
    const pairs low = both & 0xff;
    const pairs high = both >> 8;
    return low * low + high * high;
}

std::uint16_t sum_of(pairs all)
{
    std::array<std::uint64_t, 2> two{};
    std::memcpy(two.data(), &all, sizeof all);
    std::uint16_t sum = 0;
    for (const auto four : two) {
        sum = static_cast<std::uint16_t>(sum + four + (four >> 16) + (four >> 32) + (four >> 48));
    }
    return sum;
}

/// A sum over everything up to the first string but its digits, wherever it stands: equal for all texts that one
/// pattern fits.
std::uint16_t key_of(std::string_view text)
{
    // Behind so many octets of these, all are ones.
    alignas(width) static constexpr std::array<unsigned char, 2 * width> masks = [] {
        std::array<unsigned char, 2 * width> all{};
        std::fill(all.begin() + width, all.end(), 0xff);
        return all;
    }();
    text = text.substr(0, text.find('\''));
    pairs sum{};
    if (text.size() < width) {
        std::array<char, width> padded{};
        std::memcpy(padded.data(), text.data(), text.size());
        return sum_of(squares_of(load(padded.data())));
    }
    std::size_t at = 0;
    for (; at + width <= text.size(); at += width) {
        sum += squares_of(load(text.data() + at));
    }
    const auto last = load(text.data() + text.size() - width);  // of which some are counted
    return sum_of(sum + squares_of(last & load(reinterpret_cast<const char*>(masks.data()) + (text.size() - at))));
}

/// Behind the digits that stand there, or null where there is none.
const char* behind_number(const char* at, const char* end)
{
    const char* const from = at;
    while (at != end && is_digit(*at)) {
        ++at;
    }
    return at != from ? at : nullptr;
}

/// At the closing quote of what is inside of a string, or null where that is not plain.
const char* end_of_string(const char* at, const char* end, char quote)
{
    const std::string_view rest{at, end};
    const auto length = rest.find(quote);
    const bool is_plain = length != std::string_view::npos && rest.substr(length + 1, 1) != rest.substr(length, 1) &&
                          rest.substr(0, length).find('\\') == std::string_view::npos;
    return is_plain ? at + length : nullptr;
}

}  // namespace

bool known_texts::pattern::fits(std::string_view text) const
{
    const char* at = text.data();
    const char* const end = at + text.size();
    std::size_t done = 0;
    for (const auto& next : gaps) {
        const std::size_t length = next.at - done;
        if (static_cast<std::size_t>(end - at) < length || std::memcmp(at, fixed.data() + done, length) != 0) {
            return false;
        }
        at += length;
        at = next.quote == '\0' ? behind_number(at, end) : end_of_string(at, end, next.quote);
        if (at == nullptr) {
            return false;
        }
        done = next.at;
    }
    return std::string_view{at, end} == std::string_view{fixed}.substr(done);
}

known_texts::entry* known_texts::find(std::string_view text, char mode)
{
    if (rows_.empty() || text.empty() || text.size() > longest) {
        return nullptr;
    }
    const auto key = key_of(text);
    auto& among = row_of(key);
    for (std::size_t way = 0; way < ways; ++way) {
        auto& each = among.patterns[way];
        if (among.keys[way] == key && each.mode == mode && each.fits(text)) {
            each.was_used = true;
            return &each.known;
        }
    }
    return nullptr;
}

void known_texts::learn(std::string_view text, char mode, const literal_places& literals, const entry& known)
{
    if (text.empty() || text.size() > longest || !literals.is_fit()) {
        return;
    }
    if (rows_.empty()) {
        rows_.resize(rows);
    }
    const auto key = key_of(text);
    auto* const free = place_for(key);
    if (free == nullptr) {
        return;
    }
    *free = {.mode = mode, .was_used = true, .known = known};
    const char* at = text.data();
    for (const auto& each : literals.all()) {
        free->fixed.append(at, each.from);
        free->gaps.push_back({static_cast<std::uint16_t>(free->fixed.size()), each.quote});
        at = each.to;
    }
    free->fixed.append(at, text.data() + text.size());
}

/// One that nothing is in, or that was not used since somebody else wanted one. Null where all were: whoever wants one
/// next may have it.
known_texts::pattern* known_texts::place_for(std::uint16_t key)
{
    auto& among = row_of(key);
    auto& all = among.patterns;
    const auto unused = std::find_if(all.begin(), all.end(), [](const auto& each) { return !each.was_used; });
    if (unused == all.end()) {
        for (auto& each : all) {
            each.was_used = false;
        }
        return nullptr;
    }
    among.keys[static_cast<std::size_t>(unused - all.begin())] = key;
    return &*unused;
}

std::size_t known_texts::size() const
{
    std::size_t count = 0;
    for (const auto& each : rows_) {
        count += static_cast<std::size_t>(std::count_if(
            each.patterns.begin(), each.patterns.end(), [](const auto& one) { return !one.fixed.empty(); }));
    }
    return count;
}

}  // namespace penstock
