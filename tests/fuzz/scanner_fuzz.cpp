// SPDX-License-Identifier: Apache-2.0
//
// The scanner gives the same tokens however a text is cut, and a filtered reading gives a part of them. The first octet
// chooses the lexical mode, the second where to cut.
#include "protocols/wire/scanner.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace penstock;

struct seen {
    token_kind kind;
    std::string text;
    bool exact;
    friend bool operator==(const seen&, const seen&) = default;
};

void require(bool claim)
{
    if (!claim) {
        std::abort();
    }
}

bool has_text(token_kind kind)
{
    return kind != token_kind::dollar_string && kind != token_kind::other;
}

void feed(scanner& from, bytes chunk, const token_filter& filter, std::vector<seen>& tokens)
{
    for (auto kind = from.next(chunk, filter); kind != token_kind::none; kind = from.next(chunk, filter)) {
        require(from.text().size() <= scanner::most_text);
        const bool quoted = kind == token_kind::string || kind == token_kind::quoted_identifier;
        const bool exact = !quoted || (!from.has_escapes() && !from.has_doubled_quotes());
        tokens.push_back({kind, has_text(kind) ? std::string{from.text()} : std::string{}, exact});
    }
    require(chunk.empty());
}

std::vector<seen> read(std::string_view text, std::size_t stride, lexical_mode mode, const token_filter& filter)
{
    scanner from;
    from.begin(mode);
    std::vector<seen> tokens;
    for (std::size_t at = 0; at < text.size(); at += stride) {
        feed(from, text.substr(at, stride), filter, tokens);
    }
    feed(from, "\n", filter, tokens);
    tokens.push_back({token_kind::none, from.is_lost() ? "lost" : from.is_inside() ? "inside" : "", from.depth() == 0});
    return tokens;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2) {
        return 0;
    }
    const lexical_mode mode{.backslash_escapes = (data[0] & 1U) != 0};
    const std::string_view text{reinterpret_cast<const char*>(data) + 2, size - 2};
    const auto whole = read(text, text.size() + 1, mode, every_token);
    require(read(text, 1, mode, every_token) == whole);
    require(read(text, data[1] % 16U + 1U, mode, every_token) == whole);

    token_filter filter{.kinds = kinds_of({token_kind::identifier, token_kind::semicolon})};
    auto wanted = whole;
    std::erase_if(wanted, [](const seen& token) {
        return token.kind != token_kind::identifier && token.kind != token_kind::semicolon &&
               token.kind != token_kind::none;
    });
    require(read(text, text.size() + 1, mode, filter) == wanted);
    require(read(text, data[1] % 16U + 1U, mode, filter) == wanted);
    for (const auto& token : whole) {
        require(decode_name(token.text, token.kind == token_kind::quoted_identifier).size() <= longest_name);
    }
    return 0;
}
