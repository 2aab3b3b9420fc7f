// SPDX-License-Identifier: Apache-2.0
//
// The console's grammar: what one text asks for.
//
// Words are taken in any case, with any white space and comments between them and a semicolon at the end, as psql and
// drivers send them. Names of databases and nodes are taken as they are written, in quotes or without. One text holds
// one command.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::admin {

enum class command_kind : std::uint8_t {
    empty,         ///< nothing, or only a semicolon: lib/pq pings with it
    show,          ///< SHOW [EXTENDED] subject
    show_route,    ///< SHOW ROUTE [IN database] [AS user] [APPLICATION name] [MYSQL | POSTGRESQL] statement
    set,           ///< SET anything: accepted and without effect, as drivers set client_encoding and the like
    transaction,   ///< BEGIN, COMMIT, ROLLBACK, DISCARD, RESET, ...: drivers send them by themselves; without effect
    reload,        ///< reads the settings again
    pause,         ///< PAUSE [database]
    resume,        ///< RESUME [database]
    reconnect,     ///< RECONNECT [database]
    drain_node,    ///< DRAIN NODE node
    undrain_node,  ///< UNDRAIN NODE node
    unsupported,   ///< a verb of PgBouncer's that Penstock does not have
    unknown,
};

/// Where a statement would go.
struct route_question {
    std::string statement{};
    std::string database{};  ///< empty: of none in particular
    std::string user{};      ///< empty: who asks
    std::string application_name{};
    std::string dialect{};  ///< "MYSQL", "POSTGRESQL", or empty: the database's
};

struct command {
    command_kind kind = command_kind::unknown;
    std::string word{};      ///< the first word, in upper case; both of DRAIN NODE
    std::string subject{};   ///< of SHOW, in upper case
    bool extended = false;   ///< SHOW EXTENDED: Penstock's own columns at the right end
    std::string name{};      ///< of a database or node, as it was written; empty: none was
    route_question route{};  ///< of SHOW ROUTE

    /// Whether it changes something, so that only admin users may give it.
    [[nodiscard]] bool is_verb() const { return is_order() || kind == command_kind::unsupported; }
    /// Whether somebody has to do something before it can be answered.
    [[nodiscard]] bool is_order() const { return kind >= command_kind::reload && kind <= command_kind::undrain_node; }
};

[[nodiscard]] command parse_command(std::string_view text);

}  // namespace penstock::admin
