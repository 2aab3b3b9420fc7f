// SPDX-License-Identifier: Apache-2.0
//
// Probing MySQL and MariaDB. Pure.
//
// read_only decides: a server that takes no writes is a replica, whether or not our account may see what it replicates.
// A member of a Galera cluster or of a replication group counts only while it is in step with the others; those that
// take writes together name their group, so that any one of them may be the primary. What an account may not see is
// done without.
//
// Servers keep one connection beyond max_connections for administrators, so none of those is reserved.
#pragma once

#include "control/probes.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::control {

class mysql_probe final : public probe {
public:
    explicit mysql_probe(router::node_id node) { seen_.node = node; }

    [[nodiscard]] std::optional<sql_query> question() const override;
    void take(const sql_answer& answer) override;
    [[nodiscard]] const probe_observation& seen() const override { return seen_; }

private:
    /// What is asked, in this order.
    enum class subject : std::uint8_t {
        variables,    ///< always; the rest only where these call for it
        galera,       ///< how this node of a Galera cluster is
        group,        ///< how this member of a replication group is
        history,      ///< MySQL: which transactions a server that takes writes has
        replication,  ///< whether the replication of a replica, or of an odd primary, runs
    };

    void take_variables(const sql_answer& answer);
    void take_galera(const sql_answer& answer);
    void take_group(const sql_answer& answer);
    void take_replication(const sql_answer& answer);
    void take_history(const sql_answer& answer);
    void fail(std::string why);
    void read_role();
    [[nodiscard]] std::string_view variable(const char* name) const;

    std::deque<subject> open_{subject::variables};
    std::map<std::string, std::string, std::less<>> variables_{};
    bool is_mariadb_ = false;
    probe_observation seen_{};
};

}  // namespace penstock::control
