// SPDX-License-Identifier: Apache-2.0
//
// TLS before a client's login: asked for, direct, required, refused, and tampered with.
#include "tests/support/login_client.hpp"

#include <gtest/gtest.h>

#include <string>

namespace penstock::postgresql {
namespace {

using namespace played;
using namespace std::string_literals;

TEST(ClientLoginTls, OfferedAndTaken)
{
    client peer{{.tls_available = true}};
    peer.says(tls_request());
    EXPECT_EQ(peer.hears(), "S");
    peer.says(startup());
    EXPECT_EQ(peer.hears(), asks_for(auth_request::sasl, "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"s));
}

TEST(ClientLoginTls, NotAvailable)
{
    client peer;
    peer.says(tls_request());
    EXPECT_EQ(peer.hears(), "N");
    peer.says(startup());
    EXPECT_EQ(peer.hears(), asks_for_scram);
}

TEST(ClientLoginTls, DataBehindTheRequestIsAnAttack)
{
    for (const bool available : {false, true}) {
        for (const auto& request : {tls_request(), gss_request()}) {
            client peer{{.tls_available = available}};
            peer.says(request + startup());
            expect_gone(peer, "stuffed");
            EXPECT_EQ(peer.hears().find('S'), std::string::npos);
            EXPECT_TRUE(peer.asked.user.empty());
        }
    }
}

TEST(ClientLoginTls, DataDuringTheHandshakeIsAnAttack)
{
    dialogue line;
    auto talk = client_login(line, {.tls_available = true});
    talk.start();
    line.feed(tls_request());
    ASSERT_EQ(line.waiting_for(), want::tls);
    line.feed(startup());
    line.tls_done(tls_facts{"TLSv1.3", "", "hash", ""});
    ASSERT_TRUE(talk.done());
    EXPECT_EQ(talk.take().how, how::gone);
}

TEST(ClientLoginTls, FailedHandshake)
{
    client peer{{.tls_available = true}};
    peer.front.tls = std::nullopt;
    peer.says(tls_request());
    expect_gone(peer, "handshake");
}

TEST(ClientLoginTls, ASecondRequestIsRefused)
{
    client plain;
    plain.says(tls_request());
    plain.hears();
    plain.says(tls_request());
    expect_refused(plain, "08P01", "after N");

    client under_tls{{.tls_available = true}};
    under_tls.says(tls_request());
    under_tls.hears();
    under_tls.says(tls_request());
    expect_refused(under_tls, "08P01", "under TLS");

    client gss_under_tls{{.tls_available = true}};
    gss_under_tls.says(tls_request());
    gss_under_tls.hears();
    gss_under_tls.says(gss_request());
    expect_refused(gss_under_tls, "08P01", "GSS under TLS");
}

TEST(ClientLoginTls, GssIsRefusedPolitelyAndTlsMayFollow)
{
    client peer{{.tls_available = true}};
    peer.says(gss_request());
    EXPECT_EQ(peer.hears(), "N");
    peer.says(tls_request());
    EXPECT_EQ(peer.hears(), "S");
    peer.says(startup());
    EXPECT_FALSE(peer.hears().empty());

    client twice;
    twice.says(gss_request());
    twice.hears();
    twice.says(gss_request());
    expect_refused(twice, "08P01", "GSS twice");
}

TEST(ClientLoginTls, DirectTlsNeedsItsApplicationProtocol)
{
    client direct{{.tls_available = true, .direct_tls = tls_facts{"TLSv1.3", "", "hash", "postgresql"}}};
    direct.says(startup());
    EXPECT_EQ(direct.hears(), asks_for(auth_request::sasl, "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"s));

    for (const auto* alpn : {"", "http/1.1"}) {
        client other{{.tls_available = true, .direct_tls = tls_facts{"TLSv1.3", "", "hash", alpn}}};
        expect_refused(other, "08P01", alpn);
    }
    client again{{.tls_available = true, .direct_tls = tls_facts{"TLSv1.3", "", "hash", "postgresql"}}};
    again.says(tls_request());
    expect_refused(again, "08P01", "SSLRequest under direct TLS");
}

TEST(ClientLoginTls, RequiredTls)
{
    client plain{{.tls_available = true, .require_tls = true}};
    plain.says(startup());
    EXPECT_TRUE(plain.asked.user.empty());
    expect_refused(plain, "28000", "require_tls");

    client encrypted{{.tls_available = true, .require_tls = true}};
    encrypted.says(tls_request()).says(startup());
    EXPECT_EQ(encrypted.asked.user, "ann");
}

}  // namespace
}  // namespace penstock::postgresql
