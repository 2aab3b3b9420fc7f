// SPDX-License-Identifier: Apache-2.0
//
// OpenSSL over a BIO of our own that reads from the octets at hand and appends to a buffer of the caller's, so that
// neither side keeps a copy. Writing always succeeds; reading asks for a retry when the octets at hand are used up.
#include "net/tls_session.hpp"

#include "net/certificate.hpp"
#include "net/tls_context.hpp"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

namespace penstock::net {

/// The BIO between OpenSSL and a tls_session.
struct tls_wire {
    static BIO* make(tls_session& session)
    {
        static BIO_METHOD* const method = make_method();
        BIO* bio = BIO_new(method);
        BIO_set_data(bio, &session);
        BIO_set_init(bio, 1);
        return bio;
    }

    static BIO_METHOD* make_method()
    {
        BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "penstock");
        BIO_meth_set_read(method, read);
        BIO_meth_set_write(method, write);
        BIO_meth_set_ctrl(method, control);
        return method;
    }

    static int read(BIO* bio, char* into, int size)
    {
        auto& input = static_cast<tls_session*>(BIO_get_data(bio))->input_;
        BIO_clear_retry_flags(bio);
        if (input.empty()) {
            BIO_set_retry_read(bio);
            return -1;
        }
        const auto count = input.copy(into, static_cast<std::size_t>(size));
        input.remove_prefix(count);
        return static_cast<int>(count);
    }

    static int write(BIO* bio, const char* from, int size)
    {
        static_cast<tls_session*>(BIO_get_data(bio))->output_->append(from, static_cast<std::size_t>(size));
        BIO_clear_retry_flags(bio);
        return size;
    }

    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }
};

namespace {

bool is_address(const std::string& host)
{
    in6_addr unused{};
    return inet_pton(AF_INET, host.c_str(), &unused) == 1 || inet_pton(AF_INET6, host.c_str(), &unused) == 1;
}

/// SSL_set_tlsext_host_name() without the macro's C cast.
bool set_server_name(SSL* ssl, const std::string& host)
{
    auto* const name = const_cast<char*>(host.c_str());
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) == 1;
}

/// SNI carries names only; verify-full checks names and addresses.
bool expect_host(SSL* ssl, const std::string& host, bool must_match)
{
    bool done = true;
    if (is_address(host)) {
        done = !must_match || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
    } else {
        done = host.empty() || set_server_name(ssl, host);
        if (must_match) {
            SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
            done = done && !host.empty() && SSL_set1_host(ssl, host.c_str()) == 1;
        }
    }
    return done;
}

/// Why verification failed is said by the verifier, not by the error queue.
std::string reason_of(SSL* ssl)
{
    const auto reason = openssl_reason();
    const auto verified = SSL_get_verify_result(ssl);
    return verified == X509_V_OK ? reason : reason + ": " + X509_verify_cert_error_string(verified);
}

}  // namespace

void tls_session::ssl_freed::operator()(ssl_st* session) const
{
    SSL_free(session);
}

tls_session::tls_session(const tls_context& context, tls_role role, const std::string& host_name, std::string& to_wire)
    : ssl_{SSL_new(context.native())}, role_{role}
{
    BIO* wire = tls_wire::make(*this);
    SSL_set_bio(ssl_.get(), wire, wire);
    if (role_ == tls_role::server) {
        SSL_set_accept_state(ssl_.get());
        return;
    }
    SSL_set_connect_state(ssl_.get());
    output_ = &to_wire;
    if (expect_host(ssl_.get(), host_name, context.options().verify_peer == tls_options::verify::full)) {
        shake_hands();
    } else {
        state_ = tls_state::failed;
        fault_ = std::make_unique<std::string>("TLS: \"" + host_name + "\" cannot be checked against a certificate");
    }
}

tls_session::~tls_session() = default;

std::size_t tls_session::open(bytes from_wire, char* into, std::size_t room, std::string& to_wire)
{
    const auto earlier = std::exchange(leftover_, {});
    if (earlier) {
        earlier->append(from_wire);
    }
    input_ = earlier ? bytes{*earlier} : from_wire;
    output_ = &to_wire;
    std::size_t count = 0;
    if (state_ == tls_state::handshaking) {
        shake_hands();
    } else if (state_ == tls_state::established) {
        count = decrypt(into, room);
    }
    if (!input_.empty() && state_ == tls_state::established && !peer_closed()) {
        leftover_ = std::make_unique<std::string>(input_);
    }
    input_ = {};
    return count;
}

void tls_session::shake_hands()
{
    ERR_clear_error();
    const int status = SSL_do_handshake(ssl_.get());
    if (status == 1) {
        state_ = tls_state::established;
    } else {
        fail(status);
    }
}

std::size_t tls_session::decrypt(char* into, std::size_t room)
{
    std::size_t total = 0;
    while (total < room) {
        std::size_t count = 0;
        ERR_clear_error();
        const int status = SSL_read_ex(ssl_.get(), into + total, room - total, &count);
        if (status != 1) {
            fail(status);
            break;
        }
        total += count;
    }
    return total;
}

void tls_session::seal(bytes plain, std::string& to_wire)
{
    output_ = &to_wire;
    std::size_t count = 0;
    ERR_clear_error();
    const int status = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &count);
    if (status != 1) {
        fail(status);
    }
}

void tls_session::close(std::string& to_wire)
{
    output_ = &to_wire;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
}

void tls_session::fail(int status)
{
    const int error = SSL_get_error(ssl_.get(), status);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN) {
        return;  // used up, or closed in good order
    }
    state_ = tls_state::failed;
    fault_ = std::make_unique<std::string>("TLS: " + reason_of(ssl_.get()));
}

bool tls_session::peer_closed() const
{
    return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

bool tls_session::holds_part() const
{
    return leftover_ || SSL_has_pending(ssl_.get()) == 1;
}

bool tls_session::has_input() const
{
    return state_ == tls_state::established && (leftover_ || peer_closed() || SSL_pending(ssl_.get()) > 0);
}

tls_facts tls_session::facts() const
{
    tls_facts facts;
    facts.version = SSL_get_version(ssl_.get());
    const X509* peer = SSL_get0_peer_certificate(ssl_.get());
    const bool verified =
        (SSL_get_verify_mode(ssl_.get()) & SSL_VERIFY_PEER) != 0 && SSL_get_verify_result(ssl_.get()) == X509_V_OK;
    if (peer != nullptr && verified) {
        facts.peer_common_name = common_name(peer);
    }
    facts.server_certificate_hash = end_point_hash(role_ == tls_role::server ? SSL_get_certificate(ssl_.get()) : peer);
    const unsigned char* protocol = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
    facts.alpn.assign(reinterpret_cast<const char*>(protocol), size);
    return facts;
}

}  // namespace penstock::net
