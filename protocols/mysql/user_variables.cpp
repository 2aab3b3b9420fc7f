// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/user_variables.hpp"

#include "protocols/wire/parameter_set.hpp"
#include "protocols/wire/route_comment.hpp"

namespace penstock::mysql {

namespace {

constexpr std::string_view null_behind = "\nnull";

}  // namespace

carried_variable read_carried(std::string_view entry)
{
    carried_variable out;
    if (entry == null_behind.substr(1)) {
        out.is_null = true;
        return out;
    }
    if (entry.ends_with(null_behind)) {
        out.is_null = true;
        entry.remove_suffix(null_behind.size());
    }
    const auto line = entry.find('\n');
    out.literal = entry.substr(0, line);
    out.collation = line == std::string_view::npos ? std::string_view{} : entry.substr(line + 1);
    return out;
}

std::string carry(std::string_view literal, std::string_view collation, const std::string* before)
{
    if (lower_case(literal) != "null") {
        std::string entry{literal};
        return literal.starts_with('\'') ? entry.append("\n").append(collation) : entry;
    }
    if (before == nullptr) {
        return std::string{null_behind.substr(1)};
    }
    return read_carried(*before).is_null ? *before : *before + std::string{null_behind};
}

std::string quote_name(std::string_view name)
{
    std::string text{"`"};
    for (const char octet : name) {
        text.append(octet == '`' ? 2 : 1, octet);
    }
    return text + '`';
}

std::string assignment_of(std::string_view name, const carried_variable& value)
{
    const auto target = "@" + quote_name(name) + "=";
    const auto text = target + (value.literal.empty() ? std::string{"_binary''"} : std::string{value.literal});
    return value.is_null ? text + "," + target + "NULL" : text;
}

std::string clear_variable(std::string_view name)
{
    return assignment_of(name, {.is_null = true});
}

std::optional<route_hint> route_of_literal(std::string_view literal)
{
    if (lower_case(literal) == "null") {
        return route_hint::none;
    }
    const bool is_text = literal.size() >= 2 && literal.starts_with('\'') && literal.ends_with('\'');
    return is_text ? read_route_setting(literal.substr(1, literal.size() - 2)) : std::nullopt;
}

std::string begin_variable(std::string_view name, std::string_view literal, bool is_mariadb)
{
    if (lower_case(literal) == "null") {
        return clear_variable(name);
    }
    const bool is_number = !literal.starts_with('\'');
    return assignment_of(name, {.literal = is_mariadb && is_number ? "_latin1''" : "''", .is_null = true});
}

}  // namespace penstock::mysql
