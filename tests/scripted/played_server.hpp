// SPDX-License-Identifier: Apache-2.0
//
// What a world asks of a server that a test plays beside its own of PostgreSQL: where it listens, and its turn.
#pragma once

#include "net/connect.hpp"

namespace penstock::test {

class played_server {
public:
    played_server() = default;
    played_server(const played_server&) = delete;
    played_server& operator=(const played_server&) = delete;
    virtual ~played_server() = default;

    [[nodiscard]] virtual const net::endpoint& where() const = 0;
    /// Accepts, receives and answers what can be; whether anything moved.
    virtual bool serve() = 0;
    /// Refuses new connections and closes all.
    virtual void stop() = 0;
};

}  // namespace penstock::test
