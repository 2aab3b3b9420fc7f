// SPDX-License-Identifier: Apache-2.0
#include "settings/document.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <type_traits>

namespace penstock::settings {

namespace {

position place_of(const toml::source_region& region)
{
    return {region.begin.line, region.begin.column};
}

value translated(const toml::node& from);

void translate(const toml::table& from, value& to)
{
    to.is = value::type::table;
    for (const auto& [key, content] : from) {
        to.members.push_back({std::string{key.str()}, place_of(key.source()), translated(content)});
    }
    std::stable_sort(to.members.begin(), to.members.end(), [](const member& left, const member& right) {
        return left.where < right.where;
    });
}

void translate(const toml::array& from, value& to)
{
    to.is = value::type::list;
    for (const auto& item : from) {
        to.items.push_back(translated(item));
    }
}

template <class T>
void translate(const toml::value<T>& from, value& to)
{
    if constexpr (std::is_same_v<T, std::string>) {
        to.is = value::type::text;
        to.text = from.get();
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
        to.is = value::type::integer;
        to.integer = from.get();
    } else if constexpr (std::is_same_v<T, bool>) {
        to.is = value::type::flag;
        to.flag = from.get();
    } else if constexpr (std::is_same_v<T, double>) {
        to.is = value::type::real;
    } else {
        to.is = value::type::date_or_time;
    }
}

value translated(const toml::node& from)
{
    value to;
    to.where = place_of(from.source());
    from.visit([&to](const auto& typed) { translate(typed, to); });
    return to;
}

/// toml++ quotes what it stumbled over, which may be part of a password written without quotes: that is taken out.
std::string sentence_for(std::string_view description)
{
    constexpr std::string_view opening = "Error while parsing ";
    if (description.starts_with(opening)) {
        description.remove_prefix(opening.size());
    }
    std::string text{description.substr(0, description.find(", saw "))};
    const auto quoted = text.find('\'');
    const bool is_harmless = text.find("redefine") != std::string::npos || text.find("expected '") != std::string::npos;
    if (quoted != std::string::npos && !is_harmless) {
        const auto end = text.rfind('\'');
        text.replace(quoted, end - quoted + 1, "this");
    }
    return "not TOML: " + text;
}

std::string remedy_for(std::string_view description)
{
    for (const auto* sign : {"determine value type", "value-terminator", "parsing boolean", "parsing string"}) {
        if (description.find(sign) != std::string_view::npos) {
            return "write texts in double quotes";
        }
    }
    if (description.find("redefine") != std::string_view::npos) {
        return "keep one of the two";
    }
    return "";
}

}  // namespace

std::string_view name_of(value::type is)
{
    switch (is) {
        case value::type::text: return "a text";
        case value::type::integer: return "a whole number";
        case value::type::real: return "a fraction";
        case value::type::flag: return "true or false";
        case value::type::date_or_time: return "a date or time";
        case value::type::list: return "a list";
        case value::type::table: return "a table";
    }
    return "something else";
}

std::optional<value> parse_document(std::string_view toml, const std::string& file, fault_list& faults)
{
    try {
        return translated(toml::parse(toml));
    } catch (const toml::parse_error& error) {
        faults.push_back(
            {file, place_of(error.source()), sentence_for(error.description()), remedy_for(error.description())});
        return std::nullopt;
    }
}

}  // namespace penstock::settings
