// SPDX-License-Identifier: Apache-2.0
//
// Whether a statement may run on a replica, as far as its text tells: what the classifiers of both dialects give.
//
// Whatever is not proved a plain read goes to the primary. A proof stands or falls with the functions that the
// statement calls, which only the catalogue of the database knows; so they are listed.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace penstock {

/// Why a text is not a plain read; the first reason that was found.
enum class read_obstacle : std::uint8_t {
    none,          ///< it is one, if its functions are harmless
    empty,         ///< no statement: any server will do
    writes,        ///< changes rows or definitions, or might
    locks,         ///< FOR UPDATE, FOR SHARE
    into,          ///< SELECT INTO and the like
    session,       ///< about the session or the transaction: SET, BEGIN, PREPARE, LISTEN, FETCH ...
    server_state,  ///< asks about the server itself, so the answer is another one on a replica
    unparsed,      ///< not understood; the server reports what is wrong with it
    too_large,     ///< longer or deeper than is looked at
};

/// A function as the statement names it; the name as the database would look it up.
struct function_name {
    std::string schema{};  ///< empty: by the search path
    std::string name{};
    friend auto operator<=>(const function_name&, const function_name&) = default;
};

/// What BEGIN or SET TRANSACTION says of the transaction.
enum class transaction_access : std::uint8_t { unstated, read_only, read_write };

struct statement_class {
    read_obstacle obstacle = read_obstacle::unparsed;
    transaction_access access = transaction_access::unstated;  ///< of the first BEGIN
    std::vector<function_name> functions{};                    ///< sorted, without duplicates; for obstacle none
    std::vector<std::string> relations{};  ///< without their schemas; only where the text was parsed for them

    /// Nothing in the text itself speaks against a replica.
    [[nodiscard]] bool reads_only() const
    {
        return obstacle == read_obstacle::none || obstacle == read_obstacle::empty;
    }
};

/// Words for reports and metrics.
[[nodiscard]] constexpr const char* name_of(read_obstacle why)
{
    switch (why) {
        case read_obstacle::none: return "read";
        case read_obstacle::empty: return "empty";
        case read_obstacle::writes: return "write";
        case read_obstacle::locks: return "locking_read";
        case read_obstacle::into: return "select_into";
        case read_obstacle::session: return "session_command";
        case read_obstacle::server_state: return "server_state";
        case read_obstacle::too_large: return "too_large";
        case read_obstacle::unparsed: break;
    }
    return "unparsed";
}

}  // namespace penstock
