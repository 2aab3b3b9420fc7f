// SPDX-License-Identifier: Apache-2.0
//
// A transaction whose server is gone, as its client sees it: failed, until the client ends it.
//
// As PostgreSQL does with a failed transaction, every statement is refused but those that end it, COMMIT and ROLLBACK
// in all their spellings, and both roll back. No server takes part. A client that was told nothing yet, because it
// asked for nothing when the server was lost, is told of the loss with its next statement; and a COMMIT that comes
// first is refused, for it must not look like one that succeeded.
#pragma once

#include "core/error.hpp"
#include "protocols/wire/lexical_mode.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::postgresql {

/// What a text is to a failed transaction.
enum class exit_statement : std::uint8_t {
    none,      ///< anything else, several statements and AND CHAIN included: refused
    blank,     ///< no statement at all: allowed, changes nothing
    commit,    ///< COMMIT or END
    rollback,  ///< ROLLBACK or ABORT
};

/// Reads a whole text. Anything that PostgreSQL might not take for exactly one exit is none.
[[nodiscard]] exit_statement read_exit(std::string_view text, lexical_mode mode);

class lost_transaction {
public:
    /// `told`: the client knows that the transaction has failed.
    lost_transaction(client_error why, bool told) : why_{std::move(why)}, told_{told} {}

    /// Whether such a statement may be prepared and run now.
    [[nodiscard]] bool allows(exit_statement what) const;
    [[nodiscard]] bool is_told() const { return told_; }
    /// The answer to a statement that cannot run. The client knows of the loss from now on.
    client_error refusal();

    /// Portals of exits; others are refused. False where there are too many.
    bool bind(std::string_view portal, exit_statement what);
    /// none where there is no such portal.
    [[nodiscard]] exit_statement find(std::string_view portal) const;
    void close(std::string_view portal);

private:
    client_error why_;
    bool told_;
    std::vector<std::pair<std::string, exit_statement>> portals_;
};

}  // namespace penstock::postgresql
