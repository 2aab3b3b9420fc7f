// SPDX-License-Identifier: Apache-2.0
//
// Samples the positions of one cluster's nodes while somebody wants to know which replicas have a write, and sleeps
// otherwise.
//
// The board wakes it. It then asks the primary once for all writes before the question, and the replicas until each of
// them covers what is wanted, no node more often than the interval says. A replica that is far behind is asked less
// often the longer it takes. Connections of its own, made when they are first needed.
#pragma once

#include "control/loop.hpp"
#include "control/sql_client.hpp"
#include "core/clock.hpp"
#include "router/cluster_view.hpp"
#include "router/consistency.hpp"
#include "router/freshness_board.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace penstock::control {

/// What to ask a node for its position, and how to read the answer: the product's part.
struct position_questions {
    sql_query of_primary{};
    sql_query of_replica{};
    std::function<std::optional<router::position>(const sql_answer&)> read{};
    /// Whether the primary says that it numbers no transactions, so that there are none. May be empty: it always does.
    std::function<bool(const sql_answer&)> has_none{};
};
[[nodiscard]] position_questions postgresql_positions();
/// GTIDs, of both products: sampler_mysql.cpp.
[[nodiscard]] position_questions mysql_positions();

struct sampler_options {
    sql_target account{};                  ///< host, addresses and port are filled in per node
    duration interval = milliseconds{10};  ///< least time between two questions to one node
    duration patience = seconds{3};        ///< for an answer
    duration after_failure = seconds{1};   ///< until a node that did not answer is asked again
    position_questions ask{};
};

class sampler {
public:
    sampler(loop& on,
            sampler_options options,
            sql_client_factory make_client,
            std::function<router::cluster_view_ptr()> view);
    ~sampler();  ///< on the control thread, or once it has ended
    sampler(const sampler&) = delete;
    sampler& operator=(const sampler&) = delete;

    /// What it fills in.
    [[nodiscard]] const std::shared_ptr<router::freshness_board>& board() const;
    /// The cluster has changed: what is known of another primary's nodes is void at once. On the control thread.
    void look_again();

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace penstock::control
