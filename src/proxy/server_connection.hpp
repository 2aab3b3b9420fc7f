// SPDX-License-Identifier: Apache-2.0
//
// One connection to a server, logged in: its stream, its half of the protocol, and its clean-up on return.
//
// It is always used by one worker's thread at a time: by the session that leases it, or by the pool while idle. Nothing
// a client left behind survives reset(): the server itself confirms the clean-up, or the connection is closed.
#pragma once

#include "core/clock.hpp"
#include "core/task.hpp"
#include "net/connect.hpp"
#include "net/driver.hpp"
#include "net/event.hpp"
#include "net/stream.hpp"
#include "protocols/wire/login_types.hpp"
#include "protocols/wire/protocol.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace penstock::proxy {

/// Cancel requests that are on their way for a connection; it is not lent again before they have arrived.
struct cancel_gate {
    std::uint32_t under_way = 0;
    bool may_linger = false;        ///< one has been sent since the last reset(); it may strike what comes next
    net::event* waiting = nullptr;  ///< told when the last one has ended
};

/// Where a connection goes, for reports and cancel requests.
struct server_place {
    std::string node{};       ///< "host:port" as configured
    std::string host{};       ///< its first half, for certificates
    net::endpoint address{};  ///< the one connected to
    std::string address_text{};
};

template <protocol P>
class server_connection {
public:
    server_connection(net::driver& on,
                      std::unique_ptr<net::stream> wire,
                      server_identity identity,
                      server_place place,
                      std::size_t statement_limit);

    // --- for the pool ---
    bool is_usable();
    [[nodiscard]] bool needs_reset() const
    {
        return cleanup_ != cleanup::none || gate_->under_way > 0 || gate_->may_linger;
    }
    task<bool> reset();
    void subscribe(net::event* watcher) { wire_->subscribe(watcher); }
    void detach();
    void attach(net::driver& on);
    task<void> close();

    // --- for the session that leases it ---
    typename P::back& half() { return half_; }
    [[nodiscard]] const typename P::back& half() const { return half_; }
    net::stream& wire() { return *wire_; }
    [[nodiscard]] const net::stream& wire() const { return *wire_; }
    /// What reset() has to do before the next borrower.
    void needs(cleanup how) { cleanup_ = std::max(cleanup_, how); }
    [[nodiscard]] const std::shared_ptr<cancel_gate>& gate() const { return gate_; }

    /// Runs a query of our own and waits for its end. False where it failed or the time is up; then the connection is
    /// unfit.
    task<bool> run(std::string text, time_point deadline);

    [[nodiscard]] const cancel_key& key() const { return identity_.cancel; }
    [[nodiscard]] const parameter_list& login_parameters() const { return identity_.parameters; }
    [[nodiscard]] const server_place& place() const { return place_; }
    [[nodiscard]] bool has_tls() const { return identity_.tls; }
    [[nodiscard]] std::uint64_t id() const { return id_; }
    [[nodiscard]] std::chrono::system_clock::time_point opened_at() const { return opened_at_; }
    time_point lent_at{};       ///< when it was lent last
    std::uint64_t lent_to = 0;  ///< the session's id; 0 while nobody has it

private:
    void note_unasked(const client_error& why) const;
    /// Sends what was announced and waits until the server owes nothing.
    task<bool> settle(outbox& to_server, typename P::front& asker, time_point deadline);

    net::driver* driver_;
    std::unique_ptr<net::stream> wire_;
    typename P::back half_;
    server_identity identity_;
    server_place place_;
    cleanup cleanup_ = cleanup::none;
    std::shared_ptr<cancel_gate> gate_ = std::make_shared<cancel_gate>();
    std::uint64_t id_;
    std::chrono::system_clock::time_point opened_at_ = std::chrono::system_clock::now();
};

}  // namespace penstock::proxy
