// SPDX-License-Identifier: Apache-2.0
//
// How a client gets in, by each method and from each form of stored secret: one script per claim.
#include "protocols/mysql/auth_rsa.hpp"
#include "tests/unit/mysql/login_support.hpp"

namespace penstock::mysql {
namespace {

using namespace played;

TEST(ClientGreeting, ShowsTheServersVersionCollationStatusAndMethod)
{
    auto facts = greeting_of(native, true);
    facts.collation = 8;
    facts.status = server_status::autocommit | server_status::no_backslash_escapes;
    client peer{{.greeting = facts, .connection_id = 70000}};
    EXPECT_EQ(load_header(peer.greeting_packet).sequence, 0);
    EXPECT_EQ(peer.greeted.version, "5.5.5-10.11.6-MariaDB");
    EXPECT_EQ(peer.greeted.collation, 8);
    EXPECT_EQ(peer.greeted.status, facts.status);
    EXPECT_EQ(peer.greeted.auth_plugin, native);
    EXPECT_EQ(peer.greeted.connection_id, 70000U);
    EXPECT_EQ(peer.greeted.nonce.size(), 20U);
    EXPECT_EQ(peer.greeted.nonce.find('\0'), std::string::npos);
}

TEST(ClientGreeting, OffersWhatServerAndWeCanBoth)
{
    auto facts = greeting_of(sha2);
    facts.capabilities |=
        capability::compress | capability::zstd_compression | capability::ssl | capability::multi_factor_authentication;
    facts.capabilities &= ~capability::query_attributes;
    client peer{{.greeting = facts}};
    EXPECT_FALSE(has(peer.greeted.capabilities, capability::query_attributes)) << "the server cannot";
    EXPECT_FALSE(has(peer.greeted.capabilities, capability::compress)) << "we cannot";
    EXPECT_FALSE(has(peer.greeted.capabilities, capability::multi_factor_authentication));
    EXPECT_FALSE(has(peer.greeted.capabilities, capability::ssl)) << "no certificate is configured";
    EXPECT_TRUE(has(peer.greeted.capabilities, login_capabilities));
    EXPECT_TRUE(has(peer.greeted.capabilities, capability::deprecate_eof));
    client with_tls{{.tls_available = true, .greeting = facts}};
    EXPECT_TRUE(has(with_tls.greeted.capabilities, capability::ssl));
}

TEST(ClientGreeting, ExtendedCapabilitiesAreMariadbsAlone)
{
    client mariadb{{.greeting = greeting_of(native, true)}};
    EXPECT_TRUE(has(mariadb.greeted.capabilities, capability::mariadb_cache_metadata));
    auto confused = greeting_of(native, true);
    confused.capabilities |= capability::long_password;
    client mysql_like{{.greeting = confused}};
    EXPECT_EQ(mysql_like.greeted.capabilities >> 32, 0U);
}

TEST(ClientGreeting, AMethodThatNoGreetingCanCarryIsReplaced)
{
    EXPECT_EQ(client{{.greeting = greeting_of("client_ed25519", true)}}.greeted.auth_plugin, native);
    EXPECT_EQ(client{{.greeting = greeting_of("parsec", true)}}.greeted.auth_plugin, native);
    EXPECT_EQ(client{{.greeting = greeting_of("sha256_password")}}.greeted.auth_plugin, sha2);
    EXPECT_EQ(client{}.greeted.auth_plugin, sha2);
}

TEST(ClientLogin, AsksForTheUserAndSchemaThatWereNamed)
{
    client peer;
    peer.responds(sha2, peer.answer(sha2, "pencil"));
    EXPECT_EQ(peer.asked.user, "ann");
    EXPECT_EQ(peer.asked.database, "shop");
}

TEST(ClientLogin, NativePasswordFromEitherFormOfSecret)
{
    for (const auto& stored : {"pencil"s, stored_native("pencil")}) {
        client peer{{.greeting = greeting_of(native)}};
        peer.record.stored = secret{stored};
        peer.responds(native, peer.answer(native, "pencil"));
        const auto result = expect_in(peer);
        EXPECT_EQ(result.identity.next_sequence, 2);
        ASSERT_TRUE(result.identity.hashes);
        EXPECT_EQ(result.identity.hashes->sha1, native_stage1("pencil")) << "good for a server with the same hash";
        EXPECT_EQ(result.identity.clear_password.empty(), stored != "pencil");
    }
}

TEST(ClientLogin, CachingSha2FastPathWithClearTextStored)
{
    client peer;
    peer.responds(sha2, peer.answer(sha2, "pencil"));
    EXPECT_EQ(peer.hears_packet().payload, "\x01\x03"s);
    const auto result = expect_in(peer);
    EXPECT_EQ(result.identity.next_sequence, 3);
    EXPECT_EQ(result.identity.clear_password, secret{"pencil"});
}

TEST(ClientLogin, CachingSha2FullExchangeUnderTlsAndTheFastPathAfterIt)
{
    const auto commons = fresh_commons();
    client first{{.tls_available = true, .commons = commons}};
    first.record.stored = secret{stored_sha2("pencil")};
    first.asks_for_tls().responds(sha2, first.answer(sha2, "pencil"));
    EXPECT_EQ(first.hears_packet().payload, "\x01\x04"s);
    first.sends("pencil\0"s);
    auto result = expect_in(first);
    EXPECT_EQ(result.identity.clear_password, secret{"pencil"}) << "what a server may want";
    EXPECT_TRUE(result.identity.tls);

    client second{{.commons = commons}};
    second.record.stored = secret{stored_sha2("pencil")};
    second.responds(sha2, second.answer(sha2, "pencil"));
    EXPECT_EQ(second.hears_packet().payload, "\x01\x03"s);
    result = expect_in(second);
    EXPECT_EQ(result.identity.clear_password, secret{"pencil"});

    client after_a_change{{.commons = commons}};
    after_a_change.record.stored = secret{stored_sha2("eraser")};
    after_a_change.responds(sha2, after_a_change.answer(sha2, "pencil"));
    EXPECT_EQ(after_a_change.hears_packet().payload, "\x01\x04"s) << "another hash, another password";
}

TEST(ClientLogin, CachingSha2FullExchangeByRsa)
{
    client peer;
    peer.record.stored = secret{stored_sha2("pencil")};
    peer.responds(sha2, peer.answer(sha2, "pencil"));
    EXPECT_EQ(peer.hears_packet().payload, "\x01\x04"s);
    peer.sends("\x02");
    const auto key = peer.hears_packet().payload;
    ASSERT_EQ(key.substr(0, 1), "\x01");
    peer.sends(*encrypt_password(secret{"pencil"}, peer.greeted.nonce, bytes{key}.substr(1)));
    const auto result = expect_in(peer);
    EXPECT_EQ(result.identity.clear_password, secret{"pencil"});
    EXPECT_EQ(result.identity.next_sequence, 7 - 1);
}

TEST(ClientLogin, CachingSha2ByAKeyThatTheClientKnewBefore)
{
    const auto commons = fresh_commons();
    client peer{{.commons = commons}};
    peer.record.stored = secret{stored_sha2("pencil")};
    peer.responds(sha2, peer.answer(sha2, "pencil"));
    peer.hears_packet();
    peer.sends(*encrypt_password(secret{"pencil"}, peer.greeted.nonce, commons->key().public_pem()));
    expect_in(peer);
}

TEST(ClientLogin, ASocketOfThisMachineIsAsGoodAsTls)
{
    client peer{{.client_address = "unix"}};
    peer.record.stored = secret{stored_sha2("pencil")};
    peer.responds(sha2, peer.answer(sha2, "pencil"));
    EXPECT_EQ(peer.hears_packet().payload, "\x01\x04"s);
    peer.sends("pencil\0"s);
    expect_in(peer);
}

TEST(ClientLogin, AuthSwitchToTheMethodOfTheStoredHash)
{
    client peer;
    peer.record.stored = secret{stored_native("pencil")};
    peer.responds(sha2, peer.answer(sha2, "pencil"));
    const auto nonce = peer.hears_switch(native);
    EXPECT_EQ(nonce.size(), 20U);
    EXPECT_EQ(nonce, peer.greeted.nonce) << "as servers do, since some clients never look at it again";
    peer.sends(peer.answer(native, "pencil", nonce));
    EXPECT_EQ(expect_in(peer).identity.next_sequence, 4);

    client other{{.greeting = greeting_of(native)}};
    other.record.stored = secret{stored_sha2("pencil")};
    other.responds(native, other.answer(native, "pencil"));
    other.sends(other.answer(sha2, "pencil", other.hears_switch(sha2)));
    EXPECT_EQ(other.hears_packet().payload, "\x01\x04"s);
}

TEST(ClientLogin, Ed25519AlwaysComesByASwitchWithItsOwnNonce)
{
    const auto key = "ed25519:ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"s;
    for (const auto& stored : {"secret"s, key}) {
        client peer{{.greeting = greeting_of(native, true)}};
        peer.record.stored = secret{stored};
        peer.responds(ed25519, "");
        const auto nonce = peer.hears_switch(ed25519);
        EXPECT_EQ(nonce.size(), 32U);
        peer.sends(peer.answer(ed25519, "secret", nonce));
        expect_in(peer);
    }
    client wrong{{.greeting = greeting_of(native, true)}};
    wrong.record.stored = secret{key};
    wrong.responds(native, wrong.answer(native, "secret"));
    wrong.sends(wrong.answer(ed25519, "guess", wrong.hears_switch(ed25519)));
    expect_refused(wrong, 1045, "a signature by another password");
}

TEST(ClientLogin, AnAnswerByAnotherMethodThatClearTextIsGoodForNeedsNoSwitch)
{
    client peer{{.greeting = greeting_of(sha2)}};
    peer.responds(native, peer.answer(native, "pencil"));
    expect_in(peer);
    client other{{.greeting = greeting_of(native)}};
    other.responds(sha2, other.answer(sha2, "pencil"));
    EXPECT_EQ(other.hears_packet().payload, "\x01\x03"s);
    expect_in(other);
}

TEST(ClientLogin, AnEmptyAnswerByAnotherMethodAsksForASwitch)
{
    for (const auto& empty : {""s, "\0"s}) {
        client peer{{.greeting = greeting_of(sha2)}};
        peer.responds(native, empty);
        peer.sends(peer.answer(native, "pencil", peer.hears_switch(native)));
        expect_in(peer);
    }
}

TEST(ClientLogin, ClearPasswordOnlyUnderTls)
{
    client peer{{.tls_available = true}};
    peer.record = {.exists = true, .method = auth_method::password, .stored = secret{stored_sha2("pencil")}};
    peer.asks_for_tls().responds(sha2, peer.answer(sha2, "pencil"));
    peer.hears_switch(clear);
    peer.sends("pencil\0"s);
    EXPECT_EQ(expect_in(peer).identity.clear_password, secret{"pencil"});

    client plain;
    plain.record = peer.record;
    plain.responds(clear, "pencil\0"s);
    expect_refused(plain, 3159, "without TLS it is not even asked for");
}

TEST(ClientLogin, ClientsWithoutPluginAuthAnswerTheGreetingByNative)
{
    client peer;
    peer.capabilities &= ~(capability::plugin_auth | capability::plugin_auth_lenenc | capability::connect_attrs);
    peer.responds("", peer.answer(native, "pencil"));
    const auto result = expect_in(peer);
    EXPECT_EQ(result.identity.nonce, peer.greeted.nonce);

    client unable;
    unable.capabilities = peer.capabilities;
    unable.record.stored = secret{stored_sha2("pencil")};
    unable.responds("", unable.answer(native, "pencil"));
    expect_refused(unable, 1251, "no way to ask for another method");
}

TEST(ClientLogin, WhatTheClientWantsIsPartOfTheIdentity)
{
    client peer{{.connection_id = 77}};
    peer.capabilities |= capability::found_rows | capability::compress;
    const auto attributes = encode_attributes({{"_client_name", "libmysql"}, {"program_name", "shop"}});
    peer.sends(peer.response(sha2, peer.answer(sha2, "pencil"), attributes));
    peer.hears_packet();
    const auto result = expect_in(peer);
    EXPECT_EQ(result.identity.database, "shop");
    EXPECT_EQ(result.identity.collation, 45);
    EXPECT_EQ(result.identity.connection_id, 77U);
    EXPECT_EQ(result.identity.attributes, (parameter_list{{"_client_name", "libmysql"}, {"program_name", "shop"}}));
    EXPECT_TRUE(has(result.identity.capabilities, capability::found_rows));
    EXPECT_FALSE(has(result.identity.capabilities, capability::compress)) << "it was not offered";
}

TEST(ClientLogin, MariadbsExtendedCapabilitiesAreAgreedOn)
{
    client peer{{.greeting = greeting_of(native, true)}};
    peer.capabilities = (usual_capabilities & ~capability::long_password) | capability::mariadb_cache_metadata |
                        capability::mariadb_progress;
    peer.responds(native, peer.answer(native, "pencil"));
    const auto agreed = expect_in(peer).identity.capabilities;
    EXPECT_TRUE(has(agreed, capability::mariadb_cache_metadata));
    EXPECT_FALSE(has(agreed, capability::mariadb_progress));

    client mysqls{{.greeting = greeting_of(native, true)}};
    mysqls.responds(native, mysqls.answer(native, "pencil"));
    EXPECT_EQ(expect_in(mysqls).identity.capabilities >> 32, 0U) << "MySQL's clients know nothing of them";
}

TEST(ClientLogin, TlsUpgradeTakesTheSecondSetOfCapabilities)
{
    client peer{{.tls_available = true}};
    std::string start;
    encode_response_start({capability::protocol_41 | capability::ssl | capability::found_rows, 0, 8}, start);
    peer.sends(start);
    peer.responds(sha2, peer.answer(sha2, "pencil"));
    peer.hears_packet();
    const auto result = expect_in(peer);
    EXPECT_TRUE(result.identity.tls);
    EXPECT_FALSE(has(result.identity.capabilities, capability::found_rows)) << "that came unprotected";
    EXPECT_TRUE(has(result.identity.capabilities, capability::session_track));
    EXPECT_EQ(result.identity.collation, 45);
    EXPECT_EQ(result.identity.next_sequence, 4);
}

TEST(ClientLogin, WhatFollowsTheProofIsLeftForTheSession)
{
    client peer{{.greeting = greeting_of(native)}};
    peer.says(packet(1, peer.response(native, peer.answer(native, "pencil"))) + packet(0, "\x0e"));
    EXPECT_EQ(peer.end().how, how::logged_in);
    EXPECT_EQ(peer.front.line().take_leftover(), packet(0, "\x0e"));
}

TEST(ClientLogin, MethodsWithoutASecret)
{
    client trusted;
    trusted.record = {.exists = true, .method = auth_method::trust};
    trusted.responds(sha2, "");
    expect_in(trusted);
    client unknown;
    unknown.record = {.exists = false, .method = auth_method::trust};
    unknown.responds(sha2, "");
    expect_refused(unknown, 1045, "trust does not make users");
    client rejected;
    rejected.record = {.exists = true, .method = auth_method::reject, .stored = secret{"pencil"}};
    rejected.responds(sha2, rejected.answer(sha2, "pencil"));
    expect_refused(rejected, 1045, "reject");
    client certified{{.tls_available = true}};
    certified.front.tls = tls_facts{"TLSv1.3", "ann", "hash", ""};
    certified.record = {.exists = true, .method = auth_method::certificate};
    certified.asks_for_tls().responds(sha2, "");
    expect_in(certified);
    client other_name{{.tls_available = true}};
    other_name.front.tls = tls_facts{"TLSv1.3", "bob", "hash", ""};
    other_name.record = {.exists = true, .method = auth_method::certificate};
    other_name.asks_for_tls().responds(sha2, "");
    expect_refused(other_name, 1045, "another's certificate");
}

TEST(LoginOk, CarriesStatusAndOnlyWantedSessionChanges)
{
    client_identity who;
    who.capabilities = capability::session_track;
    who.next_sequence = 4;
    const auto changes = "\x01\x05\x04shop"s;
    const ok_packet ok{.status = server_status::autocommit | server_status::session_state_changed, .changes = changes};
    std::string out;
    encode_login_ok(out, who, ok);
    auto one = only_packet(out);
    EXPECT_EQ(one.sequence, 4);
    EXPECT_EQ(decode_ok(one.payload, who.capabilities)->changes, changes);
    who.capabilities = 0;
    out.clear();
    encode_login_ok(out, who, ok);
    EXPECT_EQ(only_packet(out).payload, "\0\0\0\2\0\0\0"s);
}

TEST(Refusal, InsteadOfAGreetingHasNoSqlstate)
{
    std::string out;
    encode_refusal({error_kind::too_many_clients, {}}, out);
    EXPECT_EQ(out, packet(0, "\xff\x10\x04Too many connections"));
}

/// A session's COM_CHANGE_USER, as "ann".
struct change {
    client_identity before{};
    std::string payload{};
    std::string user_asked{};
    std::string schema_asked{};
    user_record record{.exists = true, .stored = secret{"pencil"}};
    login_context context = client::complete({.greeting = greeting_of(native)});
    test::scripted<login_result> front{
        [this](dialogue& line) { return client_change_user(line, context, before, payload); }};

    explicit change(std::string_view plugin, bytes answer, capability_flags agreed = usual_capabilities)
        : before{make_before(agreed)}, payload{make_payload(plugin, answer, agreed)}
    {
        front.users = [this](const user_question& question) {
            user_asked = question.user;
            schema_asked = question.database;
            return record;
        };
        front.start();
    }

    static client_identity make_before(capability_flags agreed)
    {
        client_identity who;
        who.user = "bob";
        who.database = "shop";
        who.capabilities = agreed;
        who.collation = 45;
        who.attributes = {{"program_name", "x"}};
        who.connection_id = 9;
        who.nonce = nonce;
        return who;
    }
    static std::string make_payload(std::string_view plugin, bytes answer, capability_flags agreed)
    {
        std::string out;
        encode_change_user_payload(
            {.user = "ann", .answer = answer, .schema = "store", .collation = 309, .auth_plugin = plugin}, agreed, out);
        return out;
    }

    static constexpr std::string_view nonce = "abcdefghij0123456789";
};

TEST(ChangeUser, IsARealLogin)
{
    change session{native, native_answer(native_stage1("pencil"), change::nonce)};
    EXPECT_EQ(session.user_asked, "ann");
    EXPECT_EQ(session.schema_asked, "store");
    ASSERT_TRUE(session.front.done());
    const auto result = session.front.result();
    EXPECT_EQ(result.how, how::logged_in);
    EXPECT_EQ(result.identity.user, "ann");
    EXPECT_EQ(result.identity.database, "store");
    EXPECT_EQ(result.identity.collation, 309) << "here there is room for it";
    EXPECT_EQ(result.identity.connection_id, 9U);
    EXPECT_EQ(result.identity.next_sequence, 1);
    EXPECT_EQ(result.identity.capabilities, usual_capabilities);
    EXPECT_EQ(result.identity.attributes, session.before.attributes);
    EXPECT_EQ(result.identity.nonce, change::nonce);
}

TEST(ChangeUser, AnEmptyAnswerByAnotherMethodAsksForASwitch)
{
    change session{sha2, ""};
    const auto first = only_packet(session.front.sent());
    EXPECT_EQ(first.sequence, 1);
    const auto message = decode_auth_switch(first.payload);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->plugin, sha2);
    EXPECT_EQ(nonce_in(message->data), change::nonce);
    session.front.feed(packet(2, sha2_answer(sha2_stage1("pencil"), change::nonce)));
    EXPECT_EQ(session.front.sent(), packet(3, "\x01\x03"));
    EXPECT_EQ(session.front.result().identity.next_sequence, 4);
}

TEST(ChangeUser, AWrongAnswerEndsTheSession)
{
    for (const auto& answer : {native_answer(native_stage1("crayon"), change::nonce),
                               native_answer(native_stage1("pencil"), "ABCDEFGHIJ0123456789")}) {
        change session{native, answer};
        const auto error = error_in(only_packet(session.front.sent()).payload);
        EXPECT_EQ(error.number, 1045);
        ASSERT_TRUE(session.front.done());
        EXPECT_EQ(session.front.result().how, how::refused);
    }
}

TEST(ChangeUser, ClientsWithoutPluginAuth)
{
    change session{
        "", native_answer(native_stage1("pencil"), change::nonce), usual_capabilities & ~capability::plugin_auth};
    ASSERT_TRUE(session.front.done());
    EXPECT_EQ(session.front.result().how, how::logged_in);
}

TEST(ChangeUser, FieldsAtTheEndMayBeMissing)
{
    for (const auto& payload : {"\x11"
                                "ann\0\0shop\0"s,
                                "\x11"
                                "ann\0\0shop"s,
                                "\x11"
                                "ann\0\0\0\x2d\0"s}) {
        const auto message = decode_change_user(payload, usual_capabilities);
        ASSERT_TRUE(message);
        EXPECT_EQ(message->user, "ann");
    }
    for (const auto& payload : {""s,
                                "\x11"s,
                                "\x11"
                                "ann"s,
                                "\x11"
                                "ann\0\x14short"s,
                                "\x12"
                                "ann\0\0shop\0"s,
                                "\x11"
                                "ann\0\0shop\0\x2d\0plugin\0\xff"s,
                                "\x11"
                                "ann\0\0"s +
                                    std::string(257, 's')}) {
        EXPECT_FALSE(decode_change_user(payload, usual_capabilities)) << payload.size();
    }
}

}  // namespace
}  // namespace penstock::mysql
