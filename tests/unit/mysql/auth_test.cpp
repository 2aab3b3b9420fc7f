// SPDX-License-Identifier: Apache-2.0
//
// The authentication methods' arithmetic, by published and captured vectors.
#include "protocols/mysql/auth_commons.hpp"
#include "protocols/mysql/auth_digest.hpp"
#include "protocols/mysql/auth_ed25519.hpp"
#include "protocols/mysql/auth_native.hpp"
#include "protocols/mysql/auth_rsa.hpp"
#include "protocols/mysql/auth_secret.hpp"
#include "protocols/mysql/auth_sha2.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::mysql {
namespace {

using namespace std::string_literals;

const auto nonce = "abcdefghij0123456789"s;

TEST(NativePassword, StoredFormOfTheManualsExample)
{
    // MySQL 5.6 Reference Manual, 6.1.2.4: PASSWORD('mypass').
    const auto stored = parse_native("*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4");
    ASSERT_TRUE(stored);
    EXPECT_EQ(*stored, sha1({native_stage1("mypass").reveal()}));
}

TEST(NativePassword, TheAnswerGivesAwayTheFirstHashToWhoeverKnowsTheSecond)
{
    const auto stage1 = native_stage1("pencil");
    const auto stage2 = sha1({stage1.reveal()});
    const auto answer = native_answer(stage1, nonce);
    EXPECT_EQ(answer.size(), 20U);
    const auto proved = check_native(answer, nonce, stage2);
    ASSERT_TRUE(proved);
    EXPECT_EQ(*proved, stage1);
    EXPECT_FALSE(check_native(native_answer(native_stage1("crayon"), nonce), nonce, stage2));
    EXPECT_FALSE(check_native(answer, "ABCDEFGHIJ0123456789", stage2));
    EXPECT_FALSE(check_native(answer.substr(1), nonce, stage2));
    EXPECT_FALSE(check_native("", nonce, stage2));
}

TEST(NativePassword, OnlyTheExactFormIsAHash)
{
    for (const auto* text : {"",
                             "*",
                             "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF",
                             "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF44",
                             "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEFG",
                             "6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4A"}) {
        EXPECT_FALSE(parse_native(text)) << text;
    }
}

TEST(CachingSha2, ShaCryptVectors)
{
    // Inputs of the example code in Drepper's paper; outputs as crypt(3) and `openssl passwd -5` give them.
    EXPECT_EQ(sha256_crypt("Hello world!", "saltstring", 5000), "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5");
    EXPECT_EQ(sha256_crypt("Hello world!", "saltstringsaltst", 10000), "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA");
    EXPECT_EQ(sha256_crypt("a very much longer text to encrypt.  This one even stretches over morethan one line.",
                           "anotherlongsalts",
                           1400),
              "Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1");
}

TEST(CachingSha2, HashesOfARealServer)
{
    // MySQL 9.7.4: IDENTIFIED WITH caching_sha2_password BY 'pencil', with caching_sha2_password_storage_format CRYPT5
    // and PBKDF2_SHA512.
    for (const auto* stored :
         {"0x2441243030412476391A667E7C0407326C0C202847256E6F17035A424F7455482E6E72764644584A436556354758"
          "484F6B44612F6C6E426A6457646F2F5A64784C7337537837",
          "0x244224303041244C6E29546A5E4C1041123B541C444F174460753C5A67754F3771457456566E30555670615861"
          "334E7932693670636A614D322F716B6252503051796D71532F766C54515A3842396B4D584F6661762F4854346D36"
          "7345696674564876705736574A6C4B757071476F36773D3D"}) {
        const auto hash = parse_sha2(stored);
        ASSERT_TRUE(hash) << stored;
        EXPECT_EQ(hash->rounds, 10000U);
        EXPECT_TRUE(matches(*hash, "pencil"));
        EXPECT_FALSE(matches(*hash, "crayon"));
    }
}

TEST(Answers, AreThoseOfAnotherClient)
{
    // PyMySQL 1.0.2 (_auth.py): the password "pencil" and the nonce above; "secret" and 32 times 'n'.
    EXPECT_EQ(sha2_answer(sha2_stage1("pencil"), nonce),
              from_hex("f4a3aa0dce4bd7b433458f0449fe52b953160a8ca39b0e90e5cb7b92a1285f28"));
    EXPECT_EQ(native_answer(native_stage1("pencil"), nonce), from_hex("a024a72609a8c6bbd99495ce4a256826ed6c0607"));
    EXPECT_EQ(ed25519_sign("secret", std::string(32, 'n')),
              from_hex("f27b35ed82958f52732034ce325666adcb369b20d191a0f08004fc0d197b193f"
                       "c4c39f53aa3a649982d3a6ccb216eebd2872ec31aaa2e9c4668a1c8e8b1e5101"));
}

TEST(CachingSha2, TheAnswerGivesAwayTheFirstHashToWhoeverKnowsTheSecond)
{
    const auto stage1 = sha2_stage1("pencil");
    const auto stage2 = sha256({stage1.reveal()});
    const auto answer = sha2_answer(stage1, nonce);
    EXPECT_EQ(answer.size(), 32U);
    const auto proved = check_sha2(answer, nonce, stage2);
    ASSERT_TRUE(proved);
    EXPECT_EQ(*proved, stage1);
    EXPECT_FALSE(check_sha2(sha2_answer(sha2_stage1("crayon"), nonce), nonce, stage2));
    EXPECT_FALSE(check_sha2(answer, "ABCDEFGHIJ0123456789", stage2));
    EXPECT_FALSE(check_sha2(answer + "x", nonce, stage2));
}

TEST(CachingSha2, StoredFormAsTextAndAsHexadecimalDigits)
{
    const auto salt = "\x01salt with any octet"s;
    ASSERT_EQ(salt.size(), 20U);
    const auto text = "$A$005$" + salt + sha256_crypt("pencil", salt, 5000);
    const auto stored = parse_sha2(text);
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->rounds, 5000U);
    EXPECT_TRUE(matches(*stored, "pencil"));
    EXPECT_FALSE(matches(*stored, "crayon"));
    EXPECT_FALSE(matches(*stored, ""));
    std::string hex = "0x";
    for (const char octet : text) {
        static constexpr auto digits = "0123456789ABCDEF";
        hex.push_back(digits[static_cast<unsigned char>(octet) >> 4]);
        hex.push_back(digits[octet & 15]);
    }
    ASSERT_TRUE(parse_sha2(hex));
    EXPECT_TRUE(matches(*parse_sha2(hex), "pencil"));
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
        EXPECT_FALSE(parse_sha2(text.substr(0, cut))) << cut;
    }
    EXPECT_FALSE(parse_sha2(text + "x"));
    EXPECT_FALSE(parse_sha2("0x0x0x"));
    auto none = text;
    none.replace(3, 3, "000");
    EXPECT_FALSE(parse_sha2(none));
}

TEST(Ed25519, PublicKeyOfTheKnowledgeBasesExample)
{
    // MariaDB Knowledge Base, "Authentication Plugin - ed25519": the key of the password 'secret'.
    const auto key = parse_ed25519("ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY");
    ASSERT_TRUE(key);
    EXPECT_EQ(*key, ed25519_public_key("secret"));
}

TEST(Ed25519, SignaturesAreVerifiedByAnotherLibrary)
{
    const auto challenge = std::string(32, 'n');
    for (const auto& password : {"secret"s, "p"s, std::string(300, 'x'), "\xc3\xa4\0b"s}) {
        const auto signature = ed25519_sign(password, challenge);
        const auto key = ed25519_public_key(password);
        EXPECT_TRUE(ed25519_verify(signature, challenge, key));
        EXPECT_FALSE(ed25519_verify(signature, std::string(32, 'm'), key));
        EXPECT_FALSE(ed25519_verify(signature, challenge, ed25519_public_key(password + "x")));
        auto bent = signature;
        bent[5] = static_cast<char>(bent[5] ^ 1);
        EXPECT_FALSE(ed25519_verify(bent, challenge, key));
        EXPECT_FALSE(ed25519_verify(signature.substr(1), challenge, key));
        EXPECT_FALSE(ed25519_verify("", challenge, key));
    }
}

TEST(Rsa, PasswordsMakeTheRoundTrip)
{
    const rsa_key key;
    EXPECT_TRUE(key.public_pem().starts_with("-----BEGIN PUBLIC KEY-----"));
    for (const auto& password : {""s, "pencil"s, std::string(213, 'x')}) {
        const auto block = encrypt_password(secret{password}, nonce, key.public_pem());
        ASSERT_TRUE(block) << password.size();
        EXPECT_EQ(block->size(), key.block_size());
        EXPECT_EQ(key.decrypt_password(*block, nonce), secret{password});
        EXPECT_NE(key.decrypt_password(*block, "ABCDEFGHIJ0123456789"), secret{password});
        EXPECT_EQ(key.decrypt_password(block->substr(1), nonce), std::nullopt);
        EXPECT_EQ(key.decrypt_password(std::string(key.block_size(), 'x'), nonce), std::nullopt);
    }
    EXPECT_FALSE(encrypt_password(secret{std::string(214, 'x')}, nonce, key.public_pem())) << "no room under OAEP";
}

TEST(Rsa, OnlySoundRsaKeysAreUsed)
{
    const std::vector<std::string> table{
        "",
        "not a key",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        // An Ed25519 key: RFC 8410, 10.1.
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC "
        "KEY-----\n",
        std::string(9000, 'A'),
        // RSA of 1024 bits.
        "-----BEGIN PUBLIC KEY-----\n"
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDXPob2oXhVB9+5dLguuUNLUbMW\n"
        "sr3I9a9VO18Osf8JfxGzUcxKiST6b8r3Kg6m+/a8s/j/c/Q8AbakXp8iw7hQ6rl1\n"
        "y712zVnbysowIHEnmlXDE3GQSUZKFEKusmLVwDhTlS6PkHNxEOR+TGo+2kFZcpkY\n"
        "251FGd5PGBdHRrpFhwIDAQAB\n"
        "-----END PUBLIC KEY-----\n",
    };
    for (const auto& pem : table) {
        EXPECT_FALSE(encrypt_password(secret{"pencil"}, nonce, pem)) << pem.substr(0, 40);
    }
}

TEST(Digest, Base64OfAFixedSize)
{
    EXPECT_EQ(from_base64("cGVuY2ls", 6), "pencil");
    EXPECT_EQ(from_base64("cGVuYw==", 4), "penc");
    EXPECT_EQ(from_base64("cGVuYw", 4), "penc");
    EXPECT_EQ(from_base64("cGVuYw==", 5), std::nullopt);
    EXPECT_EQ(from_base64("cGVu*w==", 4), std::nullopt);
    EXPECT_EQ(from_base64("", 4), std::nullopt);
}

TEST(Digest, ScramblesAreText)
{
    const auto scramble = random_scramble(4000);
    EXPECT_EQ(scramble.find('\0'), std::string::npos);
    EXPECT_EQ(scramble.find('$'), std::string::npos);
    for (const char octet : scramble) {
        EXPECT_GT(octet, 0);
    }
    EXPECT_NE(random_scramble(20), random_scramble(20));
}

TEST(StoredSecret, FormsAreToldApart)
{
    using form = stored_secret::form;
    EXPECT_EQ(parse_secret("").kind, form::none);
    EXPECT_EQ(parse_secret("pencil").kind, form::clear);
    EXPECT_EQ(parse_secret("*").kind, form::clear);
    EXPECT_EQ(parse_secret("*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4").kind, form::native);
    EXPECT_EQ(parse_secret("$A$005$12345678901234567890" + std::string(43, 'x')).kind, form::sha2);
    EXPECT_EQ(parse_secret("ed25519:ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY").kind, form::ed25519);
    EXPECT_EQ(parse_secret("ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY").kind, form::clear);
    EXPECT_EQ(parse_secret("ed25519:broken").kind, form::none);
}

TEST(ProvedPasswords, BelongToUserAndHashAndForgetTheOldest)
{
    proved_passwords cache{2};
    cache.keep("ann", "h1", secret{"one"});
    EXPECT_EQ(cache.find("ann", "h1"), secret{"one"});
    EXPECT_EQ(cache.find("ann", "h2"), std::nullopt);
    EXPECT_EQ(cache.find("bob", "h1"), std::nullopt);
    cache.keep("ann", "h1", secret{"one"});
    cache.keep("bob", "h1", secret{"two"});
    EXPECT_EQ(cache.find("ann", "h1"), secret{"one"});
    cache.keep("cat", "h1", secret{"three"});
    EXPECT_EQ(cache.find("ann", "h1"), std::nullopt);
    EXPECT_EQ(cache.find("bob", "h1"), secret{"two"});
    EXPECT_EQ(cache.find("cat", "h1"), secret{"three"});
}

}  // namespace
}  // namespace penstock::mysql
