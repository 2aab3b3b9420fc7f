// SPDX-License-Identifier: Apache-2.0
//
// Which prepared statements one server connection knows, the least recently used first in line to go.
//
// A statement is entered when its Parse is sent, so that what follows in the same batch can use it: if the Parse fails,
// so does all that follows up to the Sync. The next batch cannot rely on it before the server has confirmed it. What is
// in doubt (sent in an earlier batch, its Close sent, its DEALLOCATE under way) is closed first where it has to be
// prepared again: Close of what does not exist is no error, Parse of what exists is one.
#pragma once

#include "protocols/postgresql/statement.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <string>
#include <unordered_map>

namespace penstock::postgresql {

class known_statements {
public:
    /// Whether a message of `batch` can use it; it is now the most recently used.
    bool knows(const statement_ptr& wanted, std::uint64_t batch);
    /// Whether the server may have it, so that it has to be closed before its Parse.
    [[nodiscard]] bool may_hold(const statement_ptr& wanted) const;

    /// Whether its Parse was sent in that batch and nothing has become known of it.
    [[nodiscard]] bool was_sent_in(const statement_ptr& wanted, std::uint64_t batch) const;

    /// Its Parse is being sent as a part of `batch`.
    void insert(statement_ptr added, std::uint64_t batch);
    /// ParseComplete has come.
    void confirm(const statement_ptr& prepared);
    /// The server refused or skipped the Parse that was a part of `batch`.
    void refuse(const statement_ptr& unprepared, std::uint64_t batch);
    /// The server does not have it.
    void erase(const statement_ptr& gone);

    /// Its Close is being sent, and has been answered, or skipped so that the server still has it if it had it.
    void begin_close(const statement_ptr& leaving);
    void end_close(const statement_ptr& gone);
    void undo_close(const statement_ptr& kept);

    /// The server may have it or not.
    void doubt(const statement_ptr& uncertain);
    void doubt_all();
    /// Of what is in doubt the server has nothing.
    void erase_doubtful();
    void erase_if_doubtful(const statement_ptr& gone);
    void clear();

    /// The least recently used one, where there are more than `limit`; it has been taken out, and the caller sends the
    /// Close.
    statement_ptr take_excess(std::size_t limit);

    [[nodiscard]] std::size_t size() const { return places_.size(); }

private:
    static constexpr std::uint64_t confirmed = 0;
    static constexpr std::uint64_t doubtful = std::numeric_limits<std::uint64_t>::max();

    struct entry {
        statement_ptr what;
        std::uint64_t sent_in = confirmed;  ///< the batch of its Parse until that is confirmed; or doubtful
    };

    entry* find(const statement_ptr& wanted);

    std::list<entry> by_use_;                                                  ///< most recently used first
    std::unordered_map<std::string_view, std::list<entry>::iterator> places_;  ///< keys live in by_use_'s statements
    std::unordered_map<std::string, std::uint32_t> leaving_;  ///< by server name: Closes sent and not answered
};

}  // namespace penstock::postgresql
