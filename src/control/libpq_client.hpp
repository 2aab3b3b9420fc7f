// SPDX-License-Identifier: Apache-2.0
//
// sql_client over libpq, never blocking the control thread.
//
// The .cpp is the only includer of libpq-fe.h. Names are resolved by control/resolver beforehand, since libpq would
// block on them. The connection's search_path is pg_catalog alone, whatever role or database say.
#pragma once

#include "control/loop.hpp"
#include "control/sql_client.hpp"

#include <memory>

namespace penstock::control {

class libpq_client final : public sql_client {
public:
    libpq_client(loop& on, sql_target target);
    ~libpq_client() override;

    void ask(sql_query query, duration patience, std::function<void(sql_answer)> answer) override;

    /// Most rows and octets of values of one answer; more is a fault.
    static constexpr std::size_t most_rows = 10'000;
    static constexpr std::size_t most_octets = 1024 * 1024;

    /// A factory for `on`, which outlives the clients.
    [[nodiscard]] static sql_client_factory factory(loop& on);

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace penstock::control
