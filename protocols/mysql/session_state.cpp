// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/session_state.hpp"

#include "protocols/mysql/capabilities.hpp"
#include "protocols/mysql/user_variables.hpp"

#include <algorithm>
#include <charconv>
#include <map>
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

/// MySQL (seen with 9.7.4) takes DEFAULT for OFF in these two, whatever the global value is.
constexpr std::string_view of_odd_default[] = {"foreign_key_checks", "unique_checks"};

std::string assignment(std::string_view name, const std::string* value)
{
    if (name.starts_with('@')) {
        return value == nullptr ? clear_variable(name.substr(1)) : assignment_of(name.substr(1), read_carried(*value));
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

/// A collation's name, where that of a character set is usual: as SET NAMES ... COLLATE has left it.
bool names_collation(std::string_view name, std::string_view value)
{
    return !is_connection_charset(name) && value.find('_') != std::string_view::npos;
}

/// The collation that the three of a login have to be set to together. By its number where that stands for a character
/// set and MariaDB does not take it, as MySQL does: MariaDB takes those of default collations only. Or by its name.
/// Empty where none has to be set: the connection's own collation can be set by itself.
std::string collation_of_login(const parameter_set& from, const parameter_set& to, bool is_mariadb)
{
    static constexpr std::string_view usual_defaults[] = {"8", "33", "45", "63"};
    for (const auto& name : {"character_set_client", "character_set_results"}) {
        const auto* const value = to.find(name);
        if (value == nullptr || !differs(from, to, name)) {
            continue;
        }
        const bool is_refused = is_mariadb && is_number(*value) && !is_in(*value, usual_defaults);
        if (is_refused || names_collation(name, *value)) {
            return *value;
        }
    }
    return {};
}

void add_query(std::vector<std::string>& commands, std::string_view text)
{
    commands.push_back(static_cast<char>(command::query) + std::string{text});
}

/// As a login with that collation sets them: all three, and the collation itself stands for the character set.
void add_login_with(std::string_view collation, std::vector<std::string>& commands)
{
    if (!is_number(collation)) {
        const std::string charset{collation.substr(0, collation.find('_'))};
        add_query(commands, "SET NAMES " + charset + " COLLATE " + quote_name(collation));
        return;
    }
    add_query(commands, "SET @@session.collation_connection=" + std::string{collation});
    add_query(commands,
              "EXECUTE IMMEDIATE CONCAT('SET NAMES ',@@character_set_connection,' COLLATE ',@@collation_connection)");
}

/// The collation that texts have which are set now; empty: as a login without a number gives it.
std::string_view collation_of_texts(const parameter_set& of)
{
    const auto* const value = of.find("collation_connection");
    return value != nullptr ? std::string_view{*value} : std::string_view{};
}

/// The user variables that differ, each behind the collation it needs. Gives the assignments of those that need the one
/// that the session has, or none. What the others need is not what the session goes on with.
std::string add_user_variables(const parameter_set& from, const parameter_set& to, std::vector<std::string>& commands)
{
    std::string at_the_end;
    std::map<std::string_view, std::string> before;
    for (const auto& [name, value] : from.entries()) {
        if (name.starts_with('@') && to.find(name) == nullptr) {
            add_assignment(at_the_end, assignment(name, nullptr));
        }
    }
    for (const auto& [name, value] : to.entries()) {
        if (name.starts_with('@') && differs(from, to, name)) {
            const auto carried = read_carried(value);
            const bool fits = !carried.is_text() || carried.collation == collation_of_texts(to);
            add_assignment(fits ? at_the_end : before[carried.collation], assignment(name, &value));
        }
    }
    for (const auto& [collation, assignments] : before) {
        const std::string wanted{collation};
        add_query(commands, "SET " + assignment("collation_connection", collation.empty() ? nullptr : &wanted));
        add_query(commands, "SET " + assignments);
    }
    return at_the_end;
}

}  // namespace

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
    names_collation_ = false;
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
    const auto all = current_;
    for (const auto& [name, value] : all->entries()) {  // texts that were set under it
        const auto carried = read_carried(value);
        if (name.starts_with('@') && is_number(carried.collation)) {
            set(name, std::string{carried.literal} + '\n' + (carried.is_null ? "\nnull" : ""));
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
    recollated_ = recollated_ || (effects != nullptr && is_connection_charset(name));
    set(name, change.value);
    return is_too_large() ? pin_set{pin_reason::unknown_setting} : pin_set{};
}

pin_set session_state::note_user_variables(const text_effects& effects, bool recollated)
{
    if (effects.user_variables.empty()) {
        return is_too_large() ? pin_set{pin_reason::user_variable} : pin_set{};
    }
    const bool is_unclear = recollated || (current_->find("character_set_connection") != nullptr &&
                                           current_->find("collation_connection") == nullptr);
    pin_set pins;
    for (const auto& [name, literal] : effects.user_variables) {
        set("@" + name, carry(literal, collation_of_texts(*current_), current_->find("@" + name)));
        if (is_unclear && literal.starts_with('\'')) {
            pins.add(pin_reason::user_variable);
        }
    }
    if (is_too_large()) {
        pins.add(pin_reason::user_variable);
    }
    return pins;
}

void session_state::learn_collation(std::string_view collation)
{
    set("collation_connection", collation);
    if (std::exchange(names_collation_, false)) {
        for (const auto& name : {"character_set_client", "character_set_results"}) {
            const auto* const value = current_->find(name);
            if (value != nullptr && value->size() < collation.size() && collation.starts_with(*value + '_')) {
                set(name, collation);
            }
        }
    }
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
    how.oracle = mode.find("ORACLE") != std::string_view::npos;
    how.ansi_quotes = mode.find("ANSI_QUOTES") != std::string_view::npos;
    if (const auto* const value = current_->find("character_set_client")) {
        const auto charset = value->substr(0, value->find('_'));  // of a collation, too
        static constexpr std::string_view ambiguous[] = {"big5", "cp932", "gb18030", "gbk", "sjis"};
        static constexpr unsigned ambiguous_collations[] = {1, 13, 28, 84, 87, 88, 95, 96, 248, 249, 250};
        unsigned number = 0;
        std::from_chars(charset.data(), charset.data() + charset.size(), number);
        how.ambiguous = is_in(charset, ambiguous) ||
                        std::find(std::begin(ambiguous_collations), std::end(ambiguous_collations), number) !=
                            std::end(ambiguous_collations);
        how.utf8 = charset.starts_with("utf8") || is_collation_of_utf8(number);
    }
    return how;
}

parameter_set_ptr session_state::context(const std::vector<std::string>& variables) const
{
    parameter_list kept;
    for (const auto& name : of_context) {
        if (const auto* const value = current_->find(name)) {
            kept.emplace_back(name, *value);
        }
    }
    for (const auto& name : variables) {
        const auto* const value = current_->find("@" + name);
        kept.emplace_back("@" + name, value != nullptr ? *value : "");
    }
    return parameter_set::of(kept);
}

parameter_set_ptr with_context(const parameter_set_ptr& base, const parameter_set& context, bool with_variables)
{
    auto made = base;
    for (const auto& name : of_context) {
        const auto* const wanted = context.find(name);
        if (differs(*base, context, name)) {
            made = wanted != nullptr ? made->with(name, *wanted) : made->without(name);
        }
    }
    for (const auto& [name, value] : context.entries()) {
        if (with_variables && name.starts_with('@') && differs(*base, context, name)) {
            made = value.empty() ? made->without(name) : made->with(name, value);
        }
    }
    // A collation that stands for a character set is set in all places at once; that of results means nothing here.
    const auto* const client = made->find("character_set_client");
    return client != nullptr && (is_number(*client) || names_collation("character_set_client", *client))
               ? made->with("character_set_results", *client)
               : made;
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
    const auto commands_before = commands.size();
    const auto user_variables = add_user_variables(from, to, commands);
    const bool changed_collation = commands.size() > commands_before;
    const auto login = collation_of_login(from, to, server.is_mariadb);
    if (!login.empty()) {
        add_login_with(login, commands);
    }
    const auto is_set_by_login = [&](std::string_view name) { return !login.empty() && is_in(name, of_login); };
    std::string assignments;
    const bool charset_differs = differs(from, to, "character_set_connection") ||
                                 differs(from, to, "collation_connection") || changed_collation || !login.empty();
    const auto add = [&](const std::string& name, const std::string* value) {
        if (!name.starts_with('=') && !name.starts_with('@')) {
            add_assignment(assignments, assignment(name, value));
        }
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
        const bool is_there = is_connection_charset(name) ? collation_of_texts(to) == login : value == login;
        if (!login.empty() && is_there && (is_set_by_login(name) || is_connection_charset(name))) {
            continue;
        }
        if (is_connection_charset(name) ? charset_differs : differs(from, to, name) || is_set_by_login(name)) {
            add(name, &value);
        }
    }
    if (!assignments.empty()) {
        commands.push_back(static_cast<char>(command::query) + ("SET " + assignments));
    }
    if (!user_variables.empty()) {  // behind the collation that texts get
        commands.push_back(static_cast<char>(command::query) + ("SET " + user_variables));
    }
    return commands;
}

}  // namespace penstock::mysql
