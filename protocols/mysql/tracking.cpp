// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/tracking.hpp"

#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/encode.hpp"
#include "protocols/wire/parameter_set.hpp"

namespace penstock::mysql {

namespace {

constexpr std::string_view prefix = "session_track_";
constexpr std::size_t longest_list = 16 * 1024;

bool is_on(std::string_view value)
{
    return value == "ON" || value == "1";
}

}  // namespace

std::string_view tracking_statement()
{
    return "SET session_track_system_variables='*',session_track_schema=ON,session_track_state_change=ON,"
           "session_track_transaction_info='CHARACTERISTICS',sql_mode=@@sql_mode";
}

std::string_view wishes_query()
{
    return "SELECT @@session_track_system_variables,@@session_track_schema,@@session_track_state_change,"
           "@@session_track_transaction_info";
}

bool tracking_wishes::note(std::string_view name, std::string_view value)
{
    if (!name.starts_with(prefix)) {
        return false;
    }
    set(name.substr(prefix.size()), value);
    if (name == "session_track_gtids") {
        return false;  // nobody but clients sets it
    }
    disturbed_ = true;
    return true;
}

bool tracking_wishes::learn(bytes row)
{
    wire_reader in{row};
    for (const auto name : {"system_variables", "schema", "state_change", "transaction_info"}) {
        const auto value = in.nullable_string();
        if (in.failed()) {
            return false;
        }
        set(name, value.value_or(""));
    }
    return in.finished_cleanly();
}

void tracking_wishes::set(std::string_view name, std::string_view value)
{
    if (name == "system_variables") {
        variables_ = value.substr(0, longest_list);
    } else if (name == "schema") {
        schema_ = is_on(value);
    } else if (name == "state_change") {
        state_change_ = is_on(value);
    } else if (name == "gtids") {
        gtids_ = value != "OFF";
    } else if (name == "transaction_info") {
        transaction_state_ = value == "STATE" || value == "CHARACTERISTICS";
        characteristics_ = value == "CHARACTERISTICS";
    }
}

/// A block is a kind and a length, and this one's content a name and a value, each with its length before it.
bool tracking_wishes::are_no_news(bytes changes) const
{
    constexpr std::string_view name = "\14statement_id";
    constexpr std::size_t name_at = 2;
    constexpr auto value_at = name_at + name.size() + 1;
    const auto octet = [changes](std::size_t place) { return static_cast<std::uint8_t>(changes[place]); };
    return changes.size() >= value_at && changes.size() < 128 && changes.substr(name_at, name.size()) == name &&
           octet(0) == static_cast<std::uint8_t>(change_kind::system_variable) &&
           octet(1) == changes.size() - name_at && octet(value_at - 1) == changes.size() - value_at &&
           variables_ != "*";
}

std::string tracking_wishes::filter(bytes changes) const
{
    std::string kept;
    session_change_reader reader{changes};
    while (const auto change = reader.next()) {
        bool wanted = false;
        switch (change->kind) {
            case change_kind::system_variable:
                if (wants_variable(change->name)) {
                    std::string pair;
                    wire_writer{pair}.lenenc_string(change->name).lenenc_string(change->value);
                    wire_writer{kept}.u8(static_cast<std::uint8_t>(change_kind::system_variable)).lenenc_string(pair);
                }
                break;
            case change_kind::schema: wanted = schema_; break;
            case change_kind::state_change: wanted = state_change_; break;
            case change_kind::gtids: wanted = gtids_; break;
            case change_kind::transaction_characteristics: wanted = characteristics_; break;
            case change_kind::transaction_state: wanted = transaction_state_; break;
            case change_kind::unknown: break;
        }
        if (wanted) {
            kept.append(change->block);
        }
    }
    return kept;
}

std::string tracking_wishes::tell(std::string_view filtered, bool is_mariadb)
{
    if (is_mariadb && filtered.empty()) {
        return {};
    }
    auto all = with_held(filtered);
    held_.clear();
    return all;
}

/// What is held, save what the rest outranks, and then that.
std::string tracking_wishes::with_held(std::string_view filtered) const
{
    const auto outranked = [&](const session_change& old) {
        session_change_reader reader{filtered};
        while (const auto each = reader.next()) {
            if (each->type == old.type && (old.kind != change_kind::system_variable || each->name == old.name)) {
                return true;
            }
        }
        return false;
    };
    std::string all;
    session_change_reader reader{held_};
    while (const auto old = reader.next()) {
        all.append(outranked(*old) ? bytes{} : old->block);
    }
    return all.append(filtered);
}

bool tracking_wishes::wants_variable(std::string_view name) const
{
    if (name == "redirect_url") {
        return false;
    }
    if (variables_ == "*") {
        return true;
    }
    std::string_view rest = variables_;
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        auto entry = rest.substr(0, comma);
        rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
        while (!entry.empty() && entry.front() == ' ') {
            entry.remove_prefix(1);
        }
        while (!entry.empty() && entry.back() == ' ') {
            entry.remove_suffix(1);
        }
        if (entry.size() == name.size() && (entry == name || lower_case(entry) == name)) {
            return true;
        }
    }
    return false;
}

}  // namespace penstock::mysql
