// SPDX-License-Identifier: Apache-2.0
#include "app/translate.hpp"

#include "settings/load.hpp"

#include <gtest/gtest.h>

namespace penstock::app {
namespace {

/// "user password", as whom the nodes of the only cluster are probed.
std::string prober_with(const std::string& users, const std::string& engine = "postgresql")
{
    const auto loaded =
        settings::load_text("[[cluster]]\nname = \"main\"\nengine = \"" + engine +
                                "\"\nnodes = [\"db1:1\", \"db2:2\"]\n[auth]\nauth_method = \"trust\"\n" + users,
                            "test.toml");
    EXPECT_TRUE(loaded.ok());
    const auto options = monitor_options_of(loaded.settings, loaded.settings.clusters.front());
    return options.account ? options.account->user + " " + std::string{options.account->password.reveal()} : "nobody";
}

const std::string verifier =
    "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$"
    "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

TEST(MonitorOptions, ProbeAsTheFirstUserWhosePasswordForServersIsKnown)
{
    EXPECT_EQ(prober_with("[[user]]\nname = \"app\"\npassword = \"x\"\n[[user]]\nname = \"b\"\npassword = \"y\"\n"),
              "app x");
    EXPECT_EQ(prober_with("[[user]]\nname = \"app\"\npassword = \"" + verifier +
                          "\"\n[[user]]\nname = \"b\"\npassword = \"y\"\n"),
              "b y");
}

TEST(MonitorOptions, TakeThePasswordForServersBeforeThatOfClients)
{
    EXPECT_EQ(prober_with("[[user]]\nname = \"app\"\nserver_password = \"s\"\n"), "app s");
    EXPECT_EQ(prober_with("[[user]]\nname = \"app\"\npassword = \"" + verifier + "\"\nserver_password = \"s\"\n"),
              "app s");
    EXPECT_EQ(prober_with("[[user]]\nname = \"app\"\npassword = \"x\"\nserver_password = \"s\"\n"), "app s");
    EXPECT_EQ(prober_with("[[user]]\nname = \"app\"\npassword = \"x\"\nserver_password = \"s\"\n", "mysql"), "app s");
}

TEST(MonitorOptions, ProbeAsTheServersUserWithItsOwnPasswordOnly)
{
    EXPECT_EQ(
        prober_with("[[user]]\nname = \"app\"\npassword = \"x\"\nserver_user = \"owner\"\nserver_password = \"s\"\n"),
        "owner s");
    EXPECT_EQ(prober_with("[[user]]\nname = \"app\"\npassword = \"x\"\nserver_user = \"owner\"\n"), "nobody");
}

TEST(MonitorOptions, ProbeAsNobodyWhereNoPasswordIsKnown)
{
    EXPECT_EQ(prober_with("[[user]]\nname = \"app\"\n"), "nobody");
    EXPECT_EQ(prober_with("[[user]]\nname = \"app\"\npassword = \"" + verifier + "\"\n"), "nobody");
}

}  // namespace
}  // namespace penstock::app
