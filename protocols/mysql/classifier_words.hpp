// SPDX-License-Identifier: Apache-2.0
//
// What the classifier knows of words: statements by their first one, kinds of SHOW, schemas and functions of the
// server.
#pragma once

#include "protocols/wire/statement_class.hpp"

#include <optional>
#include <string_view>

namespace penstock::mysql {

enum class verb_kind : std::uint8_t {
    unknown,
    query,    ///< SELECT, WITH, TABLE, VALUES
    explain,  ///< EXPLAIN, DESCRIBE, DESC
    analyze,  ///< MariaDB's ANALYZE of a statement, or of a table
    show,
    start,  ///< a transaction, or a replica
    begin,
    not_read,  ///< see obstacle_of_verb()
};

[[nodiscard]] verb_kind kind_of_verb(std::string_view word);
/// For verbs of no other kind.
[[nodiscard]] read_obstacle obstacle_of_verb(std::string_view word);

/// SHOW CREATE TABLE, SHOW TABLES ...: those that tell what is replicated. `first` and `second` follow on SHOW and its
/// options (FULL, EXTENDED, ...).
[[nodiscard]] read_obstacle obstacle_of_show(std::string_view first, std::string_view second);

/// A table of such a schema tells about the server, not about what is replicated.
[[nodiscard]] bool is_about_server(std::string_view schema, std::string_view table);

/// A function of the server's own that is not harmless on a replica, or that asks about the session.
[[nodiscard]] std::optional<read_obstacle> obstacle_of_function(std::string_view name);

/// Such a function is the server's own only where its parenthesis follows at once (or under IGNORE_SPACE).
[[nodiscard]] bool needs_parenthesis_at_once(std::string_view name);

}  // namespace penstock::mysql
