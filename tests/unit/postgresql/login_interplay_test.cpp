// SPDX-License-Identifier: Apache-2.0
//
// client_login and server_login against each other: whatever one of them says the other understands, for all methods,
// however the octets are cut, and if either side goes away at any point neither of them hangs or succeeds.
#include "protocols/postgresql/client_login.hpp"
#include "protocols/postgresql/md5_auth.hpp"
#include "protocols/postgresql/scram.hpp"
#include "protocols/postgresql/server_login.hpp"
#include "tests/support/dialogue_script.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace penstock::postgresql {
namespace {

using test::scripted;
using test::wire;

/// One login: what the front knows, what the back is told, and how the wires behave.
struct meeting {
    login_context context{};
    user_record record{.exists = true, .method = auth_method::scram_sha_256, .stored = secret{"pencil"}};
    server_account account{.user = "user", .database = "shop", .password = secret{"pencil"}};
    std::optional<tls_facts> tls{};
    wire to_front{};
    wire to_back{};

    std::optional<login_result> front{};
    std::optional<outcome<server_identity>> back{};

    meeting& with_tls(std::string hash = "a certificate's hash", std::string common_name = {})
    {
        context.tls_available = true;
        tls = tls_facts{"TLSv1.3", std::move(common_name), std::move(hash), "postgresql"};
        return *this;
    }

    meeting& run()
    {
        scripted<login_result> front_side{[&](dialogue& line) { return client_login(line, context); }};
        scripted<outcome<server_identity>> back_side{[&](dialogue& line) { return server_login(line, account); }};
        front_side.users = [&](const user_question&) { return record; };
        front_side.tls = back_side.tls = tls;
        test::converse(back_side, to_front, front_side, to_back);
        if (front_side.done()) {
            front = front_side.result();
            if (front->how == login_result::kind::logged_in) {
                std::string greeting;
                encode_greeting(greeting, {{"server_version", "17.2"}, {"TimeZone", "UTC"}}, {4711, "four"});
                to_back.deliver(greeting, back_side);
            } else if (!back_side.done()) {
                back_side.end_of_input();
            }
        }
        if (back_side.done()) {
            back = back_side.result();
        }
        return *this;
    }

    [[nodiscard]] bool both_succeed() const
    {
        return front && front->how == login_result::kind::logged_in && back && back->has_value();
    }
};

TEST(LoginInterplay, ScramByClearPassword)
{
    meeting login;
    login.account.parameters = {{"application_name", "penstock"}};
    ASSERT_TRUE(login.run().both_succeed());
    const auto& identity = login.front->identity;
    EXPECT_EQ(identity.user, "user");
    EXPECT_EQ(identity.database, "shop");
    EXPECT_EQ(identity.parameters, (parameter_list{{"application_name", "penstock"}}));
    EXPECT_FALSE(identity.tls);
    EXPECT_EQ((**login.back).parameters, (parameter_list{{"server_version", "17.2"}, {"TimeZone", "UTC"}}));
    EXPECT_EQ((**login.back).cancel, (cancel_key{4711, "four"}));
}

TEST(LoginInterplay, ScramByVerifierYieldsTheKeysForTheNextServer)
{
    const auto keys = derive_scram_keys("pencil", "sixteen octets..", 4096);
    meeting login;
    login.record.stored = secret{to_text(to_verifier(keys, "sixteen octets..", 4096))};
    ASSERT_TRUE(login.run().both_succeed());
    ASSERT_TRUE(login.front->identity.keys.has_value());
    EXPECT_EQ(*login.front->identity.keys, keys);

    meeting passed_through;
    passed_through.record = login.record;
    passed_through.account.password = secret{};
    passed_through.account.keys = login.front->identity.keys;
    EXPECT_TRUE(passed_through.run().both_succeed());
}

TEST(LoginInterplay, ScramUnderTlsBindsTheChannel)
{
    meeting login;
    ASSERT_TRUE(login.with_tls().run().both_succeed());
    EXPECT_TRUE(login.front->identity.tls);
    EXPECT_TRUE((**login.back).tls);
    EXPECT_NE(login.to_front.passed.find("p=tls-server-end-point,,"), std::string::npos);
}

TEST(LoginInterplay, ScramUnderTlsWithoutACertificateHash)
{
    meeting login;
    ASSERT_TRUE(login.with_tls("").run().both_succeed());
    EXPECT_EQ(login.to_front.passed.find("p=tls-server-end-point"), std::string::npos);
}

TEST(LoginInterplay, Md5ByClearPasswordAndByHashOnEitherSide)
{
    for (const auto& front : {std::string{"pencil"}, md5_hash("pencil", "user")}) {
        for (const auto& back : {std::string{"pencil"}, md5_hash("pencil", "user")}) {
            meeting login;
            login.record = {.exists = true, .method = auth_method::md5, .stored = secret{front}};
            login.account.password = secret{back};
            EXPECT_TRUE(login.run().both_succeed()) << front << ' ' << back;
        }
    }
}

TEST(LoginInterplay, Md5MethodWithAVerifierMeansScram)
{
    meeting login;
    login.record.method = auth_method::md5;
    login.record.stored = secret{to_text(to_verifier(derive_scram_keys("pencil", "salt", 4096), "salt", 4096))};
    ASSERT_TRUE(login.run().both_succeed());
    EXPECT_NE(login.to_back.passed.find("SCRAM-SHA-256"), std::string::npos);
}

TEST(LoginInterplay, ClearPasswordUnderTls)
{
    const auto verifier = to_text(to_verifier(derive_scram_keys("pencil", "salt", 4096), "salt", 4096));
    for (const auto& stored : {std::string{"pencil"}, md5_hash("pencil", "user"), verifier}) {
        meeting login;
        login.record = {.exists = true, .method = auth_method::password, .stored = secret{stored}};
        ASSERT_TRUE(login.with_tls().run().both_succeed()) << stored;
        EXPECT_EQ(login.front->identity.clear_password.reveal(), "pencil");

        meeting wrong;
        wrong.record = login.record;
        wrong.account.password = secret{"pen"};
        EXPECT_FALSE(wrong.with_tls().run().both_succeed()) << stored;
        EXPECT_EQ(wrong.back->error().sqlstate, "28P01");
    }
}

TEST(LoginInterplay, TrustAndCertificate)
{
    meeting trusted;
    trusted.record = {.exists = true, .method = auth_method::trust};
    EXPECT_TRUE(trusted.run().both_succeed());

    meeting certified;
    certified.record = {.exists = true, .method = auth_method::certificate};
    EXPECT_TRUE(certified.with_tls("hash", "user").run().both_succeed());

    meeting somebody_else;
    somebody_else.record = certified.record;
    EXPECT_FALSE(somebody_else.with_tls("hash", "root").run().both_succeed());
    EXPECT_EQ(somebody_else.back->error().sqlstate, "28000");
}

TEST(LoginInterplay, WrongPasswordIsToldInTheSameWordsAsNoSuchUser)
{
    for (const auto method : {auth_method::scram_sha_256, auth_method::md5}) {
        meeting wrong;
        wrong.record.method = method;
        wrong.account.password = secret{"pen"};
        ASSERT_FALSE(wrong.run().both_succeed());

        meeting nobody;
        nobody.record = {.exists = false, .method = method};
        ASSERT_FALSE(nobody.run().both_succeed());

        EXPECT_EQ(wrong.back->error().detail, "password authentication failed for user \"user\"");
        EXPECT_EQ(wrong.back->error().sqlstate, "28P01");
        EXPECT_EQ(wrong.back->error(), nobody.back->error());
        EXPECT_EQ(wrong.to_back.passed.size(), nobody.to_back.passed.size());
        EXPECT_EQ(wrong.front->how, login_result::kind::refused);
        EXPECT_NE(wrong.front->reason, nobody.front->reason);
    }
}

TEST(LoginInterplay, EverySplitOfWhatEitherSideSendsGivesTheSame)
{
    for (const bool tls : {false, true}) {
        meeting whole;
        whole.account.parameters = {{"application_name", "penstock"}};
        ASSERT_TRUE((tls ? whole.with_tls() : whole).run().both_succeed());
        const auto octets = std::max(whole.to_front.passed.size(), whole.to_back.passed.size());
        for (std::size_t cut = 1; cut < octets; ++cut) {
            meeting split;
            split.account = whole.account;
            split.to_front.cut_at = split.to_back.cut_at = cut;
            ASSERT_TRUE((tls ? split.with_tls() : split).run().both_succeed()) << cut;
        }
        meeting dripping;
        dripping.account = whole.account;
        dripping.to_front.octet_by_octet = dripping.to_back.octet_by_octet = true;
        EXPECT_TRUE((tls ? dripping.with_tls() : dripping).run().both_succeed());
    }
}

TEST(LoginInterplay, ASideThatGoesAwayAtAnyPointEndsTheOther)
{
    meeting whole;
    ASSERT_TRUE(whole.with_tls().run().both_succeed());
    for (std::size_t end = 0; end < whole.to_front.passed.size(); ++end) {
        meeting login;
        login.to_front.ends_at = end;
        login.with_tls().run();
        ASSERT_TRUE(login.front.has_value()) << end;
        EXPECT_EQ(login.front->how, login_result::kind::gone) << end;
    }
    for (std::size_t end = 0; end < whole.to_back.passed.size(); ++end) {
        meeting login;
        login.to_back.ends_at = end;
        login.with_tls().run();
        ASSERT_TRUE(login.back.has_value()) << end;
        ASSERT_FALSE(login.back->has_value()) << end;
        EXPECT_EQ(login.back->error().kind, error_kind::server_unavailable) << end;
    }
}

}  // namespace
}  // namespace penstock::postgresql
