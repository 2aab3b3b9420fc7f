// SPDX-License-Identifier: Apache-2.0
//
// Makes OpenSSL contexts from our options. Sessions are neither cached nor resumed (a pooler's connections live long,
// and caches and tickets cost memory), renegotiation and compression are off, and no pass phrase is ever asked for on a
// terminal.
#include "net/tls_context.hpp"

#include "net/certificate.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace penstock::net {

namespace {

constexpr std::string_view alpn_list{"\x0apostgresql"};
constexpr unsigned char session_context[] = "penstock";

const unsigned char* octets(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::optional<int> version_number(const std::string& name)
{
    constexpr std::array<std::pair<std::string_view, int>, 4> versions{{{"TLSv1", TLS1_VERSION},
                                                                        {"TLSv1.1", TLS1_1_VERSION},
                                                                        {"TLSv1.2", TLS1_2_VERSION},
                                                                        {"TLSv1.3", TLS1_3_VERSION}}};
    for (const auto& [text, number] : versions) {
        if (text == name) {
            return number;
        }
    }
    return std::nullopt;
}

/// A client that offers protocols must offer ours: another's is a misdirected connection, and refused (RFC 7301).
int choose_alpn(
    SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned int in_size, void*)
{
    unsigned char* chosen = nullptr;
    const auto status = SSL_select_next_proto(
        &chosen, size, octets(alpn_list), static_cast<unsigned int>(alpn_list.size()), in, in_size);
    *out = chosen;
    return status == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int no_pass_phrase(char*, int, int, void*)
{
    return -1;
}

client_error fault(const std::string& what)
{
    return {.kind = error_kind::internal, .detail = what};
}

client_error file_fault(const char* what, const std::string& file)
{
    return fault("cannot use " + std::string{what} + " file \"" + file + "\": " + openssl_reason());
}

}  // namespace

/// Builds a context step by step; the first fault ends it.
struct tls_context_maker {
    std::shared_ptr<tls_context> made;
    std::optional<client_error> failed{};

    tls_context_maker(const SSL_METHOD* method, const tls_options& options)
        : made{new tls_context{SSL_CTX_new(method), options}}
    {
        ERR_clear_error();
        SSL_CTX_set_options(native(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
        SSL_CTX_set_mode(native(), SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_session_cache_mode(native(), SSL_SESS_CACHE_OFF);
        SSL_CTX_set_default_passwd_cb(native(), no_pass_phrase);
        SSL_CTX_set_session_id_context(native(), session_context, sizeof session_context - 1);
    }

    [[nodiscard]] SSL_CTX* native() const { return made->context_; }
    [[nodiscard]] const tls_options& options() const { return made->options_; }

    void set_version()
    {
        const auto version = version_number(options().minimum_version);
        if (!version || SSL_CTX_set_min_proto_version(native(), *version) != 1) {
            failed = fault("\"" + options().minimum_version + "\" is not a TLS version; TLSv1.2 and TLSv1.3 are");
        }
    }

    void load_certificate()
    {
        if (failed || options().certificate_file.empty()) {
            return;
        }
        if (SSL_CTX_use_certificate_chain_file(native(), options().certificate_file.c_str()) != 1) {
            failed = file_fault("certificate", options().certificate_file);
        } else if (SSL_CTX_use_PrivateKey_file(native(), options().key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
            failed = file_fault("key", options().key_file);
        } else if (SSL_CTX_check_private_key(native()) != 1) {
            failed = file_fault("key", options().key_file);
        }
    }

    void load_authorities()
    {
        if (failed || options().verify_peer == tls_options::verify::none) {
            return;
        }
        const auto& file = options().ca_file;
        if (file.empty()) {
            SSL_CTX_set_default_verify_paths(native());
        } else if (SSL_CTX_load_verify_locations(native(), file.c_str(), nullptr) != 1) {
            failed = file_fault("CA", file);
        }
    }

    void name_authorities_to_clients()
    {
        if (!failed && options().verify_peer != tls_options::verify::none && !options().ca_file.empty()) {
            SSL_CTX_set_client_CA_list(native(), SSL_load_client_CA_file(options().ca_file.c_str()));
        }
    }

    void set_verification()
    {
        int mode = SSL_VERIFY_NONE;
        if (options().verify_peer == tls_options::verify::optional) {
            mode = SSL_VERIFY_PEER;
        } else if (options().verify_peer != tls_options::verify::none) {
            mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
        }
        SSL_CTX_set_verify(native(), mode, nullptr);
    }

    void set_certificate_hash() { made->certificate_hash_ = end_point_hash(SSL_CTX_get0_certificate(native())); }

    outcome<std::shared_ptr<const tls_context>> finish()
    {
        if (failed) {
            return *failed;
        }
        return std::shared_ptr<const tls_context>{std::move(made)};
    }
};

tls_context::~tls_context()
{
    SSL_CTX_free(context_);
}

outcome<std::shared_ptr<const tls_context>> make_server_context(const tls_options& options)
{
    if (options.certificate_file.empty() || options.key_file.empty()) {
        return fault("a TLS server needs a certificate file and a key file");
    }
    if (options.verify_peer != tls_options::verify::none && options.ca_file.empty()) {
        return fault("checking client certificates needs a CA file");
    }
    tls_context_maker maker{TLS_server_method(), options};
    maker.set_version();
    maker.load_certificate();
    maker.load_authorities();
    maker.name_authorities_to_clients();
    maker.set_verification();
    maker.set_certificate_hash();
    SSL_CTX_set_num_tickets(maker.native(), 0);
    SSL_CTX_set_alpn_select_cb(maker.native(), choose_alpn, nullptr);
    return maker.finish();
}

outcome<std::shared_ptr<const tls_context>> make_client_context(const tls_options& options)
{
    if (options.certificate_file.empty() != options.key_file.empty()) {
        return fault("a TLS client certificate needs both its certificate file and its key file");
    }
    tls_context_maker maker{TLS_client_method(), options};
    maker.set_version();
    maker.load_certificate();
    maker.load_authorities();
    maker.set_verification();
    if (options.alpn_postgresql) {
        SSL_CTX_set_alpn_protos(maker.native(), octets(alpn_list), static_cast<unsigned int>(alpn_list.size()));
    }
    return maker.finish();
}

}  // namespace penstock::net
