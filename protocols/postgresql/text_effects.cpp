// SPDX-License-Identifier: Apache-2.0
//
// How names of settings are noted: lower-cased, without duplicates, and with PostgreSQL's special ones sorted out.
#include "protocols/postgresql/text_effects.hpp"

#include "protocols/wire/scanner.hpp"

#include <algorithm>
#include <utility>

namespace penstock::postgresql {

namespace {

bool contains(const std::vector<std::string>& names, std::string_view name)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// These belong to the transaction, whichever way they are set.
bool ends_with_transaction(std::string_view name)
{
    return name == "transaction_isolation" || name == "transaction_read_only" || name == "transaction_deferrable";
}

/// RESET ALL leaves these alone.
bool survives_reset_all(std::string_view name)
{
    return name == "role" || name == "session_authorization";
}

/// Lower case, and the present name where PostgreSQL still takes an old one.
std::string canonical(std::string_view name)
{
    std::string lower{name};
    std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
    if (lower == "sort_mem") {
        return "work_mem";
    }
    if (lower == "vacuum_mem") {
        return "maintenance_work_mem";
    }
    return lower;
}

/// False where the name cannot be listed.
bool list(text_effects& effects, const std::string& name)
{
    if (contains(effects.touched, name)) {
        return true;
    }
    if (effects.touched.size() == text_effects::most_names || name.empty() ||
        name.size() > text_effects::longest_setting) {
        effects.pins.add(pin_reason::unknown_setting);
        return false;
    }
    effects.touched.push_back(name);
    effects.touch_locally(name);
    return true;
}

}  // namespace

/// backslash_quote and the next ones are asked for when a text is read; the outputs of float8, bytea, interval and
/// money count as immutable, so a plan keeps what they gave.
bool decides_meaning(std::string_view name)
{
    constexpr std::string_view deciding[] = {"array_nulls",
                                             "backslash_quote",
                                             "bytea_output",
                                             "extra_float_digits",
                                             "intervalstyle",
                                             "lc_monetary",
                                             "timezone_abbreviations",
                                             "transform_null_equals",
                                             "xmloption"};
    return std::find(std::begin(deciding), std::end(deciding), name) != std::end(deciding);
}

void text_effects::touch_locally(std::string_view name)
{
    sets_reading = sets_reading || decides_meaning(canonical(name));
}

void text_effects::touch(std::string_view name)
{
    const auto setting = canonical(name);
    if (setting == "seed") {
        pins.add(pin_reason::setseed);
        return;
    }
    if (setting == "temp_buffers") {
        sets_temp_buffers = true;
        pins.add(pin_reason::unknown_setting);
        return;
    }
    if (ends_with_transaction(setting)) {
        return;
    }
    list(*this, setting);
    std::erase(resets, setting);
    if (setting == "session_authorization") {
        touch("role");
    }
}

void text_effects::restore(std::string_view name)
{
    const auto setting = canonical(name);
    if (setting == "seed" || ends_with_transaction(setting)) {
        return;
    }
    if (list(*this, setting) && !contains(resets, setting)) {
        resets.push_back(setting);
    }
    if (setting == "session_authorization") {
        restore("role");
    }
}

void text_effects::restore_all()
{
    reset_all = true;
    for (const auto& name : touched) {
        if (!survives_reset_all(name) && !contains(resets, name)) {
            resets.push_back(name);
        }
    }
}

void text_effects::search_temporary()
{
    pins.add(pin_reason::temporary_object);
    may_end.add(pin_reason::temporary_object);
}

bool text_effects::has(name_use use) const
{
    return std::any_of(names.begin(), names.end(), [use](const auto& each) { return each.use == use; });
}

void text_effects::use(std::string name, name_use how)
{
    if (names.size() == most_names) {
        pins.add(pin_reason::sql_prepare);
        pins.add(pin_reason::opaque);
        return;
    }
    names.push_back({std::move(name), how});
}

void text_effects::clear()
{
    statements = 0;
    first_verb = statement_verb::none;
    chain = reset_all = discard_all = discard_temp = discard_sequences = reads_sequences = deallocate_all = binds_path =
        binds_name = unterminated = makes_temporary = sets_reading = sets_temp_buffers = defines = false;
    block = {};
    pins.clear();
    may_end.clear();
    shape.reset();
    touched.clear();
    resets.clear();
    deallocate_name.clear();
    names.clear();
    prepared.reset();
}

}  // namespace penstock::postgresql
