// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/session_parameters.hpp"

#include "protocols/postgresql/sql_words.hpp"

#include <algorithm>
#include <string_view>

namespace penstock::postgresql {

namespace {

/// Whether RESET ALL leaves it alone (guc.c, ResetAllOptions: GUC_NO_RESET_ALL).
bool survives_reset_all(std::string_view name)
{
    return name == "role" || name == "session_authorization" || name == "transaction_isolation" ||
           name == "transaction_read_only" || name == "transaction_deferrable" || name == "seed" ||
           name == "is_superuser";
}

/// They change who we are, so they are undone before and done after the others.
bool is_identity(std::string_view name)
{
    return name == "role" || name == "session_authorization";
}

void add_once(std::vector<std::string>& names, std::string_view name)
{
    if (std::find(names.begin(), names.end(), name) == names.end()) {
        names.emplace_back(name);
    }
}

bool is_ascii(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char letter) { return static_cast<unsigned char>(letter) < 128; });
}

/// The name of an encoding, made harmless.
std::string encoding_name(std::string_view encoding)
{
    std::string name{encoding.substr(0, 63)};
    std::erase_if(name, [](char letter) {
        return (letter < '0' || letter > '9') && ((letter | 32) < 'a' || (letter | 32) > 'z') && letter != '_';
    });
    return name.empty() ? "UTF8" : name;
}

/// E'...' reads the same under every standard_conforming_strings and backslash_quote. Other than ASCII goes as octets,
/// which the server takes for what they are in the session's encoding: under another client_encoding they would be
/// other letters, and in some encodings a letter's second octet is a backslash.
void append_literal(std::string& out, std::string_view text, std::string_view encoding)
{
    if (!is_ascii(text)) {
        constexpr char digits[] = "0123456789abcdef";
        out.append("pg_catalog.convert_from(pg_catalog.decode('");
        for (const char letter : text) {
            const auto octet = static_cast<unsigned char>(letter);
            out.push_back(digits[octet >> 4]);
            out.push_back(digits[octet & 15]);
        }
        out.append("','hex'),'").append(encoding_name(encoding)).append("')");
        return;
    }
    out.append("E'");
    for (const char letter : text) {
        if (letter == '\'' || letter == '\\') {
            out.push_back(letter);
        }
        out.push_back(letter);
    }
    out.push_back('\'');
}

void append_set(std::string& out, std::string_view name, const std::string* value, std::string_view encoding)
{
    out.append(",pg_catalog.set_config(");
    append_literal(out, name, encoding);
    out.push_back(',');
    if (value == nullptr) {
        out.append("NULL");  // goes back to the default: "NULL for a reset request", guc.c, set_config_by_name
    } else {
        append_literal(out, *value, encoding);
    }
    out.append(",false)");
}

constexpr std::string_view guarded_start = "SET exit_on_error=on;SELECT 1";
constexpr std::string_view guarded_end = ";SET exit_on_error=off";

}  // namespace

void session_parameters::note(const text_effects& effects)
{
    note_touched(effects);
    const auto& resets = effects.resets;
    const auto went_back = [&resets](std::string_view name) {
        return std::find(resets.begin(), resets.end(), name) != resets.end();
    };
    for (const auto& entry : startup_->entries()) {
        const auto& name = entry.first;
        const auto& touched = effects.touched;
        const bool was_set = std::find(touched.begin(), touched.end(), name) != touched.end();
        if (went_back(name) || (effects.reset_all && !survives_reset_all(name) && !was_set)) {
            reapply_.push_back(entry);
        }
    }
}

void session_parameters::note_touched(const text_effects& effects)
{
    doubted_ = doubted_ || (effects.pins.has(pin_reason::opaque) && !startup_->empty());
    for (const auto& name : effects.touched) {
        add_once(dirty_, name);
    }
    if (effects.reset_all) {
        for (const auto& [name, value] : current_->entries()) {
            if (!survives_reset_all(name)) {
                add_once(dirty_, name);
            }
        }
    }
}

void session_parameters::note_discard_all()
{
    dirty_.clear();
    reapply_.clear();
    acknowledged_ = doubted_ = false;
    current_ = startup_;
    discarded_ = !startup_->empty();
}

void session_parameters::note_lost()
{
    dirty_.clear();
    probing_.clear();
    reapply_.clear();
    discarded_ = acknowledged_ = doubted_ = false;
}

void session_parameters::note_changed(std::string_view name)
{
    add_once(dirty_, lower_case(name));
}

bool session_parameters::goes_back_to_startup(const text_effects& effects, std::string_view name) const
{
    const auto key = lower_case(name);
    if (startup_->find(key) == nullptr) {
        return false;
    }
    return effects.discard_all || (effects.reset_all && !survives_reset_all(key)) ||
           std::find(effects.resets.begin(), effects.resets.end(), key) != effects.resets.end();
}

parameter_list session_parameters::take_reapply()
{
    return std::exchange(reapply_, {});
}

bool session_parameters::will_reapply(const text_effects& effects) const
{
    if (startup_->empty()) {
        return false;
    }
    return effects.reset_all || effects.discard_all || effects.pins.has(pin_reason::opaque) ||
           std::any_of(effects.resets.begin(), effects.resets.end(), [this](const auto& name) {
               return startup_->find(name) != nullptr;
           });
}

const std::string& session_parameters::reading()
{
    if (read_under_ != current_) {
        read_under_ = current_;
        reading_.clear();
        for (const auto& [name, value] : current_->entries()) {
            if (decides_meaning(name)) {
                reading_.append(name).append("=").append(value).push_back('\0');
            }
        }
    }
    return reading_;
}

bool session_parameters::is_reading_uncertain() const
{
    return std::any_of(dirty_.begin(), dirty_.end(), decides_meaning) ||
           std::any_of(probing_.begin(), probing_.end(), decides_meaning);
}

std::vector<std::string> session_parameters::begin_probe()
{
    probing_ = std::exchange(dirty_, {});
    return probing_;
}

bool session_parameters::on_probe_row(bytes body, parameter_set_ptr& on_server)
{
    byte_reader row{body};
    if (row.u16() != probing_.size()) {
        return false;
    }
    for (const auto& name : probing_) {
        const auto size = row.i32();
        if (size < 0) {
            current_ = current_->without(name);
            on_server = on_server->without(name);
            continue;
        }
        const auto value = row.take(static_cast<std::size_t>(size));
        if (row.failed() || value.find('\0') != bytes::npos) {
            return false;
        }
        current_ = current_->with(name, value);
        on_server = on_server->with(name, value);
    }
    probing_.clear();
    acknowledged_ = false;
    return row.finished_cleanly();
}

bool session_parameters::is_too_large() const
{
    constexpr std::size_t most_names = 500;  // a SELECT list has at most 1664 entries
    constexpr std::size_t most_octets = 64 * 1024;
    std::size_t octets = 0;
    for (const auto& [name, value] : current_->entries()) {
        octets += name.size() + value.size();
    }
    return current_->entries().size() > most_names || octets > most_octets;
}

/// Of PostgreSQL itself (guc_tables.c, PGC_SUSET) and of the extensions that come with it, or often.
bool is_privileged(std::string_view name)
{
    constexpr std::string_view names[] = {"allow_in_place_tablespaces",
                                          "allow_system_table_mods",
                                          "backtrace_functions",
                                          "commit_delay",
                                          "compute_query_id",
                                          "deadlock_timeout",
                                          "debug_discard_caches",
                                          "dynamic_library_path",
                                          "event_triggers",
                                          "extension_control_path",
                                          "huge_page_size",
                                          "ignore_checksum_failure",
                                          "jit_debugging_support",
                                          "jit_dump_bitcode",
                                          "lc_messages",
                                          "lo_compat_privileges",
                                          "max_stack_depth",
                                          "plpgsql.variable_conflict",
                                          "session_preload_libraries",
                                          "session_replication_role",
                                          "temp_file_limit",
                                          "update_process_title",
                                          "zero_damaged_pages"};
    constexpr std::string_view beginnings[] = {
        "auto_explain.", "log_", "pg_stat_statements.", "pgaudit.", "track_", "wal_"};
    return std::find(std::begin(names), std::end(names), name) != std::end(names) ||
           std::any_of(std::begin(beginnings), std::end(beginnings), [name](std::string_view beginning) {
               return name.starts_with(beginning);
           });
}

pin_set pins_of(const parameter_set& values)
{
    pin_set pins;
    if (const auto* const path = values.find("search_path"); path != nullptr && mentions_pg_temp(*path)) {
        pins.add(pin_reason::temporary_object);
    }
    return pins;
}

std::string catch_up_query(const parameter_set& from, const parameter_set& to, std::string_view encoding)
{
    std::string plain;
    std::string undo_identity;
    std::string identity;
    bool identity_differs = false;
    for (const auto& name : {"session_authorization", "role"}) {
        const auto* now = from.find(name);
        const auto* wanted = to.find(name);
        identity_differs |= (now == nullptr) != (wanted == nullptr) || (now != nullptr && *now != *wanted);
    }
    if (identity_differs) {
        for (const auto& name : {"role", "session_authorization"}) {
            if (from.find(name) != nullptr) {
                append_set(undo_identity, name, nullptr, encoding);
            }
        }
        for (const auto& name : {"session_authorization", "role"}) {
            if (const auto* wanted = to.find(name)) {
                append_set(identity, name, wanted, encoding);
            }
        }
    }
    for (const auto& [name, value] : from.entries()) {
        if (!is_identity(name) && to.find(name) == nullptr) {
            append_set(plain, name, nullptr, encoding);
        }
    }
    for (const auto& [name, value] : to.entries()) {
        const auto* now = from.find(name);
        if (!is_identity(name) && (now == nullptr || *now != value)) {
            append_set(plain, name, &value, encoding);
        }
    }
    if (plain.empty() && undo_identity.empty() && identity.empty()) {
        return {};
    }
    return std::string{guarded_start} + undo_identity + plain + identity + std::string{guarded_end};
}

std::string without_waiting(std::string text, const parameter_set& settings, const std::vector<std::string>& changed)
{
    constexpr std::string_view deferrable = "default_transaction_deferrable";
    const bool may_wait =
        settings.find(deferrable) != nullptr || std::find(changed.begin(), changed.end(), deferrable) != changed.end();
    return may_wait ? "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;" + text : text;
}

std::string reapply_query(const parameter_list& values, std::string_view encoding)
{
    std::string text{guarded_start};
    for (const auto& [name, value] : values) {
        append_set(text, name, &value, encoding);
    }
    return text.append(guarded_end);
}

/// What is not the server's own, so a custom setting without its module, is not in pg_settings: reset it is empty, as
/// it is where the client has made it so.
std::string restore_query(const parameter_set& startup, const parameter_set& known, std::string_view encoding)
{
    std::string text{guarded_start};
    for (const auto& [name, value] : startup.entries()) {
        if (is_identity(name)) {
            continue;
        }
        std::string key;
        std::string wanted;
        append_literal(key, name, encoding);
        append_literal(wanted, value, encoding);
        const auto now = "pg_catalog.current_setting(" + key + ",true) OPERATOR(pg_catalog.";
        const auto* const last = known.find(name);
        const auto is_empty = last != nullptr && last->empty() ? std::string{"false"} : now + "=) ''";
        text.append(",CASE WHEN COALESCE(").append(now).append("<>) ").append(wanted).append(",true) THEN");
        text.append(" CASE WHEN COALESCE((SELECT source OPERATOR(pg_catalog.<>) 'session' FROM pg_catalog.pg_settings");
        text.append(" WHERE pg_catalog.lower(name) OPERATOR(pg_catalog.=) ").append(key).append("),");
        text.append(is_empty).append(",true) THEN pg_catalog.set_config(").append(key).append(",").append(wanted);
        text.append(",false) END END");
    }
    return text.append(guarded_end);
}

std::string probe_query(const std::vector<std::string>& names, std::string_view encoding)
{
    std::string text{"SELECT "};
    for (const auto& name : names) {
        text.append(text.size() > 7 ? "," : "").append("pg_catalog.current_setting(");
        append_literal(text, name, encoding);
        text.append(",true)");
    }
    return text;
}

}  // namespace penstock::postgresql
