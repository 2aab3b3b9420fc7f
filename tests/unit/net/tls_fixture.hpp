// SPDX-License-Identifier: Apache-2.0
//
// Two streams of one driver that speak TLS with each other, and certificates for both.
#pragma once

#include "net/tls_context.hpp"
#include "tests/unit/net/certificates.hpp"
#include "tests/unit/net/support.hpp"

#include <memory>
#include <optional>
#include <string>

namespace penstock::net::testing {

/// An authority, a server "db.example" (also 127.0.0.1), a client "alice", and a stranger whom nobody has signed.
struct certificates {
    certificate_folder folder;
    signed_certificate authority = folder.make("ca", {.common_name = "Test CA", .is_authority = true});
    signed_certificate server = folder.make(
        "server",
        {.common_name = "db.example", .alternative_names = "DNS:db.example,DNS:*.pool.example,IP:127.0.0.1"},
        &authority);
    signed_certificate client = folder.make("client", {.common_name = "alice"}, &authority);
    signed_certificate stranger = folder.make("stranger", {.common_name = "mallory", .is_authority = true});

    /// Made once: a key costs a while under a sanitizer.
    static const certificates& instance()
    {
        static const certificates made;
        return made;
    }
    static std::string path(const std::string& name) { return instance().folder.file(name); }
};

inline tls_options server_options()
{
    return {.certificate_file = certificates::path("server.crt"), .key_file = certificates::path("server.key")};
}

using context_pointer = std::shared_ptr<const tls_context>;

inline context_pointer server_context(const tls_options& options = server_options())
{
    auto made = make_server_context(options);
    EXPECT_TRUE(made.has_value()) << made.error().detail;
    return *made;
}

inline context_pointer client_context(const tls_options& options = {})
{
    auto made = make_client_context(options);
    EXPECT_TRUE(made.has_value()) << made.error().detail;
    return *made;
}

/// Drives a handshake until it is decided (or the peer goes), leaving what follows unread.
inline task<void> shake_hands(stream& with, event& woken, bool& done)
{
    with.subscribe(&woken);
    while (with.tls() == tls_state::handshaking) {
        if (!with.readable()) {
            co_await woken.wait();
            continue;
        }
        const auto got = with.receive();
        EXPECT_NE(got.how, received::kind::data);
        if (got.how == received::kind::end || got.how == received::kind::error) {
            break;
        }
    }
    with.subscribe(nullptr);
    done = true;
}

struct tls_pair {
    driver& on;
    std::optional<stream> server;
    std::optional<stream> client;

    tls_pair(driver& where, socket_pair sockets) : on{where}
    {
        make_non_blocking(sockets.theirs.get());
        server.emplace(on, sockets.ours.release());
        client.emplace(on, sockets.theirs.release());
    }

    void shake(const context_pointer& server_side, const context_pointer& client_side, const std::string& host = {})
    {
        client->start_tls(*client_side, tls_role::client, host);
        server->start_tls(*server_side, tls_role::server);
        if (client->failed()) {
            return;
        }
        event server_woken{on};
        event client_woken{on};
        bool server_done = false;
        bool client_done = false;
        on.spawn(shake_hands(*server, server_woken, server_done));
        on.spawn(shake_hands(*client, client_woken, client_done));
        EXPECT_TRUE(turn_until(on, [&] { return server_done && client_done; }));
    }

    /// What the stream receives next that is more than "nothing yet".
    received next(stream& at)
    {
        received got;
        turn_until(on, [&] {
            got = at.readable() ? at.receive() : received{};
            return got.how != received::kind::would_block;
        });
        return got;
    }

    void expect_established() const
    {
        EXPECT_EQ(server->tls(), tls_state::established) << server->fault();
        EXPECT_EQ(client->tls(), tls_state::established) << client->fault();
    }
};

}  // namespace penstock::net::testing
