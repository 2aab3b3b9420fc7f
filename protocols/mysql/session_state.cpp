// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/session_state.hpp"

#include "protocols/mysql/capabilities.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace penstock::mysql {

namespace {

constexpr std::size_t most_entries = 200;
constexpr std::size_t longest_entry = 16 * 1024;

template <std::size_t Count>
bool is_in(std::string_view name, const std::string_view (&names)[Count])
{
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

/// Reported, yet nothing a session sets: counters and views of other state.
constexpr std::string_view not_carried[] = {"statement_id",
                                            "last_insert_id",
                                            "identity",
                                            "warning_count",
                                            "error_count",
                                            "redirect_url",
                                            "last_gtid",
                                            "in_transaction"};

/// Of use to the next statement only, or of a meaning that a second SET would change.
constexpr std::string_view not_carriable[] = {"insert_id",
                                              "gtid_next",
                                              "pseudo_thread_id",
                                              "pseudo_slave_mode",
                                              "pseudo_replica_mode",
                                              "gtid_seq_no",
                                              "skip_replication",
                                              "debug",
                                              "original_commit_timestamp",
                                              "proxy_user",
                                              "wsrep_on"};

/// What a client's login sets by the number of a collation.
constexpr std::string_view of_login[] = {"character_set_client", "character_set_results", "collation_connection"};

constexpr std::string_view of_context[] = {
    "=schema", "character_set_client", "character_set_connection", "collation_connection", "sql_mode"};

bool is_number(std::string_view value)
{
    const auto digits = value.starts_with('-') ? value.substr(1) : value;
    return !digits.empty() && digits.find_first_not_of("0123456789.") == std::string_view::npos &&
           digits.front() != '.' && std::count(digits.begin(), digits.end(), '.') <= 1;
}

/// NULL keeps the type of what a variable held before, which may be another session's: so it is made a text first.
std::string null_variable(const std::string& quoted_name)
{
    return "@" + quoted_name + "='',@" + quoted_name + "=NULL";
}

/// MySQL (seen with 9.7.4) takes DEFAULT for OFF in these two, whatever the global value is.
constexpr std::string_view of_odd_default[] = {"foreign_key_checks", "unique_checks"};

std::string assignment(std::string_view name, const std::string* value)
{
    if (name.starts_with('@')) {
        const auto quoted = quote_name(name.substr(1));
        const bool is_null = value == nullptr || lower_case(*value) == "null";
        return is_null ? null_variable(quoted) : "@" + quoted + "=" + *value;
    }
    std::string text{"@@session."};
    text.append(name).append("=");
    if (value == nullptr) {
        return is_in(name, of_odd_default) ? text.append("@@global.").append(name) : text + "DEFAULT";
    }
    return text + (name == "character_set_results" && value->empty() ? "NULL" : quote_value(*value));
}

/// These two are one: setting the first also sets the second to a default.
bool is_connection_charset(std::string_view name)
{
    return name == "character_set_connection" || name == "collation_connection";
}

void add_assignment(std::string& list, const std::string& text)
{
    list.append(list.empty() ? "" : ",").append(text);
}

bool differs(const parameter_set& from, const parameter_set& to, std::string_view name)
{
    const auto* const left = from.find(name);
    const auto* const right = to.find(name);
    return (left == nullptr) != (right == nullptr) || (left != nullptr && *left != *right);
}

/// The number of a collation that MariaDB does not take in the place of a character set's name, as MySQL does: it takes
/// those of default collations only. Empty where none has to be set.
std::string collation_of_login(const parameter_set& from, const parameter_set& to)
{
    static constexpr std::string_view usual_defaults[] = {"8", "33", "45", "63"};
    for (const auto& name : of_login) {
        const auto* const value = to.find(name);
        if (value != nullptr && is_number(*value) && differs(from, to, name) && !is_in(*value, usual_defaults)) {
            return *value;
        }
    }
    return {};
}

/// As a login with that collation sets them: all three, and the collation itself stands for the character set.
void add_login_with(std::string_view collation, std::vector<std::string>& commands)
{
    const auto query = [&](std::string_view text) {
        commands.push_back(static_cast<char>(command::query) + std::string{text});
    };
    query("SET @@session.collation_connection=" + std::string{collation});
    query("EXECUTE IMMEDIATE CONCAT('SET NAMES ',@@character_set_connection,' COLLATE ',@@collation_connection)");
}

}  // namespace

std::string clear_variable(std::string_view name)
{
    return assignment("@" + std::string{name}, nullptr);
}

std::string quote_name(std::string_view name)
{
    std::string text{"`"};
    for (const char octet : name) {
        text.append(octet == '`' ? 2 : 1, octet);
    }
    return text + '`';
}

std::string quote_value(std::string_view value)
{
    if (is_number(value)) {
        return std::string{value};
    }
    const bool is_plain = std::all_of(value.begin(), value.end(), [](char octet) {
        return octet >= ' ' && octet < 127 && octet != '\'' && octet != '\\';
    });
    if (is_plain) {
        return "'" + std::string{value} + "'";
    }
    constexpr char digits[] = "0123456789abcdef";
    std::string text{"_utf8mb4 X'"};
    for (const char octet : value) {
        const auto number = static_cast<unsigned char>(octet);
        text.push_back(digits[number >> 4]);
        text.push_back(digits[number & 15]);
    }
    return text + "'";
}

void session_state::reset()
{
    const auto before = std::exchange(current_, startup_);
    for (const auto& name : {schema_entry, multi_statements_entry}) {
        if (const auto* const value = before->find(name)) {
            set(name, *value);
        } else {
            erase(name);
        }
    }
    asks_collation_ = false;
    was_reset_ = true;
}

void session_state::on_server(bool is_mariadb)
{
    if (std::exchange(was_reset_, false) && !is_mariadb) {
        forget_numbered_collation();
    }
}

bool session_state::forget_numbered_collation()
{
    bool found = false;
    for (const auto& name : of_login) {
        const auto* const value = current_->find(name);
        if (value != nullptr && is_number(*value)) {
            found = true;
            erase(name);
            startup_ = startup_->without(name);
        }
    }
    return found;
}

std::string_view session_state::numbered_collation() const
{
    for (const auto& name : of_login) {
        const auto* const value = current_->find(name);
        if (value != nullptr && is_number(*value)) {
            return *value;
        }
    }
    return {};
}

pin_set session_state::note(const session_change& change, const text_effects* effects)
{
    if (change.kind == change_kind::schema) {
        if (change.name.empty()) {  // it was dropped, and no command un-chooses one elsewhere
            erase(schema_entry);
            return pin_reason::unknown_setting;
        }
        set(schema_entry, change.name);
        return {};
    }
    const auto name = lower_case(change.name);
    if (is_in(name, not_carried)) {
        return {};
    }
    if (effects != nullptr &&
        std::find(effects->for_one.begin(), effects->for_one.end(), name) != effects->for_one.end()) {
        return {};  // its value from before is back by now
    }
    if (name == "timestamp" && effects != nullptr && effects->timestamp_default) {
        erase(name);
        return {};
    }
    if (name.starts_with("rand_seed")) {
        return pin_reason::setseed;
    }
    const bool harmless = name == "gtid_next" && change.value == "AUTOMATIC";
    if (is_in(name, not_carriable) || change.value.size() > longest_entry || name.find('.') != std::string::npos) {
        return harmless ? pin_set{} : pin_set{pin_reason::unknown_setting};
    }
    if (name == "character_set_connection") {
        erase("collation_connection");
        asks_collation_ = true;
    } else if (name == "collation_connection") {
        erase("character_set_connection");
        asks_collation_ = false;
    }
    set(name, change.value);
    return is_too_large() ? pin_set{pin_reason::unknown_setting} : pin_set{};
}

pin_set session_state::note_user_variables(const text_effects& effects)
{
    for (const auto& [name, literal] : effects.user_variables) {
        set("@" + name, literal);
    }
    return is_too_large() ? pin_set{pin_reason::user_variable} : pin_set{};
}

bool session_state::is_too_large() const
{
    return current_->entries().size() > most_entries;
}

namespace {

/// By the numbers that logins name; those of one product alone are not among them.
bool is_collation_of_utf8(unsigned number)
{
    const auto within = [number](unsigned first, unsigned last) { return number >= first && number <= last; };
    return number == 33 || number == 83 || within(45, 46) || within(192, 215) || within(223, 247) || within(255, 323);
}

}  // namespace

sql_reading session_state::reading(std::string_view default_sql_mode) const
{
    const auto* const own = current_->find("sql_mode");
    const std::string_view mode = own != nullptr ? std::string_view{*own} : default_sql_mode;
    sql_reading how;
    how.no_backslash_escapes = mode.find("NO_BACKSLASH_ESCAPES") != std::string_view::npos;
    how.ansi_quotes = mode.find("ANSI_QUOTES") != std::string_view::npos;
    if (const auto* const charset = current_->find("character_set_client")) {
        static constexpr std::string_view ambiguous[] = {"big5", "cp932", "gb18030", "gbk", "sjis"};
        static constexpr unsigned ambiguous_collations[] = {1, 13, 28, 84, 87, 88, 95, 96, 248, 249, 250};
        unsigned number = 0;
        std::from_chars(charset->data(), charset->data() + charset->size(), number);
        how.ambiguous = is_in(*charset, ambiguous) ||
                        std::find(std::begin(ambiguous_collations), std::end(ambiguous_collations), number) !=
                            std::end(ambiguous_collations);
        how.utf8 = charset->starts_with("utf8") || is_collation_of_utf8(number);
    }
    return how;
}

parameter_set_ptr session_state::context() const
{
    parameter_list kept;
    for (const auto& name : of_context) {
        if (const auto* const value = current_->find(name)) {
            kept.emplace_back(name, *value);
        }
    }
    return parameter_set::of(kept);
}

parameter_set_ptr with_context(const parameter_set_ptr& base, const parameter_set& context)
{
    auto made = base;
    for (const auto& name : of_context) {
        const auto* const wanted = context.find(name);
        if (differs(*base, context, name)) {
            made = wanted != nullptr ? made->with(name, *wanted) : made->without(name);
        }
    }
    return made;
}

std::optional<std::vector<std::string>> catch_up_commands(const parameter_set& from,
                                                          const parameter_set& to,
                                                          const told_server& server)
{
    std::vector<std::string> commands;
    if (differs(from, to, schema_entry)) {
        const auto* const wanted = to.find(schema_entry);
        const std::string_view schema = wanted != nullptr ? std::string_view{*wanted} : server.initial_schema;
        if (schema.empty()) {
            return std::nullopt;
        }
        commands.push_back(static_cast<char>(command::init_db) + std::string{schema});
    }
    if (differs(from, to, multi_statements_entry)) {
        const bool on = to.find(multi_statements_entry) != nullptr;
        commands.push_back(static_cast<char>(command::set_option) + std::string{on ? '\0' : '\1', '\0'});
    }
    const auto login = server.is_mariadb ? collation_of_login(from, to) : std::string{};
    if (!login.empty()) {
        add_login_with(login, commands);
    }
    const auto is_set_by_login = [&](std::string_view name) { return !login.empty() && is_in(name, of_login); };
    std::string assignments;
    std::string user_variables;
    const bool charset_differs =
        differs(from, to, "character_set_connection") || differs(from, to, "collation_connection") || !login.empty();
    const auto add = [&](const std::string& name, const std::string* value) {
        if (name.starts_with('=')) {
            return;
        }
        add_assignment(name.starts_with('@') ? user_variables : assignments, assignment(name, value));
    };
    for (const auto& [name, value] : from.entries()) {
        const bool gone = to.find(name) == nullptr;
        if (gone && !is_connection_charset(name)) {
            add(name, nullptr);
        }
    }
    if (charset_differs && to.find("character_set_connection") == nullptr &&
        to.find("collation_connection") == nullptr) {
        add("collation_connection", nullptr);
    }
    for (const auto& [name, value] : to.entries()) {
        if (is_set_by_login(name) && value == login) {
            continue;
        }
        if (is_connection_charset(name) ? charset_differs : differs(from, to, name) || is_set_by_login(name)) {
            add(name, &value);
        }
    }
    if (!assignments.empty()) {
        commands.push_back(static_cast<char>(command::query) + ("SET " + assignments));
    }
    if (!user_variables.empty()) {  // behind the character set under which their literals are read
        commands.push_back(static_cast<char>(command::query) + ("SET " + user_variables));
    }
    return commands;
}

}  // namespace penstock::mysql
