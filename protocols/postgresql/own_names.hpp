// SPDX-License-Identifier: Apache-2.0
//
// What a server connection has under the names of the session that uses it: for EXECUTE and DEALLOCATE, which name a
// statement in SQL.
//
// Other statements go by their digests (known_statements). A session's names are its own, so whoever gets the
// connection next closes them first. A name is entered when what makes it is sent, for what follows in the same batch;
// once that has failed it is in doubt, and closed before it is used again.
#pragma once

#include "protocols/postgresql/statement.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::postgresql {

class own_names {
public:
    /// Whether `name` stands for `wanted` there as far as a message of `batch` is concerned; null: for nothing.
    [[nodiscard]] bool agree(std::string_view name, const statement_ptr& wanted, std::uint64_t batch) const;
    /// The server may have something of that name.
    [[nodiscard]] bool may_hold(std::string_view name) const { return held_.contains(name); }

    /// What ends it has been sent.
    [[nodiscard]] bool is_ending(std::string_view name) const;
    /// What makes `name` stand for `what` is being sent as a part of `batch`; null: what ends it.
    void insert(std::string_view name, statement_ptr what, std::uint64_t batch);
    /// And has succeeded.
    void confirm(std::string_view name, const statement_ptr& what);
    /// Or not: what the server has is not known.
    void doubt(std::string_view name);
    void doubt_all();
    /// Of what is in doubt the server has nothing.
    void erase_doubtful();
    void forget(std::string_view name);
    void clear() { held_.clear(); }

    [[nodiscard]] std::vector<std::string> all() const;
    [[nodiscard]] std::size_t size() const { return held_.size(); }

private:
    static constexpr std::uint64_t confirmed = 0;

    struct entry {
        statement_ptr what;  ///< null: in doubt
        std::uint64_t sent_in = confirmed;
    };

    std::map<std::string, entry, std::less<>> held_;
};

}  // namespace penstock::postgresql
