// SPDX-License-Identifier: Apache-2.0
#include "net/tls_context.hpp"

#include "net/certificate.hpp"
#include "tests/unit/net/tls_fixture.hpp"

#include <gtest/gtest.h>

#include <openssl/ssl.h>

#include <string>

namespace penstock::net {

namespace {

using testing::certificate_wish;
using testing::certificates;
using testing::client_context;
using testing::server_context;
using testing::server_options;
using testing::tls_pair;
using testing::unix_pair;

using verify = tls_options::verify;

tls_options trusting(verify how)
{
    return {.ca_file = certificates::path("ca.crt"), .verify_peer = how};
}

tls_options as_client(tls_options options, const std::string& name)
{
    options.certificate_file = certificates::path(name + ".crt");
    options.key_file = certificates::path(name + ".key");
    return options;
}

tls_options demanding(verify how)
{
    auto options = server_options();
    options.ca_file = certificates::path("ca.crt");
    options.verify_peer = how;
    return options;
}

/// What a client with these options makes of our server under that name: "" or the fault.
std::string fault_of_client(const tls_options& options,
                            const std::string& host,
                            const tls_options& server = server_options())
{
    driver on;
    tls_pair pair{on, unix_pair()};
    pair.shake(server_context(server), client_context(options), host);
    return pair.client->tls() == tls_state::established ? "" : pair.client->fault();
}

/// What our server makes of a client, and the name it learns.
struct verdict {
    bool accepted;
    std::string name;
    std::string fault;
};

verdict verdict_on_client(const tls_options& server, const tls_options& client)
{
    driver on;
    tls_pair pair{on, unix_pair()};
    pair.shake(server_context(server), client_context(client));
    return {pair.server->tls() == tls_state::established, pair.server->facts().peer_common_name, pair.server->fault()};
}

bool mentions(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

TEST(TlsClient, ChecksNothingUnlessTold)
{
    EXPECT_EQ(fault_of_client({}, "other.example"), "");
}

TEST(TlsClient, LearnsANameOnlyWhereItIsChecked)
{
    for (const auto& [options, name] :
         {std::pair{tls_options{}, ""}, std::pair{trusting(verify::full), "db.example"}}) {
        driver on;
        tls_pair pair{on, unix_pair()};
        pair.shake(server_context(), client_context(options), "db.example");
        pair.expect_established();
        EXPECT_EQ(pair.client->facts().peer_common_name, name);
    }
}

TEST(TlsClient, VerifyCaWantsAGoodSignature)
{
    EXPECT_EQ(fault_of_client(trusting(verify::required), "other.example"), "");
    auto wrong = trusting(verify::required);
    wrong.ca_file = certificates::path("stranger.crt");
    EXPECT_TRUE(mentions(fault_of_client(wrong, "db.example"), "certificate verify failed: "));
    const auto expired = certificates::instance().folder.make(
        "expired", {.common_name = "db.example", .expired = true}, &certificates::instance().authority);
    const auto fault = fault_of_client(trusting(verify::required), "db.example", as_client({}, "expired"));
    EXPECT_TRUE(mentions(fault, "certificate has expired")) << fault;
}

TEST(TlsClient, VerifyFullWantsTheRightNameOrAddress)
{
    for (const auto* good : {"db.example", "DB.Example", "eu.pool.example", "127.0.0.1"}) {
        EXPECT_EQ(fault_of_client(trusting(verify::full), good), "") << good;
    }
    for (const auto* bad : {"other.example", "a.b.pool.example", "example", "127.0.0.2", "::1"}) {
        const auto fault = fault_of_client(trusting(verify::full), bad);
        EXPECT_TRUE(mentions(fault, "mismatch")) << bad << ": " << fault;
    }
    EXPECT_TRUE(mentions(fault_of_client(trusting(verify::full), ""), "cannot be checked"));
}

TEST(TlsClient, SendsTheHostNameButNoAddress)
{
    driver on;
    for (const auto& [host, expected] : {std::pair{"db.example", "db.example"}, std::pair{"127.0.0.1", ""}}) {
        static std::string seen;
        seen.clear();
        const auto server = server_context();
        SSL_CTX_set_client_hello_cb(
            server->native(),
            [](SSL* session, int*, void*) {
                const unsigned char* text = nullptr;
                std::size_t size = 0;
                if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_server_name, &text, &size) == 1) {
                    seen.assign(reinterpret_cast<const char*>(text) + 5, size - 5);
                }
                return SSL_CLIENT_HELLO_SUCCESS;
            },
            nullptr);
        tls_pair pair{on, unix_pair()};
        pair.shake(server, client_context(), host);
        pair.expect_established();
        EXPECT_EQ(seen, expected);
    }
}

TEST(TlsServer, AsksForACertificateOnlyWhereToldTo)
{
    const auto alice = as_client({}, "client");
    EXPECT_EQ(verdict_on_client(server_options(), alice).name, "");
    EXPECT_EQ(verdict_on_client(demanding(verify::optional), alice).name, "alice");
    EXPECT_EQ(verdict_on_client(demanding(verify::required), alice).name, "alice");
    EXPECT_EQ(verdict_on_client(demanding(verify::full), alice).name, "alice");
}

TEST(TlsServer, AClientWithoutCertificateIsFineUnlessRequired)
{
    const auto optional = verdict_on_client(demanding(verify::optional), {});
    EXPECT_TRUE(optional.accepted);
    EXPECT_EQ(optional.name, "");
    const auto required = verdict_on_client(demanding(verify::required), {});
    EXPECT_FALSE(required.accepted);
    EXPECT_TRUE(mentions(required.fault, "did not return a certificate")) << required.fault;
}

TEST(TlsServer, ABadCertificateIsRefusedWhereOneIsAskedFor)
{
    const auto mallory = as_client({}, "stranger");
    EXPECT_FALSE(verdict_on_client(demanding(verify::optional), mallory).accepted);
    EXPECT_FALSE(verdict_on_client(demanding(verify::required), mallory).accepted);
    const auto unasked = verdict_on_client(server_options(), mallory);
    EXPECT_TRUE(unasked.accepted);
    EXPECT_EQ(unasked.name, "");
}

TEST(TlsVersions, TheMinimumIsKept)
{
    auto modern = server_options();
    modern.minimum_version = "TLSv1.3";
    const auto old = client_context();
    SSL_CTX_set_max_proto_version(old->native(), TLS1_2_VERSION);
    driver on;
    tls_pair pair{on, unix_pair()};
    pair.shake(server_context(modern), old);
    EXPECT_EQ(pair.server->tls(), tls_state::failed);
    EXPECT_TRUE(mentions(pair.server->fault(), "unsupported protocol")) << pair.server->fault();
    EXPECT_TRUE(mentions(pair.client->fault(), "alert protocol version")) << pair.client->fault();
}

TEST(TlsAlpn, IsChosenWhereOfferedAndAnotherIsRefused)
{
    driver on;
    {
        tls_pair pair{on, unix_pair()};
        pair.shake(server_context(), client_context({.alpn_postgresql = true}));
        EXPECT_EQ(pair.server->facts().alpn, "postgresql");
        EXPECT_EQ(pair.client->facts().alpn, "postgresql");
    }
    {
        tls_pair pair{on, unix_pair()};
        pair.shake(server_context(), client_context());
        pair.expect_established();
        EXPECT_EQ(pair.server->facts().alpn, "");
    }
    const auto browser = client_context();
    const std::string http{"\x02h2"};
    SSL_CTX_set_alpn_protos(browser->native(), reinterpret_cast<const unsigned char*>(http.data()), 3);
    tls_pair pair{on, unix_pair()};
    pair.shake(server_context(), browser);
    EXPECT_EQ(pair.server->tls(), tls_state::failed);
}

/// The channel binding hash as both sides see it, and as `algorithm` makes it.
void expect_binding(const certificate_wish& wish, const EVP_MD* algorithm)
{
    const auto& all = certificates::instance();
    // Self-signed: the signature's algorithm is then that of its own key.
    const auto made = all.folder.make("bound", wish);
    std::string expected;
    if (algorithm != nullptr) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int size = 0;
        ASSERT_EQ(X509_digest(made.certificate.get(), algorithm, digest, &size), 1);
        expected.assign(reinterpret_cast<const char*>(digest), size);
    }
    driver on;
    tls_pair pair{on, unix_pair()};
    const auto server = server_context(as_client({}, "bound"));
    EXPECT_EQ(server->certificate_hash(), expected);
    pair.shake(server, client_context());
    pair.expect_established();
    EXPECT_EQ(pair.server->facts().server_certificate_hash, expected);
    EXPECT_EQ(pair.client->facts().server_certificate_hash, expected);
}

TEST(TlsChannelBinding, UsesTheSignaturesHash)
{
    expect_binding({.common_name = "a"}, EVP_sha256());
    expect_binding({.common_name = "b", .signature_hash = EVP_sha384()}, EVP_sha384());
    expect_binding({.common_name = "c", .signature_hash = EVP_sha512(), .key_type = "RSA"}, EVP_sha512());
}

TEST(TlsChannelBinding, IsSha256ForAWeakSignatureAndNoneForOneWithoutHash)
{
    const auto weak = certificates::instance().folder.make("weak", {.common_name = "d", .signature_hash = EVP_sha1()});
    EXPECT_EQ(end_point_hash(weak.certificate.get()).size(), 32U);
    expect_binding({.common_name = "e", .signature_hash = nullptr, .key_type = "ED25519"}, nullptr);
}

TEST(Certificate, ANameWithAHiddenZeroIsNone)
{
    const auto& folder = certificates::instance().folder;
    const auto tricky = folder.make("tricky", {.common_name = std::string{"alice\0.evil.example", 19}});
    EXPECT_EQ(common_name(tricky.certificate.get()), "");
    EXPECT_EQ(common_name(certificates::instance().client.certificate.get()), "alice");
    EXPECT_EQ(common_name(nullptr), "");
}

TEST(TlsContext, AFaultyFileIsNamedWithTheReason)
{
    auto options = server_options();
    options.certificate_file = certificates::path("absent.crt");
    EXPECT_TRUE(mentions(make_server_context(options).error().detail, options.certificate_file));
    EXPECT_TRUE(mentions(make_server_context(options).error().detail, "No such file"))
        << make_server_context(options).error().detail;

    options = server_options();
    options.key_file = certificates::path("client.key");
    const auto mismatch = make_server_context(options);
    EXPECT_FALSE(mismatch.has_value());
    EXPECT_TRUE(mentions(mismatch.error().detail, options.key_file));
    EXPECT_TRUE(mentions(mismatch.error().detail, "key values mismatch")) << mismatch.error().detail;

    auto trust = trusting(verify::required);
    trust.ca_file = certificates::path("absent.crt");
    EXPECT_TRUE(mentions(make_client_context(trust).error().detail, trust.ca_file));
}

TEST(TlsContext, WantsWhatItNeeds)
{
    EXPECT_FALSE(make_server_context({}).has_value());
    auto options = server_options();
    options.verify_peer = verify::required;
    EXPECT_TRUE(mentions(make_server_context(options).error().detail, "CA file"));
    options = server_options();
    options.minimum_version = "SSLv3";
    EXPECT_TRUE(mentions(make_server_context(options).error().detail, "SSLv3"));
    EXPECT_FALSE(make_client_context({.certificate_file = "only.crt"}).has_value());
}

TEST(TlsContext, NeverAsksForAPassPhrase)
{
    const auto& all = certificates::instance();
    const std::string path = certificates::path("locked.key");
    char phrase[] = "phrase";
    std::unique_ptr<FILE, testing::freed_by<std::fclose>> out{std::fopen(path.c_str(), "w")};
    ASSERT_EQ(PEM_write_PrivateKey(out.get(), all.server.key.get(), EVP_aes_128_cbc(), nullptr, 0, nullptr, phrase), 1);
    out.reset();
    auto options = server_options();
    options.key_file = path;
    const auto made = make_server_context(options);
    EXPECT_FALSE(made.has_value());
    EXPECT_TRUE(mentions(made.error().detail, path)) << made.error().detail;
}

}  // namespace

}  // namespace penstock::net
