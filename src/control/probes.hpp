// SPDX-License-Identifier: Apache-2.0
//
// What to ask a node for its role and limits, and how to read the answers. Pure; each product has its own way.
#pragma once

#include "control/sql_client.hpp"
#include "control/topology.hpp"
#include "core/engine.hpp"

#include <memory>
#include <optional>

namespace penstock::control {

/// One probe of one node: questions one after the other until enough is known.
class probe {
public:
    virtual ~probe() = default;
    /// What to ask next; nothing where enough is known.
    [[nodiscard]] virtual std::optional<sql_query> question() const = 0;
    /// Takes the answer to the last question.
    virtual void take(const sql_answer& answer) = 0;
    /// What was found; to be called where there is no question left.
    [[nodiscard]] virtual const probe_observation& seen() const = 0;
};

[[nodiscard]] std::unique_ptr<probe> begin_probe(engine of, router::node_id node);

/// Whether a server that goes on has answered, be it by a refusal: of a full one, say, or of a wrong password.
[[nodiscard]] bool is_sign_of_life(const sql_answer& answer);

/// PostgreSQL's one question: in recovery?, max_connections, connections kept for superusers (and, since PostgreSQL 16,
/// for others).
[[nodiscard]] sql_query role_query();

[[nodiscard]] probe_observation read_probe(router::node_id node, const sql_answer& answer);

/// PostgreSQL's second one, without which a probe does: the system identifier, the timeline (of a replica: at least
/// that of its last restartpoint), and when the server started, by which one under two names is known.
[[nodiscard]] sql_query history_query();

/// Fills in what that answer tells; nothing where it is not understood.
void read_history(const sql_answer& answer, probe_observation& seen);

}  // namespace penstock::control
