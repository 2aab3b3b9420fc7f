// SPDX-License-Identifier: Apache-2.0
//
// Opens server connections for a pool: finds the node, connects, logs in, runs the pool's init_query.
#pragma once

#include "pool/pool.hpp"
#include "proxy/process.hpp"
#include "proxy/server_connection.hpp"

#include <memory>
#include <string>

namespace penstock::proxy {

template <protocol P>
class server_opener final : public pool::opener<server_connection<P>> {
public:
    server_opener(process& owner, std::shared_ptr<const pool_record> record)
        : process_{owner}, record_{std::move(record)}
    {
    }

    task<pool::open_result<server_connection<P>>> open(net::driver& on, std::string node, time_point deadline) override;

private:
    using opened = pool::open_result<server_connection<P>>;

    task<opened> open_on_replica(net::driver& on, router::cluster_view_ptr view, time_point deadline);
    /// `at` lives as long as the task: whoever awaits this holds its view.
    task<opened> open_at(net::driver& on, const router::node& at, time_point deadline);
    task<opened> connect(
        net::driver& on, const router::node& where, server_place place, server_account account, time_point deadline);
    task<opened> log_in(net::driver& on,
                        std::unique_ptr<net::stream> wire,
                        server_place place,
                        server_account account,
                        std::string host,
                        time_point deadline);

    process& process_;
    std::shared_ptr<const pool_record> record_;
};

}  // namespace penstock::proxy
