// SPDX-License-Identifier: Apache-2.0
//
// Columns beyond the first two count by their names: valid_until (rolvaliduntil, valuntil) and rolcanlogin.
#include "control/look_up_answer.hpp"

#include "control/userlist.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <utility>

namespace penstock::control {
namespace {

using sys_time = std::chrono::system_clock::time_point;

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

/// The value of the first column after the second that has one of these names, or nullptr.
const sql_value* value_named(const sql_answer& answer, std::initializer_list<std::string_view> names)
{
    const auto& row = answer.rows.front();
    for (std::size_t at = 2; at < std::min(row.size(), answer.columns.size()); ++at) {
        if (std::find(names.begin(), names.end(), answer.columns[at]) != names.end()) {
            return &row[at];
        }
    }
    return nullptr;
}

/// Takes numbers and separators off the front of a text; remembers its first failure.
class time_reader {
public:
    explicit time_reader(std::string_view text) : rest_{text} {}

    /// Between `least` and `most` digits, of a value up to `largest`.
    int number(std::size_t least, std::size_t most, int largest)
    {
        const auto digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
        int value = 0;
        if (digits < least || digits > most) {
            failed_ = true;
            return 0;
        }
        std::from_chars(rest_.data(), rest_.data() + digits, value);
        rest_.remove_prefix(digits);
        failed_ = failed_ || value > largest;
        return value;
    }
    bool take(char expected)
    {
        const bool there = rest_.starts_with(expected);
        rest_.remove_prefix(there ? 1 : 0);
        return there;
    }
    void must_take(char expected) { failed_ = !take(expected) || failed_; }
    void skip_digits() { rest_.remove_prefix(std::min(rest_.find_first_not_of("0123456789"), rest_.size())); }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] bool failed() const { return failed_; }

private:
    std::string_view rest_;
    bool failed_ = false;
};

std::chrono::seconds read_offset(time_reader& in)
{
    const int sign = in.take('+') ? 1 : in.take('-') ? -1 : 0;
    if (sign == 0) {
        return {};
    }
    std::chrono::seconds offset = std::chrono::hours{in.number(2, 2, 15)};
    if (in.take(':')) {
        offset += std::chrono::minutes{in.number(2, 2, 59)};
    }
    if (in.take(':')) {
        offset += std::chrono::seconds{in.number(2, 2, 59)};
    }
    return offset * sign;
}

std::chrono::seconds read_time_of_day(time_reader& in)
{
    std::chrono::seconds time = std::chrono::hours{in.number(2, 2, 24)};
    in.must_take(':');
    time += std::chrono::minutes{in.number(2, 2, 59)};
    in.must_take(':');
    time += std::chrono::seconds{in.number(2, 2, 60)};
    if (in.take('.')) {
        in.skip_digits();
    }
    return time - read_offset(in);
}

/// What the secret and the name in the row say; the columns that restrict it are judged by the caller.
look_up_verdict judge_secret(const sql_row& row, const std::string& user, auth_method default_method)
{
    if (row[0] != user) {
        return absent("auth_query answered with another user's name");
    }
    if (!row[1]) {
        return absent();
    }
    look_up_verdict verdict;
    verdict.how = look_up_verdict::kind::found;
    verdict.user.record.exists = true;
    verdict.user.record.method = fitting_method(*row[1], default_method);
    verdict.user.record.stored = secret{*row[1]};
    return verdict;
}

/// The server's complaint is about the value: such a name cannot be a role's.
bool is_about_the_name(const std::string& sqlstate)
{
    return sqlstate.starts_with("22");
}

}  // namespace

look_up_verdict judge(const sql_answer& answer, const std::string& user, auth_method default_method)
{
    if (!answer.ok()) {
        return is_about_the_name(answer.sqlstate) ? absent() : unavailable(answer.fault);
    }
    if (answer.rows.empty()) {
        return absent();
    }
    if (answer.rows.size() > 1 || answer.rows.front().size() < 2) {
        return unavailable("auth_query must answer one row of name and secret");
    }
    auto verdict = judge_secret(answer.rows.front(), user, default_method);
    if (const auto* can_login = value_named(answer, {"rolcanlogin"}); can_login != nullptr && *can_login != "t") {
        return absent();
    }
    const auto* until = value_named(answer, {"valid_until", "rolvaliduntil", "valuntil"});
    if (verdict.how == look_up_verdict::kind::found && until != nullptr && until->has_value()) {
        verdict.user.valid_until = read_timestamp(**until);
        if (!verdict.user.valid_until) {
            return absent("auth_query's valid_until is no ISO timestamp, so nobody is let in by it");
        }
    }
    return verdict;
}

std::optional<sys_time> read_timestamp(std::string_view text)
{
    if (text == "infinity") {
        return sys_time::max();
    }
    if (text == "-infinity" || text.ends_with(" BC")) {
        return sys_time::min();
    }
    time_reader in{text};
    const std::chrono::year year{in.number(4, 6, 294'276)};
    in.must_take('-');
    const std::chrono::month month{static_cast<unsigned>(in.number(2, 2, 12))};
    in.must_take('-');
    const std::chrono::day day{static_cast<unsigned>(in.number(2, 2, 31))};
    const auto time = in.take(' ') ? read_time_of_day(in) : std::chrono::seconds{};
    if (in.failed() || !in.at_end()) {
        return std::nullopt;
    }
    constexpr std::chrono::year first_year{1970};  // what lies before is past, whenever exactly
    constexpr std::chrono::year last_year_of_clock{2261};
    if (year < first_year) {
        return sys_time::min();
    }
    if (year > last_year_of_clock) {
        return sys_time::max();
    }
    const std::chrono::year_month_day date{year, month, day};
    if (!date.ok()) {
        return std::nullopt;
    }
    return sys_time{std::chrono::sys_days{date}} + time;
}

auth_method fitting_method(std::string_view stored, auth_method preferred)
{
    return preferred == auth_method::scram_sha_256 && is_md5_hash(stored) ? auth_method::md5 : preferred;
}

}  // namespace penstock::control
