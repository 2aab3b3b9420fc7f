// SPDX-License-Identifier: Apache-2.0
//
// sql_client for MySQL and MariaDB, never blocking the control thread.
//
// It logs in with the conversation that the data plane uses, so TLS modes, methods of authentication and bounds are the
// same (ADR 15 says why it is not a client library). A host beginning with '/' is the path of a Unix socket; there TLS
// is not asked for.
#pragma once

#include "control/loop.hpp"
#include "control/sql_client.hpp"

#include <memory>

namespace penstock::control {

class mysql_client final : public sql_client {
public:
    mysql_client(loop& on, sql_target target);
    ~mysql_client() override;

    void ask(sql_query query, duration patience, std::function<void(sql_answer)> answer) override;

    /// A factory for `on`, which outlives the clients.
    [[nodiscard]] static sql_client_factory factory(loop& on);

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace penstock::control
