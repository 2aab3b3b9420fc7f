// SPDX-License-Identifier: Apache-2.0
//
// All the ways in which a client does not get in: malformed, oversized, out of order, unknown, or gone.
#include "protocols/mysql/auth_rsa.hpp"
#include "protocols/mysql/client_login_proof.hpp"
#include "tests/unit/mysql/login_support.hpp"

namespace penstock::mysql {
namespace {

using namespace played;

TEST(ClientLoginHostile, LengthsAreBoundedBeforeTheBodyIsAwaited)
{
    for (const std::uint32_t length : {std::uint32_t{longest_login_packet} + 1, 0x7fffffU, longest_frame}) {
        client peer;
        char header[header_size];
        store_header(header, {length, 1});
        peer.says(bytes{header, header_size});
        ++peer.sequence;
        expect_refused(peer, 1153, std::to_string(length));
        client later{{.greeting = greeting_of(native)}};
        later.record.stored = secret{stored_native("pencil")};
        later.responds(native, "");
        EXPECT_TRUE(later.front.done()) << "an empty password is not asked for again";
        client switched;
        switched.record.stored = secret{stored_native("pencil")};
        switched.responds(sha2, switched.answer(sha2, "pencil"));
        switched.hears_switch(native);
        header[3] = '\3';
        switched.says(bytes{header, header_size});
        ++switched.sequence;
        expect_refused(switched, 1043, "an answer of " + std::to_string(length));
    }
}

TEST(ClientLoginHostile, PacketsComeInOrder)
{
    for (int number = 0; number < 256; ++number) {
        if (number == 1) {
            continue;
        }
        client peer;
        peer.says(packet(static_cast<std::uint8_t>(number), peer.response(sha2, peer.answer(sha2, "pencil"))));
        ++peer.sequence;
        expect_refused(peer, 1156, std::to_string(number));
    }
    client answering;
    answering.record.stored = secret{stored_native("pencil")};
    answering.responds(sha2, answering.answer(sha2, "pencil"));
    const auto nonce = answering.hears_switch(native);
    answering.says(packet(4, answering.answer(native, "pencil", nonce)));
    ++answering.sequence;
    expect_refused(answering, 1156, "the answer to a switch");
}

/// A response with its fields as bytes, to be bent.
std::string raw_response(capability_flags capabilities, bytes rest)
{
    std::string payload;
    encode_response_start({capabilities, 1U << 24, 45}, payload);
    return payload.append(rest);
}

TEST(ClientLoginHostile, MalformedResponses)
{
    constexpr auto all = usual_capabilities;
    constexpr auto counted = usual_capabilities & ~capability::plugin_auth_lenenc;
    const auto user = "ann\0"s;
    const auto rest = "\0shop\0mysql_native_password\0"s;
    const std::vector<std::pair<const char*, std::string>> table{
        {"nothing", ""},
        {"four octets", "\x00\x02\x00\x00"s},
        {"one octet short of a start", std::string(31, '\0')},
        {"no protocol 4.1", raw_response(all & ~capability::protocol_41, user + rest)},
        {"SSLRequest that was not offered", raw_response(all | capability::ssl, "")},
        {"no end of the user", raw_response(all, "ann")},
        {"user of 385 octets", raw_response(all, std::string(longest_user + 1, 'u') + "\0"s + rest)},
        {"schema of 257 octets", raw_response(all, user + "\0"s + std::string(longest_schema + 1, 's') + "\0"s)},
        {"plugin name of 129 octets", raw_response(all, user + "\0shop\0"s + std::string(129, 'p') + "\0"s)},
        {"answer longer than the packet", raw_response(counted, user + "\xff" + "short")},
        {"answer of NULL", raw_response(all, user + "\xfb" + rest)},
        {"answer of ERR", raw_response(all, user + "\xff" + rest)},
        {"answer of 2^16 octets", raw_response(all, user + "\xfd\xff\xff\x00"s)},
        {"answer of 2^64 - 1 octets", raw_response(all, user + std::string(9, '\xff').replace(0, 1, "\xfe"))},
        {"answer of 2^63 octets", raw_response(all, user + "\xfe\0\0\0\0\0\0\0\x80"s)},
        {"attributes longer than the packet", raw_response(all, user + rest + "\x20" + "\x01" + "a")},
        {"attributes of 2^64 - 1 octets",
         raw_response(all, user + rest + std::string(9, '\xff').replace(0, 1, "\xfe"))},
        {"an attribute without value", raw_response(all, user + rest + "\x02\x01" + "a")},
        {"an attribute longer than all of them", raw_response(all, user + rest + "\x04\x01" + "a\x09" + "b")},
        {"a name of NULL", raw_response(all, user + rest + "\x03\xfb\x01" + "b")},
        {"65 KiB of attributes", raw_response(all, user + rest + "\xfd\x00\x04\x01"s + std::string(0x10400, '\0'))},
    };
    for (const auto& [why, payload] : table) {
        client peer;
        peer.sends(payload);
        expect_refused(peer, 1043, why);
    }
}

TEST(ClientLoginHostile, EveryShorterResponseIsRefusedOrDoesWithoutItsLastFields)
{
    client model;
    const auto whole = model.response(native, std::string(20, 'x'), encode_attributes({{"a", "1"}}));
    const auto fixed = tls_request_size + "ann\0"s.size() + 21;  // up to the answer, which must be there
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        const auto message = decode_response(bytes{whole}.substr(0, cut), usual_capabilities);
        if (cut < fixed) {
            EXPECT_FALSE(message) << cut;
        } else if (message) {
            EXPECT_EQ(message->user, "ann") << cut;
        }
    }
}

TEST(ClientLoginHostile, BigConnectionAttributesAreTakenManyAreNotKept)
{
    parameter_list few{{"big", std::string(60000, 'x')}};
    client peer;
    peer.sends(peer.response(sha2, peer.answer(sha2, "pencil"), encode_attributes(few)));
    peer.hears_packet();
    EXPECT_EQ(expect_in(peer).identity.attributes, few);

    parameter_list many;
    for (int number = 0; number < 5000; ++number) {
        many.emplace_back("n" + std::to_string(number), "v");
    }
    client talkative;
    talkative.sends(talkative.response(sha2, talkative.answer(sha2, "pencil"), encode_attributes(many)));
    talkative.hears_packet();
    EXPECT_EQ(expect_in(talkative).identity.attributes.size(), most_attributes);
}

TEST(ClientLoginHostile, TheThreeWaysToWriteAnAnswer)
{
    for (const auto without : {capability_flags{0},
                               capability::plugin_auth_lenenc,
                               capability::plugin_auth_lenenc | capability::secure_connection}) {
        client peer{{.greeting = greeting_of(native)}};
        // Where a zero octet ends the answer there is none inside.
        std::string password = "pencil";
        while (peer.answer(native, password).find('\0') != std::string::npos) {
            password.push_back('x');
        }
        peer.record.stored = secret{password};
        const auto text = peer.answer(native, password);
        const bool counted = !has(without, capability::secure_connection);
        const auto answer = counted ? "\x14" + text : text + '\0';
        peer.sends(raw_response(usual_capabilities & ~without, "ann\0"s + answer + "shop\0mysql_native_password\0"s));
        expect_in(peer);
    }
}

TEST(ClientLoginHostile, FieldsThatSomeClientsLeaveOut)
{
    // PHP's mysqlnd leaves out the schema where it announces one, others the zero octet of the last name.
    const auto answer = [](const client& peer) { return "\x14" + peer.answer(native, "pencil"); };
    for (const auto& rest : {""s,
                             "shop"s,
                             "shop\0"s,
                             "shop\0mysql_native_password"s,
                             "\0mysql_native_password\0"s,
                             "shop\0mysql_native_password\0"s,
                             "shop\0mysql_native_password\0\0"s}) {
        client peer{{.greeting = greeting_of(native)}};
        auto capabilities = usual_capabilities;
        if (rest.find("mysql") == std::string::npos) {
            capabilities &= ~capability::plugin_auth;
        }
        peer.sends(raw_response(capabilities, "ann\0"s + answer(peer) + rest));
        expect_in(peer);
    }
}

TEST(ClientLoginHostile, WrongPasswordsByEveryMethodSoundTheSame)
{
    for (const auto& stored : {"pencil"s, stored_native("pencil"), stored_sha2("pencil"), ""s}) {
        for (const auto method : {native, sha2}) {
            for (const bool exists : {true, false}) {
                client peer{{.tls_available = true, .greeting = greeting_of(method)}};
                peer.record = {.exists = exists, .stored = secret{stored}};
                peer.asks_for_tls().responds(method, peer.answer(method, "crayon"));
                while (!peer.front.done()) {
                    const auto one = peer.hears_packet();
                    if (const auto message = decode_auth_switch(one.payload)) {
                        peer.sends(peer.answer(message->plugin, "crayon", nonce_in(message->data)));
                    } else {
                        ASSERT_EQ(one.payload, "\x01\x04"s);
                        peer.sends("crayon\0"s);
                    }
                }
                const auto error = expect_refused(peer, 1045, stored);
                EXPECT_EQ(error.sqlstate, "28000");
                EXPECT_EQ(error.text, "Access denied for user 'ann'@'10.0.0.7' (using password: YES)");
            }
        }
    }
}

/// What a client with a wrong password hears, packet by packet, nonces and keys left out.
std::string course_of(const std::shared_ptr<auth_commons>& commons, const user_record& record)
{
    client peer{{.commons = commons}};
    peer.record = record;
    peer.responds(sha2, peer.answer(sha2, "crayon"));
    std::string course;
    for (int round = 0; round < 5 && !peer.front.done(); ++round) {
        const auto one = peer.hears_packet();
        if (const auto message = decode_auth_switch(one.payload)) {
            course.append("switch to ").append(message->plugin).append("; ");
            peer.sends(peer.answer(message->plugin, "crayon", nonce_in(message->data)));
        } else {
            course.append("full exchange; ");
            peer.sends(*encrypt_password(secret{"crayon"}, peer.greeted.nonce, commons->key().public_pem()));
        }
    }
    return course + error_in(only_packet(peer.hears()).payload).text;
}

TEST(ClientLoginHostile, AnUnknownUserGoesTheWayOfTheOthers)
{
    const auto key = "ed25519:ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"s;
    for (const auto& stored : {"pencil"s, stored_native("pencil"), stored_sha2("pencil"), key}) {
        const auto commons = fresh_commons();
        const auto known = course_of(commons, {.exists = true, .stored = secret{stored}});
        EXPECT_EQ(course_of(commons, {.exists = false}), known);
        EXPECT_EQ(course_of(commons, {.exists = true, .stored = secret{""}}), known) << "nor one without a password";
    }
}

TEST(ClientLoginHostile, NothingMatchesNoSecret)
{
    for (const bool exists : {true, false}) {
        for (const auto* guess : {"", "pencil"}) {
            client peer{{.greeting = greeting_of(native)}};
            peer.record = {.exists = exists};
            peer.responds(native, std::string_view{guess}.empty() ? ""s : peer.answer(native, guess));
            expect_refused(peer, 1045, guess);
        }
    }
    client empty{{.greeting = greeting_of(native)}};
    empty.responds(native, "");
    EXPECT_EQ(expect_refused(empty, 1045, "empty").text,
              "Access denied for user 'ann'@'10.0.0.7' (using password: NO)");
}

TEST(ClientLoginHostile, AUserWhoCannotBeLookedUpMayTryAgain)
{
    client peer{{.greeting = greeting_of(native)}};
    peer.record = {.exists = false, .temporarily_unavailable = true};
    peer.responds(native, peer.answer(native, "pencil"));
    EXPECT_EQ(expect_refused(peer, 2003, "no look-up").sqlstate, "08001");
}

TEST(ClientLoginHostile, AnAnswerToAnotherNonceIsWrong)
{
    client first{{.greeting = greeting_of(native)}};
    client second{{.greeting = greeting_of(native)}};
    EXPECT_NE(first.greeted.nonce, second.greeted.nonce);
    second.responds(native, first.answer(native, "pencil"));
    expect_refused(second, 1045, "a recorded answer");
}

TEST(ClientLoginHostile, MalformedFullExchanges)
{
    const std::vector<std::pair<const char*, std::string>> table{{"nothing", ""},
                                                                 {"a zero octet", "\0"s},
                                                                 {"the password in clear", "pencil\0"s},
                                                                 {"noise", std::string(256, 'x')},
                                                                 {"too long", std::string(300, 'x')},
                                                                 {"half a block", std::string(128, 'x')}};
    for (const auto& [why, answer] : table) {
        client peer;
        peer.record.stored = secret{stored_sha2("pencil")};
        peer.responds(sha2, peer.answer(sha2, "pencil"));
        peer.hears_packet();
        peer.sends(answer);
        expect_refused(peer, 1045, why);
    }
    client twice;
    twice.record.stored = secret{stored_sha2("pencil")};
    twice.responds(sha2, twice.answer(sha2, "pencil"));
    twice.hears_packet();
    twice.sends("\x02");
    twice.hears_packet();
    twice.sends("\x02");
    expect_refused(twice, 1045, "the key is given once");
    client too_much;
    too_much.record.stored = secret{stored_sha2("pencil")};
    too_much.responds(sha2, too_much.answer(sha2, "pencil"));
    too_much.hears_packet();
    too_much.sends(std::string(longest_auth_answer + 1, 'x'));
    expect_refused(too_much, 1043, "longer than any answer");
}

TEST(ClientLoginHostile, TheHashOfAnEmptyPasswordLetsNobodyIn)
{
    client peer{{.tls_available = true}};
    peer.record.stored = secret{stored_sha2("")};
    peer.asks_for_tls().responds(sha2, peer.answer(sha2, ""));
    EXPECT_EQ(peer.hears_packet().payload, "\x01\x04"s);
    peer.sends("\0"s);
    expect_refused(peer, 1045, "empty password");
    client native_peer{{.greeting = greeting_of(native)}};
    native_peer.record.stored = secret{stored_native("")};
    native_peer.responds(native, "");
    expect_refused(native_peer, 1045, "empty answer");
}

TEST(ClientLoginHostile, UnderTlsNobodyAsksForAKey)
{
    client peer{{.tls_available = true}};
    peer.record.stored = secret{stored_sha2("pencil")};
    peer.asks_for_tls().responds(sha2, peer.answer(sha2, "pencil"));
    peer.hears_packet();
    peer.sends("\x02");
    expect_refused(peer, 1045, "a password of one octet");
}

TEST(ClientLoginHostile, APasswordWithAZeroOctetInsideIsNone)
{
    client peer{{.tls_available = true}};
    peer.record = {.exists = true, .method = auth_method::password, .stored = secret{"pencil"}};
    peer.asks_for_tls().responds(clear, "");
    peer.hears_switch(clear);
    peer.sends("pencil\0x\0"s);
    expect_refused(peer, 1045, "zero octet");
}

TEST(ClientLoginHostile, RequireTls)
{
    client peer{{.tls_available = true, .require_tls = true}};
    peer.responds(sha2, peer.answer(sha2, "pencil"));
    expect_refused(peer, 3159, "without TLS");
    EXPECT_TRUE(peer.asked.user.empty()) << "nobody is looked up";
    client encrypted{{.tls_available = true, .require_tls = true}};
    encrypted.asks_for_tls().responds(sha2, encrypted.answer(sha2, "pencil"));
    encrypted.hears_packet();
    expect_in(encrypted);
}

TEST(ClientLoginHostile, WhatCameBeforeTheHandshakeNeverSurvivesIt)
{
    client peer{{.tls_available = true}};
    std::string start;
    encode_response_start({usual_capabilities | capability::ssl, 1U << 24, 45}, start);
    const auto injected = packet(2, peer.response(sha2, peer.answer(sha2, "pencil")));
    peer.says(packet(1, start) + injected);
    EXPECT_EQ(peer.front.into_handshake, injected) << "for TLS to choke on";
    EXPECT_FALSE(peer.front.done());
    EXPECT_TRUE(peer.asked.user.empty());

    client failing{{.tls_available = true}};
    failing.front.tls = std::nullopt;
    failing.asks_for_tls();
    expect_gone(failing, "the handshake failed");
}

TEST(ClientLoginHostile, WhatADriverForgetsToTakeEndsTheLogin)
{
    dialogue line;
    auto talk = client_login(line, client::complete({.tls_available = true}));
    talk.start();
    std::string start;
    encode_response_start({usual_capabilities | capability::ssl, 1U << 24, 45}, start);
    line.feed(packet(1, start) + packet(2, "anything"));
    ASSERT_EQ(line.waiting_for(), want::tls);
    line.tls_done(tls_facts{"TLSv1.3", "", "hash", ""});
    ASSERT_TRUE(talk.done());
    EXPECT_EQ(talk.take().how, how::gone);
}

TEST(ClientLoginHostile, TlsIsAskedForOnce)
{
    client peer{{.tls_available = true}};
    peer.asks_for_tls();
    std::string start;
    encode_response_start({usual_capabilities | capability::ssl, 1U << 24, 45}, start);
    peer.sends(start);
    expect_refused(peer, 1043, "SSLRequest inside TLS");
}

TEST(ClientLoginHostile, AnEndAnywhereIsAnEnd)
{
    client model;
    const auto whole = packet(1, model.response(sha2, std::string(32, 'x')));
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        client peer;
        peer.says(bytes{whole}.substr(0, cut));
        peer.front.end_of_input();
        expect_gone(peer, std::to_string(cut));
    }
    client switched;
    switched.record.stored = secret{stored_native("pencil")};
    switched.responds(sha2, "");
    switched.front.end_of_input();
    EXPECT_TRUE(switched.front.done());
}

TEST(ClientLoginHostile, ErrorsNeverTellThePassword)
{
    client peer;
    peer.record.stored = secret{"a stored secret"};
    peer.responds(native, peer.answer(native, "a wrong guess"));
    const auto error = expect_refused(peer, 1045, "wrong");
    EXPECT_EQ(error.text.find("secret"), std::string::npos);
    EXPECT_EQ(error.text.find("guess"), std::string::npos);
}

}  // namespace
}  // namespace penstock::mysql
