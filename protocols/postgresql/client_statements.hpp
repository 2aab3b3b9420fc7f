// SPDX-License-Identifier: Apache-2.0
//
// One client's prepared statements: its names and what they stand for, and its unnamed one.
//
// They change when the client's message is sent on, so that what follows it finds them changed. Until the server has
// confirmed the message, a statement_change holds what was there before. A new session owns no memory here. Bounds are
// the caller's: size() and memory() tell what is held.
#pragma once

#include "protocols/postgresql/statement.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace penstock::postgresql {

/// The unnamed statement, kept so that it can be prepared again on another server.
struct unnamed_statement {
    bool exists = false;
    bool kept = false;          ///< definition holds it; otherwise it was too long, and only its server knows it
    std::uint64_t version = 0;  ///< unique among all that this client has had, 0 before the first
    std::string definition;     ///< text, zero octet, parameter types
    std::shared_ptr<const text_effects> effects;
    statement_verb verb = statement_verb::none;
    transaction_effect block{};
};

/// Names are compared up to the length that names of SQL have, as PostgreSQL does.
class client_statements {
    struct hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };

public:
    using map = std::unordered_map<std::string, statement_ptr, hash, std::equal_to<>>;

    /// Null where the client has no such statement. Valid until that name is given anew.
    [[nodiscard]] const statement_ptr& find(std::string_view name) const
    {
        return last_ != nullptr && last_->first == name ? last_->second : look_up(name);
    }
    void set(std::string_view name, statement_ptr value);
    void erase(std::string_view name);
    /// Forgets all named ones, and gives them for restore(); null where there were none.
    std::unique_ptr<map> take_all();
    void restore(std::unique_ptr<map> names);

    /// Those of the protocol are shared with nobody from now on.
    void make_private();

    /// One of them is only its server's to know.
    [[nodiscard]] bool has_unknown() const;

    [[nodiscard]] std::size_t size() const { return names_ ? names_->size() : 0; }
    /// Octets of names and definitions, the unnamed one's included, each counted as if nobody else shared it.
    [[nodiscard]] std::size_t memory() const { return memory_ + (has_unnamed() ? unnamed_->definition.size() : 0); }

    [[nodiscard]] unnamed_statement& unnamed()
    {
        if (!unnamed_) {
            unnamed_ = std::make_unique<unnamed_statement>();
        }
        return *unnamed_;
    }
    /// Of one that exists.
    [[nodiscard]] const unnamed_statement& unnamed() const { return *unnamed_; }
    /// Of one that exists and is kept.
    [[nodiscard]] const std::string& unnamed_definition() const { return unnamed_->definition; }
    [[nodiscard]] bool has_unnamed() const { return unnamed_ && unnamed_->exists; }
    /// A version for what the unnamed statement is now becoming.
    [[nodiscard]] std::uint64_t next_version() { return ++versions_; }

private:
    [[nodiscard]] const statement_ptr& look_up(std::string_view name) const;

    std::unique_ptr<map> names_;
    mutable const map::value_type* last_ = nullptr;  ///< of names_, that was found last
    std::unique_ptr<unnamed_statement> unnamed_;
    std::size_t memory_ = 0;
    std::uint64_t versions_ = 0;
};

/// What one message changed that the server has not confirmed; undone where the server refuses or skips it.
struct statement_change {
    std::string name{};                                    ///< a named statement; empty: none was changed
    statement_ptr before{};                                ///< what it stood for; null: the name was free
    std::unique_ptr<client_statements::map> all_before{};  ///< all names, where the message gives all of them up
    std::unique_ptr<unnamed_statement> unnamed_before{};   ///< where the message replaces the unnamed one
};

}  // namespace penstock::postgresql
