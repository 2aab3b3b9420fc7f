// SPDX-License-Identifier: Apache-2.0
//
// Both halves of a login against each other, with each method, wherever what flows is cut, and wherever it ends.
#include "tests/unit/mysql/login_support.hpp"

#include <optional>

namespace penstock::mysql {
namespace {

using namespace played;

/// A way of logging in.
struct way {
    const char* name;
    std::string stored;
    std::string_view greeted;
    bool mariadb = false;
    bool tls = false;
    bool fetch_key = false;
    auth_method method = auth_method::scram_sha_256;
};

std::vector<way> ways()
{
    return {{"native, clear text", "pencil", native, true},
            {"native, hash", stored_native("pencil"), native},
            {"switch to native", stored_native("pencil"), sha2, false, true},
            {"sha2, fast path", "pencil", sha2},
            {"sha2 under TLS", stored_sha2("pencil"), sha2, false, true},
            {"sha2 by RSA", stored_sha2("pencil"), native, true, false, true},
            {"clear password", stored_sha2("pencil"), sha2, false, true, false, auth_method::password}};
}

/// What came of it.
struct both {
    login_result front{};
    std::optional<outcome<server_identity>> back{};
    std::size_t to_back = 0;
    std::size_t to_front = 0;
};

both play(const way& one, test::wire to_back, test::wire to_front, std::string_view password = "pencil")
{
    const auto user = "ann"s;
    login_context context{.tls_available = one.tls,
                          .client_address = "10.0.0.7:1",
                          .greeting = greeting_of(one.greeted, one.mariadb),
                          .connection_id = 9,
                          .commons = fresh_commons()};
    server_account account{.user = user,
                           .database = "shop",
                           .password = secret{password},
                           .tls = one.tls ? server_account::tls_mode::require : server_account::tls_mode::disable,
                           .attributes = {{"program_name", "test"}},
                           .fetch_public_key = one.fetch_key};
    test::scripted<login_result> front{[&](dialogue& line) { return client_login(line, context); }};
    test::scripted<outcome<server_identity>> back{[&](dialogue& line) { return server_login(line, account); }};
    front.users = [&](const user_question& question) {
        return user_record{.exists = question.user == user, .method = one.method, .stored = secret{one.stored}};
    };
    front.handshake_is_transparent = true;
    front.tls = back.tls = tls_facts{"TLSv1.3", "", "hash", ""};
    test::converse(front, to_back, back, to_front);
    both result;
    if (front.done()) {
        result.front = front.result();
    }
    if (result.front.how == how::logged_in) {
        std::string ok;
        encode_login_ok(ok, result.front.identity, {.status = server_status::autocommit});
        to_back.deliver(ok, back);
    }
    if (back.done()) {
        result.back = back.result();
    }
    result.to_back = to_back.passed.size();
    result.to_front = to_front.passed.size();
    return result;
}

TEST(LoginInterplay, EveryWayIn)
{
    for (const auto& one : ways()) {
        const auto result = play(one, {}, {});
        EXPECT_EQ(result.front.how, how::logged_in) << one.name << ": " << result.front.reason;
        ASSERT_TRUE(result.back) << one.name;
        ASSERT_TRUE(*result.back) << one.name << ": " << result.back->error().detail;
        EXPECT_EQ((*result.back)->cancel.process_id, 9U);
        EXPECT_EQ((*result.back)->status, server_status::autocommit);
        EXPECT_EQ((*result.back)->tls, one.tls);
        EXPECT_EQ((*result.back)->capabilities & ~capability::ssl,
                  result.front.identity.capabilities & ~capability::ssl);
        EXPECT_EQ(result.front.identity.attributes, (parameter_list{{"program_name", "test"}}));
    }
}

TEST(LoginInterplay, NoWayInWithAWrongPassword)
{
    for (const auto& one : ways()) {
        const auto result = play(one, {}, {}, "crayon");
        ASSERT_TRUE(result.back) << one.name;
        EXPECT_FALSE(*result.back) << one.name;
        EXPECT_NE(result.front.how, how::logged_in) << one.name;
        // In between a client without TLS is asked for a full exchange, which ours refuses before it hears the error.
        if (one.tls || one.fetch_key || one.greeted == native) {
            EXPECT_EQ(result.front.how, how::refused) << one.name;
            EXPECT_EQ(result.back->error().number, 1045) << one.name;
            EXPECT_EQ(result.back->error().sqlstate, "28000") << one.name;
        }
    }
}

TEST(LoginInterplay, OctetByOctet)
{
    for (const auto& one : ways()) {
        test::wire slow;
        slow.octet_by_octet = true;
        const auto result = play(one, slow, slow);
        EXPECT_EQ(result.front.how, how::logged_in) << one.name;
        EXPECT_TRUE(result.back && *result.back) << one.name;
    }
}

TEST(LoginInterplay, CutInTwoAnywhere)
{
    for (const auto& one : ways()) {
        const auto whole = play(one, {}, {});
        // Every octet for the quick ways; where hashes or RSA make it slow every seventh.
        const std::size_t step = one.stored.starts_with("$A$") ? 7 : 1;
        for (std::size_t cut = 1; cut < whole.to_back; cut += step) {
            const auto result = play(one, {.cut_at = cut}, {});
            ASSERT_EQ(result.front.how, how::logged_in) << one.name << " cut at " << cut;
            ASSERT_TRUE(result.back && *result.back) << one.name << " cut at " << cut;
        }
        for (std::size_t cut = 1; cut < whole.to_front; cut += step) {
            const auto result = play(one, {}, {.cut_at = cut});
            ASSERT_EQ(result.front.how, how::logged_in) << one.name << " cut at " << cut;
            ASSERT_TRUE(result.back && *result.back) << one.name << " cut at " << cut;
        }
    }
}

TEST(LoginInterplay, EndingAnywhereNobodyIsIn)
{
    for (const auto& one : ways()) {
        const auto whole = play(one, {}, {});
        const std::size_t step = one.stored.starts_with("$A$") ? 7 : 1;
        for (std::size_t end = 0; end < whole.to_back; end += step) {
            const auto result = play(one, {.ends_at = end}, {});
            ASSERT_TRUE(result.back) << one.name << " ends at " << end;
            ASSERT_FALSE(*result.back) << one.name << " ends at " << end;
            ASSERT_EQ(result.back->error().kind, error_kind::server_unavailable) << one.name << " ends at " << end;
        }
        for (std::size_t end = 0; end < whole.to_front; end += step) {
            const auto result = play(one, {}, {.ends_at = end});
            ASSERT_EQ(result.front.how, how::gone) << one.name << " ends at " << end;
            ASSERT_FALSE(result.front.reason.empty());
        }
    }
}

}  // namespace
}  // namespace penstock::mysql
