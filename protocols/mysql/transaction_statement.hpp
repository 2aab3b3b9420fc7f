// SPDX-License-Identifier: Apache-2.0
//
// What a statement is to the transaction that it begins, ends or stands in; and, pure, what becomes of a transaction
// that reads on a replica when a statement comes that is no proved read.
//
// Read strictly: what a server might take for anything else, several statements in one text among it, is of no role.
#pragma once

#include "core/bytes.hpp"
#include "protocols/mysql/effects_lexer.hpp"
#include "protocols/wire/statement_class.hpp"

#include <cstdint>
#include <string_view>

namespace penstock::mysql {

enum class block_role : std::uint8_t {
    other,
    begins,   ///< BEGIN, START TRANSACTION: what was open is committed
    ends,     ///< COMMIT, ROLLBACK, SET autocommit = 1
    marks,    ///< SAVEPOINT, RELEASE SAVEPOINT, ROLLBACK TO
    refused,  ///< INSERT and the like, CREATE TEMPORARY: every server refuses it in a transaction that only reads
};

struct transaction_statement {
    block_role role = block_role::other;
    transaction_access access = transaction_access::unstated;  ///< of what it begins
    bool has_snapshot = false;                                 ///< that sees what is there now: CONSISTENT SNAPSHOT
    friend bool operator==(const transaction_statement&, const transaction_statement&) = default;
};

/// Quickly, by the first letters: false for most texts, and for none that has a role but block_role::refused.
[[nodiscard]] bool may_be_about_transactions(bytes text);
[[nodiscard]] transaction_statement read_transaction(bytes text, const sql_reading& reading);

enum class isolation : std::uint8_t {
    unknown,
    committed,     ///< READ COMMITTED and below: each statement sees what was committed before it
    repeatable,    ///< all of them see the same
    serializable,  ///< reads lock what they read
};

/// As transaction_isolation has it.
[[nodiscard]] isolation isolation_of(std::string_view value);

/// Where the next statement of a transaction goes that has read on a replica.
enum class block_step : std::uint8_t {
    stay,
    move,     ///< to the primary, where it is begun anew, which cannot be told from outside
    give_up,  ///< nowhere: on the primary it would see other rows than before
};

/// `reads`: a proved read, or one that asks for what the statement before it has left there.
[[nodiscard]] block_step next_in_block(bool reads,
                                       const transaction_statement& what,
                                       bool reads_by_default,
                                       isolation level);

}  // namespace penstock::mysql
