// SPDX-License-Identifier: Apache-2.0
//
// A stored text of no known form would count as a password in clear. In authentication_string it is none: MariaDB
// writes "invalid" there for an account that nobody may log in to.
#include "control/mysql_look_up.hpp"

#include "protocols/mysql/auth_secret.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

namespace penstock::control {
namespace {

using form = mysql::stored_secret::form;

look_up_verdict absent(std::string reason = {})
{
    look_up_verdict verdict;
    verdict.how = look_up_verdict::kind::absent;
    verdict.reason = std::move(reason);
    return verdict;
}

look_up_verdict unavailable(std::string reason)
{
    look_up_verdict verdict;
    verdict.reason = std::move(reason);
    return verdict;
}

/// ASCII only, as the names of columns that matter here are.
bool same_name(std::string_view left, std::string_view right)
{
    const auto lower = [](char each) { return each >= 'A' && each <= 'Z' ? static_cast<char>(each + 32) : each; };
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), [lower](char one, char other) {
        return lower(one) == lower(other);
    });
}

std::optional<std::size_t> place_of(const sql_answer& answer, std::initializer_list<std::string_view> names)
{
    for (const auto name : names) {
        for (std::size_t place = 0; place < answer.columns.size(); ++place) {
            if (same_name(answer.columns[place], name)) {
                return place;
            }
        }
    }
    return std::nullopt;
}

/// Where in a row which fact stands.
struct layout {
    std::size_t secret = 0;
    std::optional<std::size_t> plugin{};
    std::optional<std::size_t> user{};
    std::optional<std::size_t> locked{};
    std::optional<std::size_t> expired{};
    bool may_be_clear = false;
};

layout layout_of(const sql_answer& answer)
{
    const auto hash = place_of(answer, {"authentication_string"});
    layout found;
    found.secret = hash.value_or(place_of(answer, {"secret", "password"}).value_or(0));
    found.plugin = place_of(answer, {"plugin"});
    found.user = place_of(answer, {"user"});
    found.locked = place_of(answer, {"account_locked"});
    found.expired = place_of(answer, {"password_expired"});
    found.may_be_clear = !hash && !found.plugin;
    return found;
}

bool says_yes(const sql_row& row, std::optional<std::size_t> place)
{
    return place && row[*place] && *row[*place] != "N" && *row[*place] != "0";
}

/// The form that a server's method stores; nothing for a method that we cannot check.
std::optional<form> form_for(std::string_view plugin)
{
    if (plugin.empty() || plugin == "mysql_native_password") {
        return form::native;
    }
    if (plugin == "caching_sha2_password") {
        return form::sha2;
    }
    return plugin == "ed25519" ? std::optional{form::ed25519} : std::nullopt;
}

/// The secret as auth_secret.hpp knows it; the verdict where there is none that counts.
struct secret_found {
    secret stored{};
    std::optional<look_up_verdict> fault{};
};

secret_found refuse(std::string reason)
{
    secret_found none;
    none.fault = absent(std::move(reason));
    return none;
}

secret_found read_secret(const sql_row& row, const layout& where)
{
    auto text = row[where.secret].value_or("");
    if (text.empty()) {
        return refuse("");
    }
    secret_found found;
    if (!where.plugin) {
        if (!where.may_be_clear && mysql::parse_secret(text).kind == form::clear) {
            return refuse("auth_query's authentication_string is of no known form; add the column plugin");
        }
        found.stored = secret{text};
        return found;
    }
    const auto wanted = form_for(row[*where.plugin].value_or(""));
    if (!wanted) {
        return refuse("the user's authentication plugin on the server cannot be served from auth_query");
    }
    if (wanted == form::ed25519) {
        text.insert(0, "ed25519:");
    }
    if (mysql::parse_secret(text).kind != wanted) {
        return refuse("auth_query's secret is not of the form that its plugin stores");
    }
    found.stored = secret{text};
    return found;
}

}  // namespace

look_up_verdict judge_mysql(const sql_answer& answer, const std::string& user, auth_method default_method)
{
    if (!answer.ok()) {
        return unavailable(answer.fault);
    }
    const auto where = layout_of(answer);
    std::optional<look_up_verdict> verdict;
    for (const auto& row : answer.rows) {
        if (row.empty() || row.size() != answer.columns.size()) {
            return unavailable("auth_query's answer is not understood");
        }
        if (where.user && row[*where.user] != user) {
            return absent("auth_query answered with another user's name");
        }
        if (says_yes(row, where.locked) || says_yes(row, where.expired)) {
            continue;
        }
        auto found = read_secret(row, where);
        if (found.fault) {
            verdict = verdict ? verdict : found.fault;
            continue;
        }
        if (verdict && verdict->how == look_up_verdict::kind::found && !(verdict->user.record.stored == found.stored)) {
            return unavailable("auth_query answered several accounts with different secrets; choose by host as well");
        }
        verdict.emplace();
        verdict->how = look_up_verdict::kind::found;
        verdict->user.record.exists = true;
        verdict->user.record.method = default_method;
        verdict->user.record.stored = std::move(found.stored);
    }
    return verdict ? std::move(*verdict) : absent();
}

}  // namespace penstock::control
