// SPDX-License-Identifier: Apache-2.0
//
// Logging in to servers that behave, and to servers that do not.
#include "tests/unit/postgresql/server_login_support.hpp"

namespace penstock::postgresql {
namespace {

using namespace served;

TEST(ServerLogin, SendsUserDatabaseAndParameters)
{
    auto with = account();
    with.parameters = {{"application_name", "penstock"}};
    server peer{with};
    EXPECT_EQ(peer.hears(), "\0\0\0\x3a\0\3\0\0user\0ann\0database\0shop\0application_name\0penstock\0\0"s);
}

TEST(ServerLogin, LearnsWhatTheServerTells)
{
    server peer;
    peer.says(auth_ok + message('S', "TimeZone\0UTC\0"s) + message('N', "SNOTICE\0Mhello\0\0"s) +
              message('S', "server_version\00018.0\0"s) + message('K', "\0\0\0\7"s + std::string(32, 'k')) + ready);
    const auto identity = peer.end();
    ASSERT_TRUE(identity);
    EXPECT_EQ(identity->parameters, (parameter_list{{"TimeZone", "UTC"}, {"server_version", "18.0"}}));
    EXPECT_EQ(identity->cancel, (cancel_key{7, std::string(32, 'k')}));
    EXPECT_FALSE(identity->tls);
}

TEST(ServerLogin, AServerMayHaveNoCancelKey)
{
    server peer;
    peer.says(auth_ok + ready);
    const auto identity = peer.end();
    ASSERT_TRUE(identity);
    EXPECT_TRUE(identity->cancel.key.empty());
}

TEST(ServerLogin, ScramWithTheServersProof)
{
    server peer;
    peer.says(auth(auth_request::sasl_final, play_scram(peer)) + auth_ok + ready);
    EXPECT_TRUE(peer.end());
}

TEST(ServerLogin, OkBeforeTheServersProofIsRefused)
{
    server after_first;
    after_first.says(offers_scram);
    after_first.says(auth_ok + ready);
    expect_failure(after_first, "instead of the challenge");

    server after_response;
    play_scram(after_response);
    after_response.says(auth_ok + ready);
    expect_failure(after_response, "instead of the server's proof");
}

TEST(ServerLogin, AWrongProofIsRefused)
{
    server peer;
    play_scram(peer);
    peer.says(auth(auth_request::sasl_final, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") + auth_ok + ready);
    expect_failure(peer, "wrong signature");
}

TEST(ServerLogin, HostileChallenges)
{
    for (const auto& [tail, why] : std::vector<std::pair<std::string, std::string>>{
             {std::string(8000, 'x') + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "endless nonce"},
             {"x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2147483648", "2^31 iterations"},
             {"x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=100001", "too many iterations"},
             {",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "our own nonce"}}) {
        server peer;
        peer.hears();
        peer.says(offers_scram);
        const auto first = peer.hears();
        const auto nonce = first.substr(first.find("r="));
        peer.says(auth(auth_request::sasl_continue, nonce + tail));
        expect_failure(peer, why);
        EXPECT_TRUE(peer.hears().empty()) << why;
    }
}

TEST(ServerLogin, ADifferentQuestionAfterTheFirstIsRefused)
{
    for (const auto& second : {auth(auth_request::clear_password),
                               auth(auth_request::md5_password, "salt"),
                               offers_scram,
                               auth(auth_request::sasl_final, "v=")}) {
        server peer{[] {
            auto with = account();
            with.allow_clear_password_without_tls = true;
            return with;
        }()};
        peer.says(offers_scram);
        peer.hears();
        peer.says(second);
        expect_failure(peer, "second question");
        EXPECT_TRUE(peer.hears().empty());
    }
}

TEST(ServerLogin, AnAnswerIsFollowedByOkAndNothingElse)
{
    for (const auto& second : {auth(auth_request::clear_password),
                               auth(auth_request::md5_password, "salt"),
                               auth(auth_request::sasl_final, "v="),
                               offers_scram,
                               ready}) {
        server peer;
        peer.hears();
        peer.says(auth(auth_request::md5_password, "salt"));
        EXPECT_FALSE(peer.hears().empty());
        peer.says(second);
        expect_failure(peer, "second question");
        EXPECT_TRUE(peer.hears().empty());
    }
    server after_proof;
    after_proof.says(auth(auth_request::sasl_final, play_scram(after_proof)) + ready);
    expect_failure(after_proof, "no AuthenticationOk");
}

TEST(ServerLogin, QuestionsThatCannotBeAnswered)
{
    for (const auto& [question, named] : std::vector<std::pair<std::string, std::string>>{
             {auth(auth_request::gss), "GSSAPI"},
             {auth(auth_request::sspi), "SSPI"},
             {auth(auth_request::kerberos_v5), "Kerberos"},
             {auth(auth_request::scm_credential), "SCM"},
             {auth(auth_request{99}), "unknown"},
             {auth(auth_request::clear_password), "TLS only"},
             {auth(auth_request::md5_password, "toolong"), "malformed md5"},
             {auth(auth_request::md5_password), "malformed md5"},
             {auth(auth_request::sasl, "OAUTHBEARER\0\0"s), "SASL"},
             {auth(auth_request::sasl), "SASL"},
             {auth(auth_request::sasl, "SCRAM-SHA-256-PLUS\0\0"s), "SASL"},
             {auth(auth_request::sasl_continue, "r=x"), "order"},
             {auth(auth_request::sasl_final, "v=x"), "order"},
             {message('R', ""), "unexpected"},
             {message('R', "\0\0\0"s), "unexpected"}}) {
        server peer;
        peer.hears();
        peer.says(question);
        const auto error = expect_failure(peer, named);
        EXPECT_NE(error.detail.find(named), std::string::npos) << error.detail;
        EXPECT_TRUE(peer.hears().empty()) << named;
    }
}

TEST(ServerLogin, TheClearPasswordGoesOutUnderTlsOrIfAllowed)
{
    server encrypted{account(mode::require)};
    encrypted.hears();
    encrypted.says("S");
    encrypted.hears();
    encrypted.says(auth(auth_request::clear_password));
    EXPECT_EQ(encrypted.hears(), message('p', "pencil\0"s));

    auto with = account();
    with.allow_clear_password_without_tls = true;
    server allowed{with};
    allowed.hears();
    allowed.says(auth(auth_request::clear_password));
    EXPECT_EQ(allowed.hears(), message('p', "pencil\0"s));
}

TEST(ServerLogin, WithoutASecretNothingIsSent)
{
    auto with = account();
    with.password = secret{};
    with.allow_clear_password_without_tls = true;
    for (const auto& question :
         {auth(auth_request::clear_password), auth(auth_request::md5_password, "salt"), offers_scram}) {
        server peer{with};
        peer.hears();
        peer.says(question);
        expect_failure(peer, "no secret");
        EXPECT_TRUE(peer.hears().empty());
    }
}

TEST(ServerLogin, AnMd5HashIsNotAPassword)
{
    auto with = account();
    with.password = secret{"md50123456789abcdef0123456789abcdef"};
    with.allow_clear_password_without_tls = true;
    for (const auto& question : {auth(auth_request::clear_password), offers_scram}) {
        server peer{with};
        peer.hears();
        peer.says(question);
        expect_failure(peer, "only a hash");
        EXPECT_TRUE(peer.hears().empty());
    }
}

TEST(ServerLogin, ErrorsAreHandedOnWithTheirCode)
{
    server peer;
    peer.says(message('E', "SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0"s));
    EXPECT_EQ(expect_failure(peer, "error"),
              (client_error{error_kind::server_login_failed, "sorry, too many clients already", "53300"}));

    server after_ok;
    after_ok.says(auth_ok + message('E', "SFATAL\0C3D000\0Mdatabase \"shop\" does not exist\0\0"s));
    EXPECT_EQ(expect_failure(after_ok, "error").sqlstate, "3D000");
}

TEST(ServerLogin, ErrorsWithoutCodeOrTextOrSense)
{
    for (const auto& body :
         {""s, "\0"s, "Mno code\0\0"s, "C\0M\0\0"s, "Mx"s, "Ctoolong\0Mx\0\0"s, "CMMMM"s, "\xff\0\xff"s}) {
        server peer;
        peer.says(message('E', body));
        EXPECT_TRUE(expect_failure(peer, body).sqlstate.empty()) << body;
    }
    server huge;
    huge.says(message('E', "C28P01\0M"s + std::string(20'000, 'x') + "\0\0"s));
    EXPECT_LE(expect_failure(huge, "huge").detail.size(), 1024U);
}

TEST(ServerLogin, AbsurdLengthsAreRefusedBeforeTheBodyIsAwaited)
{
    for (const char type : {'R', 'E', 'N', 'S', 'v', 'x'}) {
        for (const std::uint32_t length : {0U, 3U, 30'001U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
            std::string header{type};
            byte_writer{header}.u32(length);
            server peer;
            peer.says(header);
            expect_failure(peer, header);
            server later;
            later.says(auth_ok + header);
            expect_failure(later, header);
        }
    }
}

TEST(ServerLogin, EveryOtherMessageInEveryStateIsRefused)
{
    for (int octet = 0; octet < 256; ++octet) {
        const auto type = static_cast<char>(octet);
        const auto strange = message(type, "abcd\0x\0"s);
        if (type != 'N' && type != 'v') {
            server first;
            first.says(strange);
            expect_failure(first, "first " + std::to_string(octet));
        }
        if (type != 'N') {
            server second;
            second.says(offers_scram);
            second.says(strange);
            expect_failure(second, "second " + std::to_string(octet));
        }
        if (type != 'N' && type != 'S' && type != 'K') {
            server third;
            third.says(auth_ok + strange);
            expect_failure(third, "third " + std::to_string(octet));
        }
    }
}

TEST(ServerLogin, CountsAreBounded)
{
    server parameters;
    std::string many = auth_ok;
    for (std::size_t n = 0; n <= most_server_parameters; ++n) {
        many += message('S', "a\0b\0"s);
    }
    parameters.says(many);
    expect_failure(parameters, "parameters");

    server large;
    large.says(auth_ok);
    for (int n = 0; n < 8; ++n) {
        large.says(message('S', "a\0"s + std::string(9000, 'b') + "\0"s));
    }
    expect_failure(large, "large parameters");

    server chatty;
    for (std::size_t n = 0; n <= most_login_notices / 2; ++n) {
        chatty.says(message('N', "Mhello\0\0"s));
    }
    chatty.says(auth_ok);
    for (std::size_t n = 0; n <= most_login_notices / 2; ++n) {
        chatty.says(message('N', "Mhello\0\0"s));
    }
    expect_failure(chatty, "notices before and after");
}

TEST(ServerLogin, MalformedReports)
{
    for (const auto& strange : {message('S', ""),
                                message('S', "a"),
                                message('S', "a\0b"s),
                                message('S', "a\0b\0c"s),
                                message('K', ""),
                                message('K', "\0\0\0\7"s),
                                message('K', "\0\0\0\7abc"s),
                                message('K', "\0\0\0\7"s + std::string(257, 'k')),
                                message('K', "\0\0\0\7four"s) + message('K', "\0\0\0\7four"s),
                                message('Z', ""),
                                message('Z', "T"),
                                message('Z', "E"),
                                message('Z', "II")}) {
        server peer;
        peer.says(auth_ok + strange);
        expect_failure(peer, strange);
    }
}

TEST(ServerLogin, NegotiationIsPassedOverOnce)
{
    const auto negotiation = message('v', "\0\3\0\0\0\0\0\0"s);
    server once;
    once.says(negotiation + auth_ok + ready);
    EXPECT_TRUE(once.end());
    server twice;
    twice.says(negotiation + negotiation);
    expect_failure(twice, "twice");
}

}  // namespace
}  // namespace penstock::postgresql
