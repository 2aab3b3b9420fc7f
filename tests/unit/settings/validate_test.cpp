// SPDX-License-Identifier: Apache-2.0
//
// What must hold between settings.
#include "settings/validate.hpp"

#include "support.hpp"

#include <vector>

namespace penstock::settings {
namespace {

class Validate : public testing::Test {
protected:
    /// The one fault of a document; "${DIR}" in it is a folder with the files a.crt, a.key and ca.crt.
    std::string fault_of(std::string_view toml, bool with_rest = true)
    {
        const auto whole = std::string{toml} + '\n' + std::string{with_rest ? valid_rest : ""};
        const auto faults = load_text(whole, "f", variables({{"DIR", folder_.path("")}})).faults;
        EXPECT_LE(faults.size(), 1U) << all_texts(faults);
        return faults.empty() ? "none" : faults[0].text();
    }
    void SetUp() override
    {
        for (const auto* name : {"a.crt", "a.key", "ca.crt"}) {
            folder_.file(name, "x");
        }
    }
    temporary_folder folder_;
};

#define EXPECT_FAULT(toml, place, part)                        \
    do {                                                       \
        const auto text = fault_of(toml);                      \
        EXPECT_TRUE(text.starts_with("f:" place ":")) << text; \
        EXPECT_NE(text.find(part), std::string::npos) << text; \
    } while (false)

TEST_F(Validate, NamesAreUnique)
{
    EXPECT_FAULT("[[database]]\nname='a'\n[[database]]\nname='a'", "4:1", "another database called \"a\"");
    EXPECT_FAULT("[[user]]\nname='app'\npassword='x'", "8:1", "another user called \"app\"");
    EXPECT_FAULT("[[cluster]]\nnodes=['x']\n[[database]]", "5:1", "another cluster called \"main\"");
}

TEST_F(Validate, DiscoveryIsComplete)
{
    const auto fault_in = [this](const std::string& lines, const std::string& account = "monitor_user='m'\n") {
        return fault_of("[[cluster]]\nnodes=['x']\n" + account + lines + "\n[[user]]\nname='app'\npassword='pw'",
                        false);
    };
    const std::vector<std::pair<std::string, std::string>> faults{
        {fault_in("discovery='patroni'\npatroni_urls=['http://a:8008']", ""), "add monitor_user"},
        {fault_in("discovery='patroni'"), "nothing says where Patroni is"},
        {fault_in("discovery='patroni'\npatroni_urls=['https://a:8008']"), "https is not known"},
        {fault_in("discovery='aurora'"), "does not say how an instance is reached"},
        {fault_in("discovery='aurora'\naurora_endpoint='db1'"), "does not say how an instance is reached"},
        {fault_in("discovery='aurora'\naurora_endpoint='{server_id}.a b'"), "does not say how an instance is reached"},
        {fault_in("engine='mysql'\ndiscovery='patroni'\npatroni_urls=['http://a:8008']"), "Patroni manages PostgreSQL"},
    };
    for (const auto& [found, wanted] : faults) {
        EXPECT_NE(found.find(wanted), std::string::npos) << found;
    }
    EXPECT_EQ(fault_in("discovery='aurora'\naurora_endpoint='{server_id}.a.com:5433'\nread_write_split=true"), "none")
        << "one node is enough where more are found";
}

TEST_F(Validate, NamesAreGiven)
{
    EXPECT_FAULT("[[user]]\npassword='x'", "1:1", "a user has no usable name");
    EXPECT_FAULT("[[database]]\nname=''", "2:1", "a database has no usable name");
}

TEST_F(Validate, DatabasesAreOnClustersThatExist)
{
    EXPECT_FAULT(
        "[[database]]\nname='a'\ncluster='other'", "3:1", "which is not configured; add a [[cluster]] of that name");
}

TEST_F(Validate, TheConsolesNameIsTaken)
{
    EXPECT_FAULT("[[database]]\nname='pgbouncer'", "2:1", "admin console");
}

TEST_F(Validate, MinimumIsWithinSize)
{
    EXPECT_FAULT("[pool]\npool_size = 5\nmin_pool_size = 6", "3:1", "min_pool_size (6) is more than pool_size (5)");
    EXPECT_FAULT("[pool]\nmin_pool_size = 6\n[[database]]\npool_size = 5",
                 "3:1",
                 "min_pool_size (6) is more than pool_size (5)");
    EXPECT_FAULT("[[user]]\nname='u'\npassword='x'\nmin_pool_size = 21",
                 "4:1",
                 "min_pool_size (21) is more than pool_size (20)");
    EXPECT_FAULT("[pool]\nmin_pool_size = 9\nmax_server_connections = 8", "3:1", "less than min_pool_size");
    EXPECT_FAULT("[pool]\nserver_retry_first = '1min'", "2:1", "longer than server_retry_longest");
}

TEST_F(Validate, TlsIsWholeOrAbsent)
{
    EXPECT_FAULT("[tls]\ncertificate = '${DIR}a.crt'", "2:1", "without its key; add key");
    EXPECT_FAULT("[tls]\nkey = '${DIR}a.key'", "2:1", "without its certificate; add certificate");
    EXPECT_FAULT("[tls]\nrequire_tls = true", "2:1", "no certificate to do TLS with");
    EXPECT_FAULT("[tls]\nclient_verify = 'required'", "2:1", "add client_ca");
    EXPECT_FAULT("[tls]\nclient_ca = '${DIR}ca.crt'", "2:1", "has no effect");
    EXPECT_FAULT("[tls]\nminimum_version = 'TLSv1.0'", "2:1", "neither");
    EXPECT_EQ(fault_of("[tls]\ncertificate = '${DIR}a.crt'\nkey = '${DIR}a.key'\nclient_ca = "
                       "'${DIR}ca.crt'\nclient_verify = 'optional'\nrequire_tls = true"),
              "none");
}

TEST_F(Validate, CompressionIsMySqls)
{
    const auto of_cluster = [this](const std::string& line) {
        return fault_of("[[cluster]]\nnodes = ['a']\n" + line + "\n[[user]]\nname='u'\npassword='p'\n", false);
    };
    EXPECT_TRUE(of_cluster("compression = 'zlib'").starts_with("f:3:1: PostgreSQL's protocol has no compression"))
        << of_cluster("compression = 'zlib'");
    EXPECT_EQ(of_cluster("compression = 'off'"), "none");
    EXPECT_EQ(of_cluster("compression = 'zstd'\nengine = 'mysql'"), "none");
    EXPECT_EQ(of_cluster("compression = 'zlib'\nengine = 'mariadb'"), "none");
    EXPECT_NE(of_cluster("compression = 'lz4'\nengine = 'mysql'"), "none");
}

TEST_F(Validate, ServersTlsIsWholeOrAbsent)
{
    const auto of_cluster = [this](const std::string& line) {
        return fault_of("[[cluster]]\nnodes = ['a']\n" + line + "\n[[user]]\nname='u'\npassword='p'\n", false);
    };
    EXPECT_TRUE(of_cluster("sslmode = 'verify-full'").starts_with("f:3:1: sslmode verifies"))
        << of_cluster("sslmode = 'verify-full'");
    EXPECT_TRUE(of_cluster("sslcert = '${DIR}a.crt'").starts_with("f:3:1: sslcert and sslkey"));
    EXPECT_TRUE(
        of_cluster("monitor_password = 'x'").starts_with("f:3:1: monitor_password is given without monitor_user"));
}

TEST_F(Validate, ReadsGoToReplicasOnlyWhereTheyCan)
{
    const auto of_cluster = [this](const std::string& lines) {
        return fault_of("[[cluster]]\n" + lines + "\n[[user]]\nname='u'\npassword='p'\n", false);
    };
    EXPECT_TRUE(of_cluster("nodes = ['a']\nread_write_split = true")
                    .starts_with("f:3:1: no node could serve reads as a replica; name the replicas"))
        << of_cluster("nodes = ['a']\nread_write_split = true");
    EXPECT_TRUE(of_cluster("nodes = ['a', {address = 'b', weight = 0}]\nread_write_split = true") == "none");
    EXPECT_TRUE(of_cluster("nodes = [{address = 'a', role = 'primary'}, {address = 'b', weight = 0}]\n"
                           "read_write_split = true")
                    .starts_with("f:3:1: no node could serve reads"));
    EXPECT_EQ(of_cluster("engine = 'mysql'\nnodes = ['a', 'b']\nread_write_split = true"), "none");
    EXPECT_TRUE(of_cluster("nodes = ['a', {address = 'b', zone = 'x'}]\nzone = 'y'")
                    .starts_with("f:3:1: no node is in the zone \"y\""));
    EXPECT_EQ(of_cluster("nodes = ['a', {address = 'b', zone = 'x'}]\nzone = 'x'"), "none");
    EXPECT_TRUE(of_cluster("nodes = ['a', 'b']\nbalance = 'weights'").ends_with("did you mean \"weighted\"?"))
        << of_cluster("nodes = ['a', 'b']\nbalance = 'weights'");
    EXPECT_NE(of_cluster("nodes = ['a', {address = 'b', weight = 10001}]").find("10000"), std::string::npos);
}

TEST_F(Validate, RulesLeadSomewhereOrLimitSomething)
{
    const auto of_rule = [this](const std::string& lines) { return fault_of("[[rule]]\nname = 'r'\n" + lines); };
    EXPECT_TRUE(of_rule("user = 'app'").starts_with("f:1:1: rule \"r\" leads nowhere, and limits nothing"));
    EXPECT_NE(of_rule("max_transactions_per_second = 0").find("leads nowhere"), std::string::npos);
    EXPECT_NE(of_rule("route = 'nowhere'\nmax_transactions_per_second = 5").find("leads nowhere"), std::string::npos);
    EXPECT_EQ(of_rule("max_transactions_per_second = 5"), "none");
    EXPECT_EQ(of_rule("route = 'primary'"), "none");
    EXPECT_EQ(of_rule("route = 'primary'\nstatement = 'select*'\nmax_transactions_per_second = 5"), "none");
    EXPECT_NE(of_rule("route = 'primary'\nmax_transactions_per_second = 1000001").find("1000000"), std::string::npos);
}

TEST_F(Validate, NodesAreGivenOnceEach)
{
    const auto of_nodes = [this](const std::string& nodes) {
        return fault_of("[[cluster]]\nnodes = " + nodes + "\n[[user]]\nname='u'\npassword='p'\n", false);
    };
    EXPECT_TRUE(of_nodes("[]").starts_with("f:2:1: cluster \"main\" has no nodes"));
    EXPECT_TRUE(of_nodes("['a', 'a:5432']").starts_with("f:2:1: node a:5432 is named twice"));
    EXPECT_NE(of_nodes("[{address='a', role='primary'}, {address='b', role='primary'}]").find("more than one node"),
              std::string::npos);
    EXPECT_NE(of_nodes("[{address='a', role='replica'}]").find("so there is no primary"), std::string::npos);
    EXPECT_NE(of_nodes("[{role='primary'}, 'a']").find("a node has no address"), std::string::npos);
    EXPECT_NE(of_nodes("[{address='a', rule='primary'}]").find("did you mean \"role\"?"), std::string::npos);
    EXPECT_NE(of_nodes("['a:0', 'b']").find("write a node as"), std::string::npos);
}

TEST_F(Validate, SomethingIsThereToServe)
{
    EXPECT_NE(fault_of("[[user]]\nname='u'\npassword='p'", false).find("no [[cluster]] to connect to"),
              std::string::npos);
    EXPECT_NE(fault_of("[[cluster]]\nnodes=['a']", false).find("no user who could log in"), std::string::npos);
    EXPECT_NE(fault_of("[[cluster]]\nname='x'\nnodes=['a']").find("no [[database]], and more than one cluster"),
              std::string::npos);
    EXPECT_FAULT("[listen]\npostgresql = []", "2:1", "no address to listen on");
    EXPECT_FAULT("[admin]\nlisten = ['127.0.0.1:6432']", "2:1", "listened on twice");
    EXPECT_FAULT("[admin]\nconsole = ['127.0.0.1:6432']", "2:1", "listened on twice");
    EXPECT_FAULT("[listen]\nmysql = ['127.0.0.1:7000']", "2:1", "no cluster for clients who come here");
}

TEST_F(Validate, UsersCanProveWhoTheyAre)
{
    EXPECT_FAULT("[[user]]\nname='u'", "1:1", "user \"u\" has no password");
    EXPECT_EQ(fault_of("[[user]]\nname='u'\nauth_method='trust'"), "none");
    EXPECT_FAULT("[[user]]\nname='u'\nauth_method='certificate'", "3:1", "needs client certificates");
    EXPECT_FAULT("[auth]\nauth_method='password'", "2:1", "refused without TLS");
    EXPECT_FAULT("[[user]]\nname='u'\npassword='md5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'", "3:1", "cannot be done");
    EXPECT_EQ(fault_of("[[user]]\nname='u'\nauth_method='md5'\npassword='md5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"),
              "none");
    EXPECT_FAULT("[[user]]\nname='u'\npassword='SCRAM-SHA-256$4096:bad'", "3:1", "not well formed");
}

TEST_F(Validate, TheAuthQueryIsWhole)
{
    EXPECT_FAULT("[auth]\nauth_query='select $1'", "2:1", "without the account");
    EXPECT_FAULT("[auth]\nauth_query='select 1'\nauth_query_user='x'", "2:1", "does not use $1");
    EXPECT_FAULT("[auth]\nmysql_auth_query='select ?'", "2:1", "without the account");
    EXPECT_FAULT("[auth]\nmysql_auth_query='select 1'\nauth_query_user='x'", "2:1", "does not use ?");
    EXPECT_FAULT("[auth]\nauth_query_user='x'", "2:1", "no effect without auth_query");
    EXPECT_EQ(fault_of("[auth]\nauth_query='select $1'\nauth_query_user='x'\n[[user]]\nname='only_limits'"), "none");
}

TEST_F(Validate, TheUserlistsFaultsAreToldInItsOwnName)
{
    const auto path = folder_.file("userlist.txt", "\"app\" \"pw\"\nnonsense\n");
    const auto text = fault_of("[auth]\nauth_file='" + path + "'");
    EXPECT_TRUE(text.starts_with(path + ":2:1: ")) << text;
}

}  // namespace
}  // namespace penstock::settings
