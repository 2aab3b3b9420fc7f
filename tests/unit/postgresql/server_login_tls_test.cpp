// SPDX-License-Identifier: Apache-2.0
//
// Logging in to servers under TLS: the modes, what may come around the handshake, channel binding.
#include "tests/unit/postgresql/server_login_support.hpp"

namespace penstock::postgresql {
namespace {

using namespace served;

TEST(ServerLoginTls, Modes)
{
    struct row {
        mode tls;
        bool asks;
        bool takes_no;
    };
    for (const auto& [tls, asks, takes_no] : {row{mode::disable, false, true},
                                              row{mode::allow, false, true},
                                              row{mode::prefer, true, true},
                                              row{mode::require, true, false},
                                              row{mode::verify_ca, true, false},
                                              row{mode::verify_full, true, false}}) {
        server peer{account(tls)};
        const auto first = peer.hears();
        EXPECT_EQ(first == "\0\0\0\x08\x04\xd2\x16\x2f"s, asks);
        if (!asks) {
            continue;
        }
        peer.says("N");
        if (takes_no) {
            peer.says(auth_ok + ready);
            EXPECT_FALSE(peer.end()->tls);
        } else {
            expect_failure(peer, "N");
            EXPECT_TRUE(peer.hears().empty());
        }
        server encrypted{account(tls)};
        encrypted.says("S").says(auth_ok + ready);
        EXPECT_TRUE(encrypted.end()->tls);
    }
}

TEST(ServerLoginTls, NothingMayFollowTheAnswer)
{
    for (const auto* answer : {"S", "N"}) {
        server peer{account(mode::prefer)};
        peer.hears();
        peer.says(answer + auth_ok + ready);
        expect_failure(peer, answer);
        EXPECT_TRUE(peer.hears().empty());
    }
}

TEST(ServerLoginTls, UnencryptedDataDuringTheHandshake)
{
    dialogue line;
    auto talk = server_login(line, account(mode::require));
    talk.start();
    line.feed("S");
    ASSERT_EQ(line.waiting_for(), want::tls);
    line.feed(auth_ok + ready);
    line.tls_done(tls_facts{"TLSv1.3", "", "hash", ""});
    ASSERT_TRUE(talk.done());
    EXPECT_FALSE(talk.take().has_value());
}

TEST(ServerLoginTls, OtherAnswersAndFailures)
{
    for (const auto& answer : {"E"s, message('E', "C53300\0Mtoo many\0\0"s), "H"s, "\0"s, "HTTP/1.1 400\r\n"s}) {
        server peer{account(mode::prefer)};
        peer.says(answer);
        expect_failure(peer, answer);
    }
    server silent{account(mode::prefer)};
    silent.back.end_of_input();
    expect_failure(silent, "gone", error_kind::server_unavailable);

    server handshake{account(mode::require)};
    handshake.back.tls = std::nullopt;
    handshake.says("S");
    expect_failure(handshake, "handshake");
}

TEST(ServerLoginTls, BindsTheChannelWhereTheServerOffersIt)
{
    const auto first_message_to = [](const std::string& mechanisms, std::string hash) {
        server peer{account(mode::require)};
        peer.back.tls->server_certificate_hash = std::move(hash);
        peer.says("S");
        peer.hears();
        peer.says(auth(auth_request::sasl, mechanisms));
        return peer.hears();
    };
    const auto both = "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"s;
    EXPECT_NE(first_message_to(both, "hash").find("p=tls-server-end-point,,n=,r="), std::string::npos);
    EXPECT_NE(first_message_to("SCRAM-SHA-256\0\0"s, "hash").find("y,,n=,r="), std::string::npos);
    EXPECT_NE(first_message_to("SCRAM-SHA-256\0\0"s, "").find("y,,n=,r="), std::string::npos);
}

TEST(ServerLoginTls, ACertificateThatNothingCanBeBoundToIsRefusedWhereTheServerWantsBinding)
{
    server peer{account(mode::require)};
    peer.back.tls->server_certificate_hash.clear();
    peer.says("S");
    peer.hears();
    peer.says(auth(auth_request::sasl, "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"s));
    EXPECT_EQ(peer.hears(), "") << "no proof for anybody in between";
    expect_failure(peer, "Ed25519");
}

}  // namespace
}  // namespace penstock::postgresql
