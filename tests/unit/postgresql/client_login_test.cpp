// SPDX-License-Identifier: Apache-2.0
//
// How a client gets in, and all the ways in which it does not: one script per claim.
#include "protocols/postgresql/md5_auth.hpp"
#include "tests/support/login_client.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace penstock::postgresql {
namespace {

using namespace played;
using namespace std::string_literals;

TEST(ClientLogin, AsksForTheUserAndDatabaseThatWereNamed)
{
    client peer;
    peer.says(startup());
    EXPECT_EQ(peer.asked.user, "ann");
    EXPECT_EQ(peer.asked.database, "shop");
}

TEST(ClientLogin, ScramEndsWithOurProofAndWithoutAuthenticationOk)
{
    client peer;
    auto scram = begin_scram(peer);
    peer.says(final_of(peer, scram, "pencil"));
    const auto output = peer.hears();
    ASSERT_EQ(output.substr(5, 4), "\0\0\0\x0c"s);
    EXPECT_EQ(load_header(output).frame_size(), output.size());
    EXPECT_EQ(scram.finish(bytes{output}.substr(9)), std::nullopt);
    const auto result = peer.end();
    EXPECT_EQ(result.how, how::logged_in);
    EXPECT_EQ(result.identity.user, "ann");
    EXPECT_TRUE(result.identity.keys.has_value());
}

TEST(ClientLogin, WhatFollowsTheProofIsLeftForTheSession)
{
    client peer;
    auto scram = begin_scram(peer);
    peer.says(final_of(peer, scram, "pencil") + message('Q', "select 1\0"s));
    EXPECT_EQ(peer.end().how, how::logged_in);
    EXPECT_EQ(peer.front.line().take_leftover(), message('Q', "select 1\0"s));
}

TEST(ClientLogin, WrongPassword)
{
    client peer;
    auto scram = begin_scram(peer);
    peer.says(final_of(peer, scram, "crayon"));
    const auto error = error_in(peer.hears());
    EXPECT_EQ(error.sqlstate, "28P01");
    EXPECT_EQ(error.text, "password authentication failed for user \"ann\"");
    const auto result = peer.end();
    EXPECT_EQ(result.how, how::refused);
    EXPECT_EQ(result.error, error_kind::wrong_password);
    EXPECT_EQ(result.identity.user, "ann");
    EXPECT_NE(result.reason.find("wrong password"), std::string::npos);
}

TEST(ClientLogin, ASecondStartupMessageNeverReplacesTheFirst)
{
    const auto second = startup(0, "user\0root\0\0"s);
    client before_first;
    before_first.says(startup());
    before_first.hears();
    before_first.says(second);
    expect_refused(before_first, "08P01", "where the first SCRAM message is expected");

    client before_final;
    begin_scram(before_final);
    before_final.hears();
    before_final.says(second);
    expect_refused(before_final, "08P01", "where the proof is expected");
    EXPECT_EQ(before_final.asked.user, "ann");
}

TEST(ClientLogin, EveryOtherMessageInEveryStateIsRefused)
{
    for (int octet = 0; octet < 256; ++octet) {
        const auto type = static_cast<char>(octet);
        if (type == 'p') {
            continue;
        }
        for (const auto method : {auth_method::scram_sha_256, auth_method::md5}) {
            client peer;
            peer.record.method = method;
            peer.says(startup());
            peer.hears();
            peer.says(message(type, "pencil\0"s));
            expect_refused(peer, "08P01", "first " + std::to_string(octet));
        }
        client second;
        begin_scram(second);
        second.hears();
        second.says(message(type, "pencil\0"s));
        expect_refused(second, "08P01", "second " + std::to_string(octet));
    }
}

TEST(ClientLogin, LengthsOfPasswordMessagesAreBoundedBeforeTheBodyIsAwaited)
{
    for (const std::uint32_t length : {0U, 3U, 10'001U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
        client peer;
        peer.says(startup());
        peer.hears();
        std::string header = "p";
        byte_writer{header}.u32(length);
        peer.says(header);
        expect_refused(peer, "08P01", std::to_string(length));
    }
    login_context strict;
    strict.longest_startup = startup().size();
    client exact{strict};
    exact.says(startup());
    EXPECT_FALSE(exact.front.done());
    --strict.longest_startup;
    client longer{strict};
    longer.says(startup().substr(0, 4));
    expect_refused(longer, "08P01", "one octet too long");
}

TEST(ClientLogin, LengthsOfStartupPacketsAreBoundedBeforeTheBodyIsAwaited)
{
    for (const std::uint32_t length : {0U, 3U, 4U, 7U, 10'001U, 0x16030100U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
        client peer;
        std::string header;
        byte_writer{header}.u32(length);
        peer.says(header);
        expect_refused(peer, "08P01", std::to_string(length));
    }
}

TEST(ClientLogin, MalformedSaslMessages)
{
    const std::vector<std::pair<const char*, std::string>> table{
        {"empty", ""},
        {"no zero octet", "SCRAM-SHA-256"},
        {"no length", "SCRAM-SHA-256\0"s},
        {"no initial response", "SCRAM-SHA-256\0\xff\xff\xff\xff"s},
        {"length beyond the message", "SCRAM-SHA-256\0\0\0\0\x08n,,n=,r"s},
        {"length short of the message", "SCRAM-SHA-256\0\0\0\0\x03n,,n=,r=abc"s},
        {"length of 2^31", "SCRAM-SHA-256\0\x80\0\0\0n,,n=,r=abc"s},
        {"not a mechanism of ours", "PLAIN\0\0\0\0\x0bn,,n=,r=abc"s},
        {"plus without TLS", "SCRAM-SHA-256-PLUS\0\0\0\0\x0bn,,n=,r=abc"s},
        {"a password instead", "pencil\0"s},
    };
    for (const auto& [why, body] : table) {
        client peer;
        peer.says(startup());
        peer.hears();
        peer.says(message('p', body));
        expect_refused(peer, "08P01", why);
    }
}

TEST(ClientLogin, MalformedPasswordMessages)
{
    for (const auto& body : {""s, "pencil"s, "pencil\0x"s, "\0\0"s}) {
        for (const auto method : {auth_method::md5, auth_method::password}) {
            client peer{{.tls_available = true}};
            peer.record.method = method;
            peer.says(tls_request()).says(startup());
            peer.hears();
            peer.says(message('p', body));
            expect_refused(peer, "08P01", body);
        }
    }
}

TEST(ClientLogin, AnEmptyPasswordNeverMatchesAnEmptySecret)
{
    client peer{{.tls_available = true}};
    peer.record = {.exists = true, .method = auth_method::password};
    peer.says(tls_request()).says(startup());
    peer.hears();
    peer.says(message('p', "\0"s));
    expect_refused(peer, "08P01", "empty password");
}

TEST(ClientLogin, AClearPasswordIsNotEvenAskedForWithoutTls)
{
    client peer;
    peer.record.method = auth_method::password;
    peer.says(startup());
    expect_refused(peer, "28000", "password without TLS");
}

TEST(ClientLogin, NoMd5AnswerMatchesAUserWithoutPassword)
{
    for (const bool exists : {false, true}) {
        for (const auto* guess : {"", "nobody's password", "pencil"}) {
            client peer;
            peer.record = {.exists = exists, .method = auth_method::md5, .stored = secret{exists ? "" : "pencil"}};
            peer.says(startup());
            const auto salt = peer.hears().substr(9);
            peer.says(message('p', md5_answer(guess, "ann", salt) + "\0"s));
            expect_refused(peer, "28P01", guess);
        }
    }
}

TEST(ClientLogin, MethodsThatLetNobodyIn)
{
    for (const bool exists : {false, true}) {
        client rejected;
        rejected.record = {.exists = exists, .method = auth_method::reject};
        rejected.says(startup());
        expect_refused(rejected, "28000", "reject");

        client uncertified;
        uncertified.record = {.exists = exists, .method = auth_method::certificate};
        uncertified.says(startup());
        expect_refused(uncertified, "28000", "certificate without TLS");
    }
    client unknown;
    unknown.record = {.exists = false, .method = auth_method::trust};
    unknown.says(startup());
    expect_refused(unknown, "28000", "trust does not make users");
}

TEST(ClientLogin, CancelRequests)
{
    for (const auto& key : {"four"s, std::string(32, 'k'), std::string(256, 'k')}) {
        client peer;
        peer.says(packet(cancel_code, "\0\0\0\7"s + key));
        const auto result = peer.end();
        EXPECT_EQ(result.how, how::cancel);
        EXPECT_EQ(result.target, (cancel_key{7, key}));
        EXPECT_TRUE(peer.hears().empty());
    }
    for (const auto& body : {""s, "\0\0\0\7"s, "\0\0\0\7abc"s, "\0\0\0\7"s + std::string(257, 'k')}) {
        client peer;
        peer.says(packet(cancel_code, body));
        expect_gone(peer, body);
        EXPECT_TRUE(peer.hears().empty());
    }
    client encrypted{{.tls_available = true}};
    encrypted.says(tls_request()).says(packet(cancel_code, "\0\0\0\7four"s));
    EXPECT_EQ(encrypted.end().how, how::cancel);
}

TEST(ClientLogin, OtherMajorVersionsAreRefused)
{
    for (const auto code :
         {protocol_version(2, 0), protocol_version(4, 0), protocol_version(0, 0), 80877105U, 0xffffffffU}) {
        client peer;
        peer.says(packet(code, "user\0ann\0\0"s));
        expect_refused(peer, "0A000", std::to_string(code));
    }
}

TEST(ClientLogin, NewerMinorVersionsAndOptionsAreNegotiated)
{
    const auto reply_to = [](const std::string& octets) {
        client peer;
        peer.says(octets);
        auto reply = peer.hears();
        EXPECT_TRUE(reply.ends_with(asks_for_scram));
        return reply.substr(0, reply.size() - asks_for_scram.size());
    };
    EXPECT_EQ(reply_to(startup(0)), "");
    EXPECT_EQ(reply_to(startup(2)), "");
    EXPECT_EQ(reply_to(startup(1)), message('v', "\0\3\0\0\0\0\0\0"s));
    EXPECT_EQ(reply_to(startup(9999)), message('v', "\0\3\0\2\0\0\0\0"s));
    EXPECT_EQ(reply_to(startup(0, "user\0ann\0_pq_.x\0001\0\0"s)), message('v', "\0\3\0\0\0\0\0\1_pq_.x\0"s));
    EXPECT_EQ(reply_to(startup(9999, "user\0ann\0_pq_.test_protocol_negotiation\0\0\0"s)),
              message('v', "\0\3\0\2\0\0\0\1_pq_.test_protocol_negotiation\0"s));
}

TEST(ClientLogin, TheMinorVersionIsPartOfTheIdentity)
{
    for (const auto& [asked, spoken] : {std::pair{0U, 0U}, {1U, 0U}, {2U, 2U}, {9999U, 2U}}) {
        client peer;
        peer.record.method = auth_method::trust;
        peer.says(startup(asked));
        EXPECT_EQ(peer.end().identity.protocol_minor, spoken);
    }
}

TEST(ClientLogin, ReplicationIsRefusedForNow)
{
    client peer;
    peer.says(startup(0, "user\0ann\0replication\0database\0\0"s));
    expect_refused(peer, "0A000", "replication");
}

TEST(ClientLogin, FaultyParametersAreTold)
{
    client nobody;
    nobody.says(startup(0, "database\0shop\0\0"s));
    expect_refused(nobody, "28000", "no user");
    client loop;
    loop.says(startup(0, "user\0ann\0options\0-c=\0\0"s));
    expect_refused(loop, "42601", "an option without a name");
    client cut;
    cut.says(startup(0, "user\0ann"s));
    expect_refused(cut, "08P01", "no terminator");
}

TEST(ClientLogin, EndOfInputBeforeAnythingOrHalfWay)
{
    const auto all = startup();
    for (std::size_t count = 0; count < all.size(); ++count) {
        client peer;
        peer.says(all.substr(0, count));
        peer.front.end_of_input();
        expect_gone(peer, std::to_string(count));
        EXPECT_EQ(peer.end().error, std::nullopt) << "it failed at nothing";
    }
}

TEST(ClientLogin, Greeting)
{
    std::string out;
    encode_greeting(out, {{"TimeZone", "UTC"}}, {7, "four"});
    EXPECT_EQ(out, "R\0\0\0\x08\0\0\0\0S\0\0\0\x11TimeZone\0UTC\0K\0\0\0\x0c\0\0\0\7fourZ\0\0\0\5I"s);
    out.clear();
    encode_greeting(out, {}, {});
    EXPECT_EQ(out, "R\0\0\0\x08\0\0\0\0Z\0\0\0\5I"s);
}

}  // namespace
}  // namespace penstock::postgresql
