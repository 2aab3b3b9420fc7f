// SPDX-License-Identifier: Apache-2.0
//
// Prepared statements: as all clients of a worker share them, as one client knows them, as one server knows them.
//
// A statement is its text and what gives it meaning: schema, character set, sql_mode. The digest of both is its name
// among us. Clients get ids of our own; each server gives its own, and forgets with them the types that were bound.
// An instance on a server may be held by one client statement, while a cursor is open on it or long data is with it.
#pragma once

#include "protocols/mysql/effects.hpp"
#include "protocols/mysql/found_rows.hpp"
#include "protocols/wire/parameter_set.hpp"
#include "protocols/wire/request_facts.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock::mysql {

struct statement {
    std::string digest;  ///< 16 octets of SHA-256
    std::string text;
    parameter_set_ptr context;  ///< under which it was prepared
    text_effects_ptr effects;   ///< null where executing it leaves nothing behind and asks for nothing
    row_finder finds = row_finder::result;
};

using statement_ptr = std::shared_ptr<const statement>;

/// The statements that some client of this worker holds. One per worker; not for sharing between threads.
class statement_store {
public:
    statement_ptr intern(bytes text, const parameter_set_ptr& context, sql_reading reading);
    /// For texts that come whole. Valid until the next call.
    const text_effects& inspect_whole(bytes text, sql_reading reading);
    /// The effects of every text that is_plain_text() says to be one.
    static const text_effects& plain();
    [[nodiscard]] std::size_t size() const { return statements_.size(); }
    /// An empty string to put a command together in; its memory is kept. Good until the next call.
    std::string& scratch();

    /// A server of this version has said that it does not know the collation of this number.
    void note_unknown_collation(std::string_view version, std::string_view number);
    [[nodiscard]] bool is_unknown_collation(std::string_view version, std::string_view number) const;

    /// Some client has run code that nobody looks into.
    void note_code() { has_code_ = true; }
    [[nodiscard]] bool has_code() const { return has_code_; }

private:
    std::unordered_map<std::string, std::weak_ptr<const statement>> statements_;
    std::size_t sweep_at_ = 1024;
    effects_collector collector_;
    text_effects pinning_;  ///< what inspect_whole() gave last of a text that pins
    std::string scratch_;
    std::vector<std::pair<std::string, std::string>> unknown_collations_;  ///< version and number
    bool has_code_ = false;
};

/// A statement as a client knows it.
struct client_statement {
    statement_ptr what;
    std::uint16_t parameters = 0;
    std::string types{};  ///< as last bound: two octets each, with names under query attributes
    bool has_types = false;
    bool has_long_data = false;
    bool has_cursor = false;
    std::uint64_t fetched = 0;  ///< rows, since the cursor was opened
    sql_reading how{};          ///< its text was prepared under

    /// What was said of it last, where reads may go to replicas.
    struct judgement {
        const void* by = nullptr;
        std::uint64_t version = 0;
        request_facts facts{};
    } judged{};

    /// It has state on the server that another server has not.
    [[nodiscard]] bool holds_server() const { return has_long_data || has_cursor; }
    [[nodiscard]] std::size_t cost() const { return sizeof *this + what->text.size() + types.size(); }
};

/// Of a digest, whose octets are as good as random.
struct digest_hash {
    std::size_t operator()(const std::string& digest) const noexcept
    {
        std::size_t value = 0;
        std::memcpy(&value, digest.data(), std::min(sizeof value, digest.size()));
        return value;
    }
};

/// Which statements one server connection has prepared, the least recently used first in line to go.
class known_statements {
public:
    struct instance {
        statement_ptr what;
        std::uint32_t id = 0;  ///< the server's
        std::string types{};   ///< as last bound here
        bool has_types = false;
        bool had_cursor = false;
        std::uint32_t held_by = 0;  ///< the id of the client statement whose cursor or long data it has; 0: free
    };

    /// One that this client statement may use: its own, or a free one. Null where there is none.
    instance* find(const statement& wanted, std::uint32_t client_id);
    instance& insert(statement_ptr what, std::uint32_t id);
    void erase(std::uint32_t id);
    /// A free one of this statement beside `kept`; it has been taken out. 0: none.
    std::uint32_t take_duplicate(const statement& what, std::uint32_t kept);
    /// The least recently used free one, where there are more than `limit`; it has been taken out. 0: none.
    std::uint32_t take_excess(std::size_t limit);
    void clear()
    {
        any_had_cursor = false;
        by_use_.clear();
        places_.clear();
    }
    [[nodiscard]] std::size_t size() const { return by_use_.size(); }

    bool any_had_cursor = false;

private:
    std::list<instance> by_use_;  ///< most recently used first
    std::unordered_multimap<std::string, std::list<instance>::iterator, digest_hash> places_;
    std::uint32_t take(std::list<instance>::iterator place);
};

}  // namespace penstock::mysql
