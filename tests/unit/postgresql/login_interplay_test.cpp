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

}  // namespace
}  // namespace penstock::postgresql
