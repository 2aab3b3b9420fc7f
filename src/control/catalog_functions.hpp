// SPDX-License-Identifier: Apache-2.0
//
// What a database's catalogue says of its functions and relations, as an immutable snapshot; and the query it is read
// with.
//
// PostgreSQL: a function is harmless if it is declared STABLE or IMMUTABLE (the server lets such a one change no rows),
// except those of the server's own that tell about the server or the session; and a few volatile ones of its own are.
// MySQL and MariaDB: a stored function that is declared NO SQL or READS SQL DATA. Nothing enforces that there, but a
// replica refuses what writes. Names of MySQL are compared without regard to case.
//
// Relations for the primary are views behind which functions are called that are declared to be anything else, views
// over those (of PostgreSQL), tables with such policies; and, of PostgreSQL, sequences, whose state is logged ahead of
// what it is, and unlogged tables.
#pragma once

#include "control/sql_client.hpp"
#include "protocols/wire/function_catalogue.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::control {

/// More names than this, and the catalogue counts as unreadable.
inline constexpr std::size_t most_functions = 200'000;

/// Asks for a row per schema and name: schema, name, and whether all overloads are harmless ("t" or "1"); and for one
/// per relation that is for the primary, with "r" there.
[[nodiscard]] sql_query functions_query(engine of);

class function_snapshot final : public function_catalogue {
public:
    /// By name: the schemas that have a function of this name, and whether all of its overloads there are harmless.
    using table = std::map<std::string, std::vector<std::pair<std::string, bool>>, std::less<>>;

    function_snapshot(
        engine of, bool is_mariadb, table functions, std::uint64_t version, relation_names for_primary = {})
        : engine_{of},
          is_mariadb_{is_mariadb},
          functions_{std::move(functions)},
          version_{version},
          of_primary_{std::move(for_primary)}
    {
    }

    [[nodiscard]] std::uint64_t version() const override { return version_; }
    [[nodiscard]] bool harmless(const function_name& function, std::span<const std::string> search_path) const override;
    [[nodiscard]] const relation_names& of_primary() const override { return of_primary_; }
    [[nodiscard]] const table& functions() const { return functions_; }

private:
    [[nodiscard]] bool is_of_server(std::string_view name) const;

    engine engine_;
    bool is_mariadb_;
    table functions_;
    std::uint64_t version_;
    relation_names of_primary_;
};

/// The table of an answer to functions_query(); empty where the answer is none, or not of its form.
[[nodiscard]] function_snapshot::table read_functions(engine of, const sql_answer& answer);
/// The relations of such an answer; likewise.
[[nodiscard]] relation_names read_relations(const sql_answer& answer);

}  // namespace penstock::control
