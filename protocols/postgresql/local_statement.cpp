// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/local_statement.hpp"

#include "protocols/postgresql/sql_words.hpp"
#include "protocols/wire/route_comment.hpp"
#include "protocols/wire/scanner.hpp"

#include <algorithm>
#include <array>

namespace penstock::postgresql {

namespace {

/// Longer texts are none of these.
constexpr std::size_t longest_text = 1024;

std::string in_lower_case(std::string_view text)
{
    std::string lower{text};
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char each) { return to_lower(each); });
    return lower;
}

struct item {
    token_kind kind = token_kind::none;
    std::string text{};  ///< names in lower case, strings as they are
};

/// The tokens of a short text that is whole.
class items {
public:
    items(std::string_view text, lexical_mode mode);

    [[nodiscard]] bool is_sound() const { return sound_; }
    [[nodiscard]] bool at_end() const { return at_ == count_; }
    bool take(token_kind kind)
    {
        const bool fits = at_ < count_ && all_[at_].kind == kind;
        at_ += fits ? 1 : 0;
        return fits;
    }
    bool take(std::string_view word)
    {
        const bool fits = at_ < count_ && all_[at_].kind == token_kind::identifier && all_[at_].text == word;
        at_ += fits ? 1 : 0;
        return fits;
    }
    /// A name, with quotes or without.
    bool take_name(std::string_view name)
    {
        const bool fits = at_ < count_ && all_[at_].text == name &&
                          (all_[at_].kind == token_kind::identifier || all_[at_].kind == token_kind::quoted_identifier);
        at_ += fits ? 1 : 0;
        return fits;
    }
    [[nodiscard]] const item& here() const { return all_[at_]; }
    void skip() { ++at_; }

private:
    void add(token_kind kind, const scanner& from);

    std::array<item, 20> all_;
    std::size_t count_ = 0;
    std::size_t at_ = 0;
    bool sound_ = true;
    bool ended_ = false;
};

items::items(std::string_view text, lexical_mode mode)
{
    scanner tokens;
    tokens.begin(mode);
    for (bytes part : {bytes{text}, bytes{"\n"}}) {
        for (auto kind = tokens.next(part); kind != token_kind::none && sound_; kind = tokens.next(part)) {
            add(kind, tokens);
        }
    }
    sound_ = sound_ && !tokens.is_inside() && !tokens.is_lost();
}

void items::add(token_kind kind, const scanner& from)
{
    if (kind == token_kind::semicolon) {
        ended_ = true;
        return;
    }
    constexpr std::array<std::string_view, 5> first{"begin", "start", "set", "reset", "show"};
    const bool has_text = kind == token_kind::string || kind == token_kind::quoted_identifier;
    if (ended_ || count_ == all_.size() ||
        (has_text && (from.is_clipped() || from.has_doubled_quotes() || from.has_escapes()))) {
        sound_ = false;
        return;
    }
    auto& next = all_[count_++];
    next.kind = kind;
    next.text = has_text ? std::string{from.text()} : in_lower_case(from.text());
    if (count_ == 1 && std::find(first.begin(), first.end(), next.text) == first.end()) {
        sound_ = false;  // most texts
    }
}

isolation_level take_level(items& from)
{
    if (from.take("serializable")) {
        return isolation_level::serializable;
    }
    if (from.take("repeatable")) {
        return from.take("read") ? isolation_level::repeatable_read : isolation_level::unstated;
    }
    if (from.take("read")) {
        return from.take("committed")     ? isolation_level::read_committed
               : from.take("uncommitted") ? isolation_level::read_uncommitted
                                          : isolation_level::unstated;
    }
    return isolation_level::unstated;
}

/// One of the modes. False where it is none, or has been said before.
bool take_mode(items& from, transaction_modes& modes)
{
    if (from.take("isolation")) {
        const bool is_first = modes.isolation == isolation_level::unstated;
        modes.isolation = from.take("level") ? take_level(from) : isolation_level::unstated;
        return is_first && modes.isolation != isolation_level::unstated;
    }
    if (from.take("read")) {
        const bool is_first = modes.access == transaction_access::unstated;
        modes.access = from.take("only")    ? transaction_access::read_only
                       : from.take("write") ? transaction_access::read_write
                                            : transaction_access::unstated;
        return is_first && modes.access != transaction_access::unstated;
    }
    const bool negated = from.take("not");
    const bool is_first = !modes.deferrable;
    modes.deferrable = !negated;
    return from.take("deferrable") && is_first;
}

/// All that is left.
bool take_modes(items& from, transaction_modes& modes)
{
    while (!from.at_end()) {
        if (!take_mode(from, modes)) {
            return false;
        }
        if (from.take(token_kind::comma) && from.at_end()) {
            return false;
        }
    }
    return true;
}

bool take_route_name(items& from)
{
    return from.take_name("penstock") && from.take(token_kind::dot) && from.take_name("route");
}

bool take_value(items& from, local_statement& found)
{
    if (from.at_end()) {
        return false;
    }
    const auto& value = from.here();
    const bool is_name = value.kind == token_kind::identifier || value.kind == token_kind::quoted_identifier;
    if (!is_name && value.kind != token_kind::string && value.kind != token_kind::number) {
        return false;
    }
    found.is_default = value.kind == token_kind::identifier && value.text == "default";
    found.value = value.text;
    from.skip();
    return from.at_end();
}

local_statement read_set(items& from)
{
    local_statement found;
    if (from.take("transaction")) {
        const bool sound = !from.at_end() && take_modes(from, found.modes);
        found.kind = sound ? local_kind::set_transaction : local_kind::none;
        return found;
    }
    found.is_local = from.take("local");
    if (!found.is_local) {
        from.take("session");
    }
    if (!take_route_name(from)) {
        return {};
    }
    const bool assigns =
        from.take("to") || (!from.at_end() && from.here().text == "=" && from.take(token_kind::operation));
    found.kind = assigns && take_value(from, found) ? local_kind::set_route : local_kind::none;
    return found;
}

local_statement read_begin(items& from, local_kind kind)
{
    local_statement found{.kind = kind};
    if (!take_modes(from, found.modes)) {
        return {};
    }
    return found;
}

}  // namespace

void transaction_modes::add(const transaction_modes& later)
{
    access = later.access == transaction_access::unstated ? access : later.access;
    isolation = later.isolation == isolation_level::unstated ? isolation : later.isolation;
    deferrable = later.deferrable ? later.deferrable : deferrable;
}

std::string transaction_modes::text() const
{
    constexpr std::array<std::string_view, 5> levels{
        "", "READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
    std::string out = "BEGIN";
    if (isolation != isolation_level::unstated) {
        out.append(" ISOLATION LEVEL ").append(levels[static_cast<std::size_t>(isolation)]);
    }
    if (access != transaction_access::unstated) {
        out += access == transaction_access::read_only ? " READ ONLY" : " READ WRITE";
    }
    if (deferrable) {
        out += *deferrable ? " DEFERRABLE" : " NOT DEFERRABLE";
    }
    return out;
}

local_statement read_local(std::string_view text, lexical_mode mode)
{
    if (text.size() > longest_text) {
        return {};
    }
    items all{text, mode};
    if (!all.is_sound()) {
        return {};
    }
    if (all.take("begin")) {
        all.take("work") || all.take("transaction");
        return read_begin(all, local_kind::begin);
    }
    if (all.take("start")) {
        return all.take("transaction") ? read_begin(all, local_kind::start) : local_statement{};
    }
    if (all.take("set")) {
        return read_set(all);
    }
    const bool resets = all.take("reset");
    const bool is_route = (resets || all.take("show")) && take_route_name(all) && all.at_end();
    return {.kind = !is_route ? local_kind::none : resets ? local_kind::reset_route : local_kind::show_route};
}

std::optional<route_hint> route_of_setting(std::string_view value)
{
    return read_route_setting(value);
}

std::string_view value_of_setting(route_hint route)
{
    return route == route_hint::primary ? "primary" : route == route_hint::replica ? "replica" : "auto";
}

}  // namespace penstock::postgresql
