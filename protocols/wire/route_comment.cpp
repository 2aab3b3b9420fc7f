// SPDX-License-Identifier: Apache-2.0
#include "protocols/wire/route_comment.hpp"

#include "protocols/wire/parameter_set.hpp"

#include <algorithm>
#include <array>

namespace penstock {

namespace {

constexpr std::string_view ours = "penstock";
constexpr std::array<std::string_view, 3> pair_names{"penstock_route", "penstock_node", "penstock_no_retry"};
/// Longer names of nodes there are none.
constexpr std::size_t longest_node = 300;

void take_route(route_hint what, std::string_view node, route_comment& found)
{
    if (found.hint != route_hint::none || (what == route_hint::node && (node.empty() || node.size() > longest_node))) {
        found.is_wrong = true;
        return;
    }
    found.hint = what;
    found.node = node;
}

/// One of the words that both forms have.
void take_word(std::string_view word, route_comment& found)
{
    constexpr std::string_view node = "node=";
    if (word == "primary") {
        take_route(route_hint::primary, {}, found);
    } else if (word == "replica") {
        take_route(route_hint::replica, {}, found);
    } else if (word.starts_with(node)) {
        take_route(route_hint::node, word.substr(node.size()), found);
    } else if (word == "no_retry") {
        found.no_retry = true;
    } else {
        found.is_wrong = true;
    }
}

route_comment read_words(std::string_view words)
{
    constexpr std::string_view between = " \t\r\n,;*";
    route_comment found;
    for (auto from = words.find_first_not_of(between); from != std::string_view::npos;) {
        const auto to = std::min(words.find_first_of(between, from), words.size());
        take_word(words.substr(from, to - from), found);
        from = words.find_first_not_of(between, to);
    }
    found.is_wrong = found.is_wrong || (found.hint == route_hint::none && !found.no_retry);
    return found;
}

int digit_of(char octet)
{
    const char lower = static_cast<char>(octet | 0x20);
    return octet >= '0' && octet <= '9' ? octet - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string percent_decoded(std::string_view text)
{
    std::string out;
    for (std::size_t place = 0; place < text.size(); ++place) {
        const bool is_encoded = text[place] == '%' && place + 2 < text.size() && digit_of(text[place + 1]) >= 0 &&
                                digit_of(text[place + 2]) >= 0;
        out.push_back(is_encoded ? static_cast<char>(digit_of(text[place + 1]) * 16 + digit_of(text[place + 2]))
                                 : text[place]);
        place += is_encoded ? 2 : 0;
    }
    return out;
}

/// The pair of ours that stands at the beginning of `text`: its name, or nothing.
std::string_view pair_at(std::string_view text)
{
    for (const auto name : pair_names) {
        if (text.starts_with(name) && text.substr(name.size()).starts_with("='")) {
            return name;
        }
    }
    return {};
}

void take_pair(std::string_view name, std::string_view value, route_comment& found)
{
    if (value.size() > longest_node) {
        found.is_wrong = true;
        return;
    }
    const auto text = percent_decoded(value);
    if (name == pair_names[1]) {
        take_route(route_hint::node, text, found);
    } else if (name == pair_names[0]) {
        const bool is_route = text == "primary" || text == "replica";
        is_route ? take_word(text, found) : void(found.is_wrong = true);
    } else {
        found.no_retry = found.no_retry || text == "true";
        found.is_wrong = found.is_wrong || (text != "true" && text != "false");
    }
}

route_comment read_pairs(std::string_view pairs)
{
    route_comment found;
    while (!pairs.empty()) {
        const auto name = pair_at(pairs);
        pairs.remove_prefix(name.size() + (name.empty() ? 0 : 2));
        const auto end = pairs.find('\'');
        if (name.empty() || end == std::string_view::npos) {
            found.is_wrong = true;
            break;
        }
        take_pair(name, pairs.substr(0, end), found);
        pairs = hint_in(pairs.substr(end + 1));
    }
    return found;
}

}  // namespace

std::string_view hint_in(std::string_view comment)
{
    for (auto place = comment.find(ours); place != std::string_view::npos; place = comment.find(ours, place + 1)) {
        const auto rest = comment.substr(place);
        if (rest.substr(ours.size()).starts_with(':') || !pair_at(rest).empty()) {
            return rest;
        }
    }
    return {};
}

std::optional<route_hint> read_route_setting(std::string_view value)
{
    const auto word = lower_case(value);
    return word == "auto"      ? std::optional{route_hint::none}
           : word == "primary" ? std::optional{route_hint::primary}
           : word == "replica" ? std::optional{route_hint::replica}
                               : std::nullopt;
}

route_comment read_route_comment(std::string_view comment)
{
    constexpr std::size_t with_colon = ours.size() + 1;
    return comment.substr(0, with_colon).ends_with(':') ? read_words(comment.substr(with_colon)) : read_pairs(comment);
}

}  // namespace penstock
