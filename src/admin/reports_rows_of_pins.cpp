// SPDX-License-Identifier: Apache-2.0
//
// Who keeps a server connection and why, what makes sessions keep them, and where requests went.
#include "admin/reports_rows.hpp"
#include "admin/reports_text.hpp"
#include "protocols/wire/pin_advice.hpp"
#include "router/route.hpp"

namespace penstock::admin {

namespace {

std::string advice_on_all(pin_set reasons)
{
    std::string all;
    reasons.for_each([&all](pin_reason reason) { all.append(all.empty() ? "" : "; ").append(advice_on(reason)); });
    return all;
}

}  // namespace

/// One for each reason of each session.
std::vector<row> rows_of_pins(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& client : from.clients) {
        const auto [host, port] = host_and_port(client.client_address);
        for (const auto& each : client.pinned) {
            const auto since = from.taken_at - std::chrono::duration_cast<wall_time::duration>(each.lasts);
            rows.push_back({text_of(client.id),
                            client.user,
                            client.database,
                            host,
                            port,
                            client.application_name,
                            std::string{name_of(each.reason)},
                            text_of(since),
                            text_of(whole_seconds(each.lasts)),
                            each.digest});
        }
    }
    return rows;
}

std::vector<row> rows_of_pin_statements(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& each : from.pin_statements) {
        rows.push_back({each.digest,
                        std::string{name_of(each.of)},
                        to_string(each.reasons),
                        text_of(each.count),
                        text_of(each.inherited),
                        each.user,
                        each.database,
                        each.application_name,
                        each.shape,
                        advice_on_all(each.reasons)});
    }
    return rows;
}

/// Where requests went that a server was chosen for, and why.
std::vector<row> rows_of_routes(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& pool : from.pools) {
        for (std::size_t index = 0; index < router::route_reason_count; ++index) {
            const auto why = static_cast<router::route_reason>(index);
            if (const auto count = pool.totals.routes[index]; count > 0) {
                rows.push_back({pool.database,
                                pool.key.user,
                                goes_to_replica(why) ? "replica" : "primary",
                                std::string{name_of(why)},
                                text_of(count)});
            }
        }
    }
    return rows;
}

}  // namespace penstock::admin
