// SPDX-License-Identifier: Apache-2.0
//
// The console's side of the protocol after the greeting: whole messages in, answers out, no input or output of its own.
//
// Simple and extended queries; after an error in the latter everything is skipped up to Sync ("Message Flow" in the
// PostgreSQL manual). PgBouncer refuses extended queries, which keeps many drivers out. What an answer needs to know
// first is told by needs(), so that the caller can fetch it.
#pragma once

#include "admin/commands.hpp"
#include "admin/console_messages.hpp"
#include "core/bytes.hpp"
#include "core/error.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::admin {

/// What a user may do on the console.
enum class console_role : std::uint8_t {
    none,   ///< not even read
    stats,  ///< SHOW
    admin,  ///< and commands
};

/// The answer to a route_question: a row, or why there is none.
struct route_answer {
    row cells{};  ///< class, route, reason, because, functions, pins, shape, digest
    std::optional<client_error> refused{};
};

/// What had to be found out for an answer.
struct console_facts {
    snapshot_ptr now{};
    std::optional<client_error> refused{};  ///< why an order was not carried out
    route_answer route{};
};

class console_dialogue {
public:
    enum class need : std::uint8_t { nothing, counts, everything, order, route };

    explicit console_dialogue(console_role role) : role_{role} {}

    /// What answer() will look up in the facts for this message.
    [[nodiscard]] need needs(char type, bytes body) const;
    /// Of a message that needs a route.
    [[nodiscard]] route_question asked_route(char type, bytes body) const;
    /// The order that needs() has told of for this message: it is to be carried out first.
    [[nodiscard]] command order_in(char type, bytes body) const;
    /// Takes one message, and appends what there is to say to it.
    void answer(char type, bytes body, const console_facts& facts, std::string& out);
    /// The client said goodbye, or broke the protocol.
    [[nodiscard]] bool has_ended() const { return ended_; }

private:
    struct portal {
        command what{};
        format_list formats{};
        std::optional<std::vector<row>> rows{};  ///< from the first Execute on
        std::size_t sent = 0;
    };

    void query(bytes body, const console_facts& facts, std::string& out);
    void parse(bytes body, std::string& out);
    void bind(bytes body, std::string& out);
    void describe(bytes body, std::string& out);
    void execute(bytes body, const console_facts& facts, std::string& out);
    void close(bytes body, std::string& out);

    /// Runs it, and tells all but rows; false where an error was told.
    bool perform(const command& what, const console_facts& facts, std::string& out);
    [[nodiscard]] std::optional<client_error> objection_to(const command& what) const;
    [[nodiscard]] need need_of(const command& what) const;
    [[nodiscard]] std::optional<command> run_by(char type, bytes body) const;
    void fail(error_kind kind, std::string detail, std::string_view sqlstate, std::string& out);
    void violation(std::string detail, std::string& out);

    console_role role_;
    std::map<std::string, command, std::less<>> statements_;
    std::map<std::string, portal, std::less<>> portals_;
    bool skipping_ = false;  ///< up to Sync
    bool ended_ = false;
};

}  // namespace penstock::admin
