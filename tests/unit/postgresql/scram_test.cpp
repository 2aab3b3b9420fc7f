// SPDX-License-Identifier: Apache-2.0
//
// SCRAM-SHA-256: the example of RFC 7677 from both sides, verifiers, and what is refused of either side's messages.
#include "protocols/postgresql/base64.hpp"
#include "protocols/postgresql/scram.hpp"
#include "protocols/postgresql/scram_client.hpp"
#include "protocols/postgresql/scram_server.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::postgresql {
namespace {

// The example of RFC 7677, section 3.
constexpr auto client_nonce = "rOprNGfwEbeRWgbNEkqO";
constexpr auto server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr auto salt_text = "W22ZaJ0SNY7soEsUEjb6gQ==";
constexpr auto client_first = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr auto server_first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr auto client_final =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr auto server_final = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

scram_keys pencil_keys()
{
    return derive_scram_keys("pencil", *from_base64(salt_text), 4096);
}

user_record stored(std::string_view text)
{
    return {.exists = true, .stored = secret{text}};
}

user_record pencil_record()
{
    return stored(to_text(to_verifier(pencil_keys(), *from_base64(salt_text), 4096)));
}

scram_server pencil_server(std::string certificate_hash = {})
{
    return {scram_account::of("user", pencil_record()), std::move(certificate_hash), server_nonce};
}

scram_client pencil_client()
{
    return {channel_binding::none, "", client_nonce, "user"};
}

TEST(Scram, ServerFollowsTheExampleOfRfc7677)
{
    auto server = pencil_server();
    EXPECT_EQ(*server.challenge(scram_plain, client_first), server_first);
    EXPECT_EQ(*server.finish(client_final), server_final);
    EXPECT_EQ(server.keys(), pencil_keys());
}

TEST(Scram, ClientFollowsTheExampleOfRfc7677)
{
    auto client = pencil_client();
    EXPECT_EQ(client.first(), client_first);
    EXPECT_EQ(*client.respond(server_first, secret{"pencil"}, std::nullopt), client_final);
    EXPECT_EQ(client.finish(server_final), std::nullopt);
}

TEST(Scram, ClientNeedsOnlyTheKeys)
{
    auto client = pencil_client();
    EXPECT_EQ(*client.respond(server_first, secret{}, pencil_keys()), client_final);
    EXPECT_EQ(client.finish(server_final), std::nullopt);
}

TEST(Scram, ServerRefusesAWrongProofAndKeepsNoKeys)
{
    auto client = pencil_client();
    const auto wrong = client.respond(server_first, secret{"crayon"}, std::nullopt);
    auto server = pencil_server();
    ASSERT_TRUE(server.challenge(scram_plain, client_first));
    const auto answer = server.finish(*wrong);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, error_kind::wrong_password);
    EXPECT_TRUE(server.keys().client_key.empty());
}

TEST(Scram, NothingMatchesAUserThatDoesNotExist)
{
    // Even the right password for what is stored is of no use, nor the made-up key itself.
    auto nobody = pencil_record();
    nobody.exists = false;
    scram_server server{scram_account::of("user", nobody), "", server_nonce};
    const auto challenge = server.challenge(scram_plain, client_first);
    auto client = pencil_client();
    const auto answer = server.finish(*client.respond(*challenge, secret{"pencil"}, std::nullopt));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, error_kind::wrong_password);
}

TEST(Scram, MadeUpSaltsAreSteadyPerUserAndLikeThoseOfClearPasswords)
{
    const auto unknown = scram_account::of("user", {});
    EXPECT_EQ(unknown.salt(), scram_account::of("user", {}).salt());
    EXPECT_EQ(unknown.salt(), scram_account::of("user", stored("pencil")).salt());
    EXPECT_NE(unknown.salt(), scram_account::of("other", {}).salt());
    EXPECT_EQ(unknown.salt().size(), 16U);
    EXPECT_EQ(unknown.iterations(), default_scram_iterations);
}

TEST(Scram, OnlyUsableSecretsCanMatch)
{
    EXPECT_TRUE(scram_account::of("user", stored("pencil")).can_match());
    EXPECT_TRUE(scram_account::of("user", pencil_record()).can_match());
    EXPECT_FALSE(scram_account::of("user", stored("")).can_match());
    EXPECT_FALSE(scram_account::of("user", stored("md50123456789abcdef0123456789abcdef")).can_match());
    EXPECT_FALSE(scram_account::of("user", {}).can_match());
}

TEST(Scram, PlusIsOfferedWhereThereIsSomethingToBindTo)
{
    EXPECT_EQ(pencil_server().mechanisms(), (std::string{"SCRAM-SHA-256\0\0", 15}));
    EXPECT_EQ(pencil_server("hash").mechanisms(), (std::string{"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0", 34}));
}

TEST(Scram, AnotherCertificateFailsTheBinding)
{
    auto server = pencil_server("our certificate");
    scram_client client{channel_binding::bound, "the certificate of somebody between"};
    const auto challenge = server.challenge(client.mechanism(), client.first());
    ASSERT_TRUE(challenge);
    const auto answer = server.finish(*client.respond(*challenge, secret{"pencil"}, std::nullopt));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().detail, "SCRAM: channel binding check failed");
}

struct bad_first {
    const char* why;
    std::string_view mechanism;
    std::string message;
    std::string certificate_hash{};
};

TEST(Scram, ServerRefusesTheseFirstMessages)
{
    const std::vector<bad_first> table{
        {"unknown mechanism", "SCRAM-SHA-1", client_first},
        {"empty mechanism", "", client_first},
        {"plus without TLS", scram_plus, "p=tls-server-end-point,,n=,r=abc"},
        {"binding without plus", scram_plain, "p=tls-server-end-point,,n=,r=abc", "hash"},
        {"binding without TLS", scram_plain, "p=tls-server-end-point,,n=,r=abc"},
        {"downgrade: y though plus was offered", scram_plain, "y,,n=,r=abc", "hash"},
        {"plus with n", scram_plus, "n,,n=,r=abc", "hash"},
        {"another binding type", scram_plus, "p=tls-unique,,n=,r=abc", "hash"},
        {"authorization identity", scram_plain, "n,a=root,n=,r=abc"},
        {"mandatory extension", scram_plain, "n,,m=x,n=,r=abc"},
        {"empty", scram_plain, ""},
        {"only a flag", scram_plain, "n"},
        {"no name", scram_plain, "n,,r=abc"},
        {"no nonce", scram_plain, "n,,n=user"},
        {"empty nonce", scram_plain, "n,,n=user,r="},
        {"control character in the nonce", scram_plain, "n,,n=user,r=a\nb"},
        {"zero octet", scram_plain, std::string{"n,,n=user,r=a\0b", 15}},
        {"unknown flag", scram_plain, "x,,n=user,r=abc"},
        {"endless nonce", scram_plain, "n,,n=,r=" + std::string(longest_scram_message, 'a')},
    };
    for (const auto& row : table) {
        auto server = pencil_server(row.certificate_hash);
        EXPECT_FALSE(server.challenge(row.mechanism, row.message)) << row.why;
    }
}

TEST(Scram, ServerTakesYWherePlusWasNotOffered)
{
    EXPECT_TRUE(pencil_server().challenge(scram_plain, "y,,n=,r=abc"));
}

struct bad_final {
    const char* why;
    std::string message;
    error_kind kind = error_kind::protocol_violation;
};

TEST(Scram, ServerRefusesTheseFinalMessages)
{
    const std::string nonce = std::string{client_nonce} + server_nonce;
    const std::string proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const std::vector<bad_final> table{
        {"empty", ""},
        {"no proof", "c=biws,r=" + nonce},
        {"empty proof", "c=biws,r=" + nonce + ",p="},
        {"short proof", "c=biws,r=" + nonce + ",p=dHzb"},
        {"proof that is not base64", "c=biws,r=" + nonce + ",p=" + std::string(44, '*')},
        {"text behind the proof", "c=biws,r=" + nonce + ",p=" + proof + ",x=y"},
        {"only our part of the nonce", "c=biws,r=" + std::string{server_nonce} + ",p=" + proof},
        {"another nonce", "c=biws,r=x" + nonce + ",p=" + proof},
        {"no nonce", "c=biws,p=" + proof},
        {"another header than before", "c=eSws,r=" + nonce + ",p=" + proof, error_kind::invalid_authorization},
        {"no binding", "r=" + nonce + ",p=" + proof},
        {"extension that changes the text", "c=biws,r=" + nonce + ",e=1,p=" + proof, error_kind::wrong_password},
        {"endless", "c=biws,r=" + nonce + ",x=" + std::string(2000, 'y') + ",p=" + proof},
    };
    for (const auto& [why, message, kind] : table) {
        auto server = pencil_server();
        ASSERT_TRUE(server.challenge(scram_plain, client_first));
        const auto answer = server.finish(message);
        ASSERT_FALSE(answer) << why;
        EXPECT_EQ(answer.error().kind, kind) << why;
        EXPECT_TRUE(server.keys().client_key.empty()) << why;
    }
}

TEST(Scram, ClientRefusesTheseChallenges)
{
    const std::string nonce = std::string{client_nonce} + server_nonce;
    const std::vector<std::pair<const char*, std::string>> table{
        {"empty", ""},
        {"endless nonce", "r=" + nonce + std::string(2000, 'x') + ",s=" + salt_text + ",i=4096"},
        {"not our nonce", "r=abcdefghijklmnopqrstuvwxyz,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
        {"our nonce and nothing of theirs", std::string{"r="} + client_nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
        {"no salt", "r=" + nonce + ",i=4096"},
        {"empty salt", "r=" + nonce + ",s=,i=4096"},
        {"salt that is not base64", "r=" + nonce + ",s=***,i=4096"},
        {"no count", "r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ=="},
        {"count of zero", "r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0"},
        {"negative count", "r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-1"},
        {"count beyond what we compute", "r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=100001"},
        {"count of 2^31", "r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2147483648"},
        {"count beyond any integer", "r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999999999999999"},
        {"mandatory extension", "m=x,r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
    };
    for (const auto& [why, message] : table) {
        auto client = pencil_client();
        EXPECT_FALSE(client.respond(message, secret{"pencil"}, std::nullopt)) << why;
    }
}

TEST(Scram, ClientRefusesAServerThatDoesNotKnowThePassword)
{
    for (const auto* final :
         {"", "v=", "v=AAAA", "e=other-error", "x", "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="}) {
        auto client = pencil_client();
        ASSERT_TRUE(client.respond(server_first, secret{"pencil"}, std::nullopt));
        EXPECT_TRUE(client.finish(final).has_value()) << final;
    }
    EXPECT_TRUE(pencil_client().finish("v=").has_value()) << "before any challenge";
}

TEST(Scram, RememberedKeysAreTheSameAndDependOnEverything)
{
    const auto first = derive_scram_keys_cached("pencil", "salt", 100);
    EXPECT_TRUE(first.fresh);
    const auto again = derive_scram_keys_cached("pencil", "salt", 100);
    EXPECT_FALSE(again.fresh);
    EXPECT_EQ(again.keys, first.keys);
    EXPECT_EQ(again.keys, derive_scram_keys("pencil", "salt", 100));
    EXPECT_TRUE(derive_scram_keys_cached("pencil", "salt", 101).fresh);
    EXPECT_TRUE(derive_scram_keys_cached("pencil", "salt!", 100).fresh);
    EXPECT_TRUE(derive_scram_keys_cached("pencil!", "salt", 100).fresh);
}

TEST(Scram, OldKeysMakeRoomForNewOnes)
{
    const auto name = [](int n) { return "password " + std::to_string(n); };
    for (int n = 0; n < 128; ++n) {
        static_cast<void>(derive_scram_keys_cached(name(n), "salt", 1));
    }
    EXPECT_FALSE(derive_scram_keys_cached(name(0), "salt", 1).fresh);  // used last now
    EXPECT_TRUE(derive_scram_keys_cached("one more", "salt", 1).fresh);
    EXPECT_FALSE(derive_scram_keys_cached(name(0), "salt", 1).fresh);
    EXPECT_TRUE(derive_scram_keys_cached(name(1), "salt", 1).fresh);
}

TEST(ScramVerifier, TextAndBack)
{
    const auto text = to_text(to_verifier(pencil_keys(), *from_base64(salt_text), 4096));
    EXPECT_EQ(text,
              "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
              "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
    const auto verifier = parse_scram_verifier(text);
    ASSERT_TRUE(verifier.has_value());
    EXPECT_EQ(to_text(*verifier), text);
}

TEST(ScramVerifier, TheseAreNone)
{
    const std::string keys =
        "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    for (const auto& text : {std::string{},
                             std::string{"pencil"},
                             std::string{"SCRAM-SHA-256$"},
                             std::string{"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="},
                             "SCRAM-SHA-1$4096:W22ZaJ0SNY7soEsUEjb6gQ==" + keys,
                             "SCRAM-SHA-256$0:W22ZaJ0SNY7soEsUEjb6gQ==" + keys,
                             "SCRAM-SHA-256$-1:W22ZaJ0SNY7soEsUEjb6gQ==" + keys,
                             "SCRAM-SHA-256$4294967296:W22ZaJ0SNY7soEsUEjb6gQ==" + keys,
                             "SCRAM-SHA-256$4096:" + keys,
                             "SCRAM-SHA-256$4096:W22Z*" + keys,
                             "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==" + keys + "x",
                             std::string{"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d:wfPL"}}) {
        EXPECT_FALSE(parse_scram_verifier(text).has_value()) << text;
    }
}

TEST(Base64, TheExamplesOfRfc4648)
{
    const std::vector<std::pair<std::string, std::string>> table{
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
    for (const auto& [octets, text] : table) {
        EXPECT_EQ(to_base64(octets), text);
        EXPECT_EQ(from_base64(text), octets);
    }
    EXPECT_EQ(from_base64(to_base64("\xff\xfe\xfd")), "\xff\xfe\xfd");
}

TEST(Base64, OneSpellingOnly)
{
    for (const auto* text :
         {"Zg", "Zg=", "Zg===", "Zh==", "Zm9", "Z", "=", "Zm9v\n", " Zm9v", "Zm9v=", "Z*==", "Zg==Zg=="}) {
        EXPECT_FALSE(from_base64(text).has_value()) << text;
    }
}

}  // namespace
}  // namespace penstock::postgresql
