// SPDX-License-Identifier: Apache-2.0
//
// Statements that may be answered without a server: those that begin and end an empty transaction, and the session's
// own setting "penstock.route". Read strictly: what PostgreSQL might take for anything else is none of them.
#pragma once

#include "protocols/postgresql/lost_transaction.hpp"
#include "protocols/wire/lexical_mode.hpp"
#include "protocols/wire/request_facts.hpp"
#include "protocols/wire/statement_class.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::postgresql {

enum class isolation_level : std::uint8_t { unstated, read_uncommitted, read_committed, repeatable_read, serializable };

/// What BEGIN or SET TRANSACTION says of the transaction.
struct transaction_modes {
    transaction_access access = transaction_access::unstated;
    isolation_level isolation = isolation_level::unstated;
    std::optional<bool> deferrable{};

    /// What is said later counts.
    void add(const transaction_modes& later);
    /// BEGIN with all of them.
    [[nodiscard]] std::string text() const;
    friend bool operator==(const transaction_modes&, const transaction_modes&) = default;
};

enum class local_kind : std::uint8_t {
    none,             ///< a server's to answer
    begin,            ///< BEGIN
    start,            ///< START TRANSACTION
    set_transaction,  ///< SET TRANSACTION
    set_route,        ///< SET penstock.route, to its default as well; or RESET penstock.route
    reset_route,
    show_route,
};

struct local_statement {
    local_kind kind = local_kind::none;
    transaction_modes modes{};
    std::string value{};      ///< of set_route, as it is written
    bool is_default = false;  ///< of set_route: TO DEFAULT
    bool is_local = false;    ///< of set_route: SET LOCAL
};

/// Quickly, by the first letters: false for most texts.
[[nodiscard]] inline bool may_be_local(std::string_view text)
{
    const auto is_blank = [](char octet) { return octet == ' ' || (octet >= '\t' && octet <= '\r'); };
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    if (text.size() < 3) {
        return false;
    }
    const auto lower = [text](std::size_t place) { return static_cast<char>(text[place] | 0x20); };
    switch (lower(0)) {
        case 'b': return lower(1) == 'e';
        case 's': return lower(1) == 't' || lower(1) == 'h' || (lower(1) == 'e' && lower(2) == 't');
        case 'r': return lower(1) == 'e' && lower(2) == 's';
        default: return text[0] == '/' || text[0] == '-';
    }
}

/// Reads a whole text.
[[nodiscard]] local_statement read_local(std::string_view text, lexical_mode mode);

/// What a value of penstock.route stands for: "primary", "replica" or "auto" (route_hint::none), in any case.
[[nodiscard]] std::optional<route_hint> route_of_setting(std::string_view value);
/// And its value.
[[nodiscard]] std::string_view value_of_setting(route_hint route);

inline constexpr std::string_view route_setting = "penstock.route";

}  // namespace penstock::postgresql
