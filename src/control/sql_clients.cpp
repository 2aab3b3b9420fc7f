// SPDX-License-Identifier: Apache-2.0
#include "control/sql_clients.hpp"

#include "control/libpq_client.hpp"
#include "control/mysql_client.hpp"

namespace penstock::control {

sql_client_factory sql_clients(loop& on)
{
    return [&on](const sql_target& target) -> std::unique_ptr<sql_client> {
        if (target.engine == engine::mysql) {
            return std::make_unique<mysql_client>(on, target);
        }
        return std::make_unique<libpq_client>(on, target);
    };
}

}  // namespace penstock::control
