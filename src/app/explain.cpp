// SPDX-License-Identifier: Apache-2.0
#include "app/explain.hpp"

#include "protocols/mysql/classifier.hpp"
#include "protocols/mysql/effects.hpp"
#include "protocols/mysql/shape.hpp"
#include "protocols/postgresql/classifier.hpp"
#include "protocols/postgresql/effects.hpp"
#include "protocols/postgresql/shape.hpp"
#include "protocols/wire/shape_digest.hpp"

namespace penstock::app {

namespace {

struct findings {
    shape_result made{};
    std::string shape{};
    statement_class what{};
    pin_set pins{};
};

findings examine(std::string_view text, engine of)
{
    findings found;
    if (of == engine::mysql) {
        const mysql::sql_reading reading{.utf8 = true};
        found.made = mysql::make_shape(text, reading, found.shape);
        found.what = mysql::classify(text, reading);
        found.pins = mysql::inspect(text, reading).pins;
    } else {
        found.made = postgresql::make_shape(text, {}, found.shape);
        found.what = postgresql::classify(text, {});
        found.pins = postgresql::inspect(text, {}).pins;
    }
    return found;
}

std::string names_of(const std::vector<function_name>& functions)
{
    std::string names;
    for (const auto& each : functions) {
        names.append(names.empty() ? "" : ", ");
        names.append(each.schema).append(each.schema.empty() ? "" : ".").append(each.name);
    }
    return names;
}

/// In one sentence. Rules of the settings, hints and what the session wrote before are not looked at.
std::string route_of(const statement_class& what)
{
    switch (what.obstacle) {
        case read_obstacle::none:
            return what.functions.empty() ? "a replica, if there is one that may serve the session's reads"
                                          : "a replica if the catalogue calls its functions harmless, else the primary";
        case read_obstacle::empty: return "any server";
        case read_obstacle::writes: return "the primary: it changes something, or may";
        case read_obstacle::locks: return "the primary: it locks the rows that it reads";
        case read_obstacle::into: return "the primary: it stores what it reads";
        case read_obstacle::session:
            return "the primary, or where the transaction is: it is about the session or the transaction";
        case read_obstacle::server_state: return "the primary: another server answers otherwise";
        case read_obstacle::too_large: return "the primary: it is longer or deeper than what is looked at";
        case read_obstacle::unparsed: break;
    }
    return "the primary: it is not understood";
}

}  // namespace

std::string explain(std::string_view text, engine of)
{
    const auto found = examine(text, of);
    std::string lines;
    const auto add = [&lines](std::string_view name, std::string_view value) {
        if (!value.empty()) {
            lines.append(name).append(": ").append(value).append("\n");
        }
    };
    add("shape", found.made.understood ? std::string_view{found.shape} : "not understood");
    add("digest", found.made.understood ? shape_digest(found.shape) : std::string{});
    add("class", name_of(found.what.obstacle));
    add("functions", names_of(found.what.functions));
    if (found.what.access != transaction_access::unstated) {
        add("transaction", found.what.access == transaction_access::read_only ? "read only" : "read write");
    }
    add("hint", found.made.hint);
    add("pins", to_string(found.pins));
    add("route", route_of(found.what));
    return lines;
}

}  // namespace penstock::app
