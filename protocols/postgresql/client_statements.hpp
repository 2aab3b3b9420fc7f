// SPDX-License-Identifier: Apache-2.0
//
// One client's prepared statements: its names and what they stand for, and its unnamed one.
//
// A new session owns no memory here. Bounds are the caller's: size() and memory() tell what is held.
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
    std::uint64_t version = 0;  ///< grows with every unnamed Parse
    std::string definition;     ///< text, zero octet, parameter types
    std::shared_ptr<const text_effects> effects;
    statement_verb verb = statement_verb::none;
};

class client_statements {
public:
    /// Null where the client has no such statement.
    [[nodiscard]] statement_ptr find(std::string_view name) const;
    void set(std::string_view name, statement_ptr value);
    void erase(std::string_view name);
    /// Forgets all named ones.
    void clear();

    [[nodiscard]] std::size_t size() const { return names_ ? names_->size() : 0; }
    /// Octets of names and definitions, each counted as if nobody else shared it.
    [[nodiscard]] std::size_t memory() const { return memory_; }

    [[nodiscard]] unnamed_statement& unnamed()
    {
        if (!unnamed_) {
            unnamed_ = std::make_unique<unnamed_statement>();
        }
        return *unnamed_;
    }
    [[nodiscard]] bool has_unnamed() const { return unnamed_ && unnamed_->exists; }

private:
    struct hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    using map = std::unordered_map<std::string, statement_ptr, hash, std::equal_to<>>;

    std::unique_ptr<map> names_;
    std::unique_ptr<unnamed_statement> unnamed_;
    std::size_t memory_ = 0;
};

}  // namespace penstock::postgresql
