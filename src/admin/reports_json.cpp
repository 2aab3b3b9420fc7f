// SPDX-License-Identifier: Apache-2.0
#include "admin/reports_json.hpp"

#include "admin/reports_tables.hpp"
#include "protocols/wire/pin_reason.hpp"

#include <boost/json.hpp>

#include <array>
#include <charconv>

namespace penstock::admin {
namespace json = boost::json;

namespace {

double in_seconds(duration time)
{
    return std::chrono::duration<double>(time).count();
}

json::value value_of(const cell& from, column_type type)
{
    if (!from) {
        return nullptr;
    }
    std::int64_t number = 0;
    const auto* const end = from->data() + from->size();
    const bool is_number = type != column_type::text && std::from_chars(from->data(), end, number).ptr == end;
    return is_number ? json::value(number) : json::value(*from);  // braces would make lists
}

json::array array_of(const table_kind& table, const snapshot& from)
{
    json::array out;
    for (const auto& cells : table.rows(from)) {
        json::object one;
        for (std::size_t index = 0; index < table.columns.size(); ++index) {
            one[table.columns[index].name] = value_of(cells[index], table.columns[index].type);
        }
        out.push_back(std::move(one));
    }
    return out;
}

json::object clients_of(const client_counts& all, std::uint32_t on_console)
{
    json::object pinned;
    for (unsigned index = 0; index < pin_reason_count; ++index) {
        if (all.pinned[index] > 0) {
            pinned[name_of(static_cast<pin_reason>(index))] = all.pinned[index];
        }
    }
    json::object out;
    out["login"] = all.login;
    out["idle"] = all.idle;
    out["waiting"] = all.waiting;
    out["active"] = all.active - std::min(all.active, on_console);
    out["console"] = on_console;
    out["max_wait_seconds"] = in_seconds(all.longest_wait);
    out["pinned"] = std::move(pinned);
    return out;
}

json::object process_of(const snapshot& from)
{
    json::object out;
    out["cpu_seconds"] = from.process.cpu_seconds;
    out["resident_bytes"] = from.process.resident_octets;
    out["open_fds"] = from.process.open_descriptors;
    out["max_fds"] = from.process.descriptor_limit;
    out["server_connections"] = from.connections_held;
    return out;
}

}  // namespace

std::string json_of(const snapshot& from)
{
    json::object out;
    out["version"] = from.version;
    out["uptime_seconds"] = in_seconds(from.uptime);
    out["draining"] = from.draining;
    out["process"] = process_of(from);
    out["clients"] = clients_of(from.all_clients, from.console_clients);
    constexpr std::array<std::pair<std::string_view, std::string_view>, 5> tables{{{"nodes", "NODES"},
                                                                                   {"databases", "DATABASES"},
                                                                                   {"pools", "POOLS"},
                                                                                   {"stats", "STATS"},
                                                                                   {"latency", "LATENCY"}}};
    for (const auto& [name, subject] : tables) {
        out[name] = array_of(*find_table(subject, subject == "POOLS"), from);
    }
    return json::serialize(out) + "\n";
}

std::string json_of_pins(const snapshot& from)
{
    json::object out;
    out["pins"] = array_of(*find_table("PINS", false), from);
    out["statements"] = array_of(*find_table("PIN_STATEMENTS", false), from);
    return json::serialize(out) + "\n";
}

}  // namespace penstock::admin
