// SPDX-License-Identifier: Apache-2.0
//
// Which prepared statements one server connection knows, the least recently used first in line to go.
//
// A statement is entered when its Parse is sent, so that what follows in the same pipeline can use it, and taken out again if
// the server refuses or skips it.
#pragma once

#include "protocols/postgresql/statement.hpp"

#include <cstddef>
#include <list>
#include <unordered_map>

namespace penstock::postgresql {

class known_statements {
public:
    /// Whether the server knows it; if so it is now the most recently used.
    bool touch(const statement_ptr& wanted);
    void insert(statement_ptr added);
    void erase(const statement_ptr& gone);
    void clear();

    /// The least recently used one, where there are more than `limit`; it has been taken out, and the caller sends the Close.
    statement_ptr take_excess(std::size_t limit);

    [[nodiscard]] std::size_t size() const { return places_.size(); }

private:
    std::list<statement_ptr> by_use_;  ///< most recently used first
    std::unordered_map<std::string_view, std::list<statement_ptr>::iterator> places_;  ///< keys live in by_use_'s statements
};

}  // namespace penstock::postgresql
