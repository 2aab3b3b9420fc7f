// SPDX-License-Identifier: Apache-2.0
//
// Logging in to servers that behave.
#include "tests/unit/mysql/server_support.hpp"

namespace penstock::mysql {
namespace {

using namespace played;

TEST(ServerLogin, SaysWhoWeAre)
{
    auto with = account();
    with.attributes = attributes_for_server({{"program_name", "shop"}, {"_pid", "7"}}, "10.0.0.7:40312");
    with.collation = 45;
    server peer{with};
    EXPECT_EQ(peer.hears(), "") << "the server speaks first";
    peer.says(greeting_by(native));
    const auto response = peer.hears_response(1);
    EXPECT_EQ(response.user, "ann");
    EXPECT_EQ(response.schema, "shop");
    EXPECT_EQ(response.auth_plugin, native);
    EXPECT_EQ(response.answer, native_answer(native_stage1("pencil"), nonce));
    EXPECT_EQ(response.collation, 45);
    EXPECT_EQ(attributes_in(response.attributes),
              (parameter_list{{"_proxy_name", "penstock"},
                              {"_proxy_client_address", "10.0.0.7:40312"},
                              {"program_name", "shop"},
                              {"_pid", "7"}}));
    peer.says(packet(2, plain_ok));
    const auto identity = expect_in(peer);
    EXPECT_EQ(identity.cancel.process_id, 4711U);
    EXPECT_EQ(identity.status, server_status::autocommit);
    EXPECT_EQ(identity.greeting.version, "8.4.3");
    EXPECT_EQ(identity.greeting.collation, 255);
    EXPECT_EQ(identity.greeting.capabilities, server_capabilities & capability::lower_half);
    EXPECT_FALSE(identity.tls);
}

TEST(ServerLogin, AsksForNothingThatItWasNotToldToAskFor)
{
    server peer;
    peer.says(greeting_by(native, server_capabilities | capability::compress | capability::zstd_compression));
    const auto asked = peer.hears_response(1).capabilities;
    EXPECT_FALSE(has(asked, capability::local_files)) << "no file of ours is ever offered";
    EXPECT_FALSE(has(asked, capability::found_rows));
    EXPECT_FALSE(has(asked, capability::multi_statements));
    EXPECT_FALSE(has(asked, capability::compress));
    EXPECT_FALSE(has(asked, capability::ssl));
    EXPECT_TRUE(has(asked, capability::session_track | capability::deprecate_eof | capability::long_password));

    auto with = account();
    with.capabilities =
        capability::local_files | capability::found_rows | capability::multi_statements | capability::query_attributes;
    server wanted{with};
    wanted.says(greeting_by(native));
    const auto more = wanted.hears_response(1).capabilities;
    EXPECT_TRUE(has(more, capability::local_files | capability::found_rows | capability::multi_statements));
    EXPECT_FALSE(has(more, capability::query_attributes)) << "the server does not have it";
}

TEST(ServerLogin, MariadbsExtendedCapabilitiesTravelInTheFiller)
{
    const auto offered = (server_capabilities & ~capability::long_password) | capability::mariadb_cache_metadata |
                         capability::mariadb_extended_metadata;
    auto with = account();
    with.capabilities = capability::mariadb_cache_metadata;
    server peer{with};
    peer.says(greeting_by(native, offered, "5.5.5-10.11.6-MariaDB"));
    const auto response = peer.hears_response(1, offered);
    EXPECT_TRUE(has(response.capabilities, capability::mariadb_cache_metadata));
    EXPECT_FALSE(has(response.capabilities, capability::mariadb_extended_metadata));
    EXPECT_FALSE(has(response.capabilities, capability::long_password));
    peer.says(packet(2, plain_ok));
    const auto identity = expect_in(peer);
    EXPECT_EQ(identity.greeting.version, "5.5.5-10.11.6-MariaDB");
    EXPECT_TRUE(has(identity.capabilities, capability::mariadb_cache_metadata));

    server mysql_like{with};
    mysql_like.says(greeting_by(native, offered | capability::long_password));
    mysql_like.says(packet(2, plain_ok));
    EXPECT_EQ(expect_in(mysql_like).capabilities >> 32, 0U);
}

TEST(ServerLogin, CollationsThatDoNotFitAreLeftToAStatement)
{
    for (const auto& [wanted, sent] : {std::pair{0, 255}, {8, 8}, {255, 255}, {256, 255}, {309, 255}}) {
        auto with = account();
        with.collation = static_cast<std::uint16_t>(wanted);
        server peer{with};
        peer.says(greeting_by(native));
        EXPECT_EQ(peer.hears_response(1).collation, sent) << wanted;
    }
}

TEST(ServerLogin, CachingSha2FastPath)
{
    server peer;
    peer.says(greeting_by(sha2));
    EXPECT_EQ(peer.hears_response(1).answer, sha2_answer(sha2_stage1("pencil"), nonce));
    peer.says(packet(2, "\x01\x03")).says(packet(3, plain_ok));
    expect_in(peer);
}

TEST(ServerLogin, CachingSha2SendsThePasswordUnderTlsOnly)
{
    server peer{account(mode::require)};
    peer.says(greeting_by(sha2));
    const auto request = only_packet(peer.hears().substr(0, 36));
    EXPECT_EQ(request.sequence, 1);
    EXPECT_EQ(request.payload.size(), 32U);
    peer.says(packet(3, "\x01\x04"));
    EXPECT_EQ(peer.hears(), packet(4, "pencil\0"s));
    peer.says(packet(5, plain_ok));
    EXPECT_TRUE(expect_in(peer).tls);

    server plain;
    plain.says(greeting_by(sha2));
    plain.hears();
    plain.says(packet(2, "\x01\x04"));
    EXPECT_EQ(plain.hears(), "") << "not even a question for a key that anybody could send";
    expect_failure(plain, "full exchange without TLS");
}

TEST(ServerLogin, CachingSha2ByRsaWhereThatIsAllowed)
{
    const auto& key = *test_key();
    auto with = account();
    with.fetch_public_key = true;
    server peer{with};
    peer.says(greeting_by(sha2));
    peer.hears();
    peer.says(packet(2, "\x01\x04"));
    EXPECT_EQ(peer.hears(), packet(3, "\x02"));
    peer.says(packet(4, "\x01" + key.public_pem()));
    const auto block = only_packet(peer.hears());
    EXPECT_EQ(block.sequence, 5);
    EXPECT_EQ(key.decrypt_password(block.payload, nonce), secret{"pencil"});
    peer.says(packet(6, plain_ok));
    expect_in(peer);

    auto knowing = account();
    knowing.public_key = key.public_pem();
    server known{knowing};
    known.says(greeting_by(sha2));
    known.hears();
    known.says(packet(2, "\x01\x04"));
    EXPECT_EQ(key.decrypt_password(only_packet(known.hears()).payload, nonce), secret{"pencil"});
}

TEST(ServerLogin, AuthSwitchToEachMethod)
{
    const auto other = "ABCDEFGHIJ0123456789"s;
    server peer;
    peer.says(greeting_by(sha2));
    peer.hears();
    peer.says(packet(2, switch_to(native, other + '\0')));
    EXPECT_EQ(peer.hears(), packet(3, native_answer(native_stage1("pencil"), other)));
    peer.says(packet(4, plain_ok));
    expect_in(peer);

    server sha;
    sha.says(greeting_by(native));
    sha.hears();
    sha.says(packet(2, switch_to(sha2, other + '\0')));
    EXPECT_EQ(sha.hears(), packet(3, sha2_answer(sha2_stage1("pencil"), other)));
    sha.says(packet(4, "\x01\x03")).says(packet(5, plain_ok));
    expect_in(sha);

    server signing;
    signing.says(greeting_by(native));
    signing.hears();
    const auto challenge = std::string(31, 'n') + '\0';  // all 32 octets count, a zero at the end as well
    signing.says(packet(2, switch_to(ed25519, challenge)));
    const auto signature = only_packet(signing.hears()).payload;
    EXPECT_TRUE(ed25519_verify(signature, challenge, ed25519_public_key("pencil")));

    server clearing{account(mode::require)};
    clearing.says(greeting_by(native));
    clearing.hears();
    clearing.says(packet(3, switch_to(clear, "")));
    EXPECT_EQ(clearing.hears(), packet(4, "pencil\0"s));
}

TEST(ServerLogin, Sha256PasswordUnderTlsAndByRsa)
{
    server peer{account(mode::require)};
    peer.says(greeting_by(sha2));
    peer.hears();
    peer.says(packet(3, switch_to("sha256_password", nonce + '\0')));
    EXPECT_EQ(peer.hears(), packet(4, "pencil\0"s));

    const auto& key = *test_key();
    auto with = account();
    with.fetch_public_key = true;
    server asking{with};
    asking.says(greeting_by(sha2));
    asking.hears();
    asking.says(packet(2, switch_to("sha256_password", nonce + '\0')));
    EXPECT_EQ(asking.hears(), packet(3, "\x01"));
    asking.says(packet(4, "\x01" + key.public_pem()));
    EXPECT_EQ(key.decrypt_password(only_packet(asking.hears()).payload, nonce), secret{"pencil"});
    asking.says(packet(6, "\x01" + key.public_pem()));
    EXPECT_EQ(asking.hears(), "") << "once is enough";
    expect_failure(asking, "a second key");

    server plain;
    plain.says(greeting_by(sha2));
    plain.hears();
    plain.says(packet(2, switch_to("sha256_password", nonce + '\0')));
    EXPECT_EQ(plain.hears(), "");
    expect_failure(plain, "no key may be asked for");
}

TEST(ServerLogin, ALocalSocketIsAsGoodAsTls)
{
    auto with = account();
    with.over_local_socket = true;
    server peer{with};
    peer.says(greeting_by(sha2));
    peer.hears();
    peer.says(packet(2, "\x01\x04"));
    EXPECT_EQ(peer.hears(), packet(3, "pencil\0"s));
}

TEST(ServerLogin, PassThroughByHashes)
{
    auto with = account();
    with.password = {};
    with.hashes = password_hashes{.sha1 = native_stage1("pencil")};
    server peer{with};
    peer.says(greeting_by(native));
    EXPECT_EQ(peer.hears_response(1).answer, native_answer(native_stage1("pencil"), nonce));

    server other{with};
    other.says(greeting_by(sha2));
    EXPECT_EQ(other.hears_response(1).answer, "") << "the server may still switch to the method that fits";
    other.says(packet(2, switch_to(native, nonce + '\0')));
    EXPECT_EQ(other.hears(), packet(3, native_answer(native_stage1("pencil"), nonce)));

    with.hashes = password_hashes{.sha256 = sha2_stage1("pencil")};
    server fast{with};
    fast.says(greeting_by(sha2));
    EXPECT_EQ(fast.hears_response(1).answer, sha2_answer(sha2_stage1("pencil"), nonce));
    fast.says(packet(2, "\x01\x04"));
    expect_failure(fast, "the hash is not the password");

    server unfit{with};
    unfit.says(greeting_by(native));
    unfit.hears();
    unfit.says(packet(2, switch_to(native, nonce + '\0')));
    expect_failure(unfit, "no hash for this method");
}

TEST(ServerLogin, AnAccountWithoutPasswordAnswersWithNothing)
{
    auto with = account();
    with.password = {};
    server peer{with};
    peer.says(greeting_by(native));
    EXPECT_EQ(peer.hears_response(1).answer, "");
    peer.says(packet(2, plain_ok));
    expect_in(peer);
}

TEST(ServerLogin, TlsModes)
{
    const auto without = server_capabilities & ~capability::ssl;
    for (const auto tls :
         {mode::disable, mode::allow, mode::prefer, mode::require, mode::verify_ca, mode::verify_full}) {
        const bool asks = tls != mode::disable && tls != mode::allow;
        server able{account(tls)};
        able.says(greeting_by(native));
        able.says(packet(asks ? 3 : 2, plain_ok));
        EXPECT_EQ(expect_in(able).tls, asks);

        server unable{account(tls)};
        unable.says(greeting_by(native, without));
        if (asks && tls != mode::prefer) {
            EXPECT_EQ(unable.hears(), "") << "no name, no answer";
            expect_failure(unable, "TLS is a must");
        } else {
            unable.says(packet(2, plain_ok));
            EXPECT_FALSE(expect_in(unable).tls);
        }
    }
}

TEST(ServerLogin, TheOkPacketTellsOfSessionVariables)
{
    const auto changes =
        "\x00\x0f\x0a"
        "autocommit\x03"
        "OFF\x01\x05\x04shop"s;
    const ok_packet ok{.status = server_status::session_state_changed, .changes = changes};
    std::string payload;
    encode_ok_payload(ok, capability::session_track, payload);
    server peer;
    peer.says(greeting_by(native)).says(packet(2, payload));
    const auto identity = expect_in(peer);
    EXPECT_EQ(identity.parameters, (parameter_list{{"autocommit", "OFF"}, {"schema", "shop"}}));
    EXPECT_EQ(identity.status, server_status::session_state_changed);

    std::string many;
    for (std::size_t count = 0; count <= most_server_variables; ++count) {
        many.append(
            "\x00\x04\x01"
            "a\x01"
            "1"s);
    }
    std::string too_much;
    encode_ok_payload({.status = ok.status, .changes = many}, capability::session_track, too_much);
    server talkative;
    talkative.says(greeting_by(native)).says(packet(2, too_much));
    expect_failure(talkative, "257 variables");
    for (const auto& broken : {"\0"s, "\0\0\0\2"s, "\0\0\0\0\x40\0\0\x05x"s}) {
        server odd;
        odd.says(greeting_by(native)).says(packet(2, broken));
        expect_failure(odd, "a malformed OK packet");
    }
}

TEST(ServerAttributes, AClientDoesNotSpeakForUs)
{
    const auto list =
        attributes_for_server({{"_proxy_name", "other"}, {"_proxy_client_address", "8.8.8.8"}}, "10.0.0.7:1");
    EXPECT_EQ(list,
              (parameter_list{
                  {"_proxy_name", "penstock"}, {"_proxy_client_address", "10.0.0.7:1"}, {"program_name", "penstock"}}));
}

}  // namespace
}  // namespace penstock::mysql
