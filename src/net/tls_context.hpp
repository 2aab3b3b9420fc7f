// SPDX-License-Identifier: Apache-2.0
//
// TLS settings of one side, made once per (re)load of the settings and shared by all its sessions as a snapshot.
#pragma once

#include "core/error.hpp"

#include <memory>
#include <string>

struct ssl_ctx_st;

namespace penstock::net {

/// Which certificates and checks a side uses. Paths of PEM files; empty means none.
struct tls_options {
    std::string certificate_file{};
    std::string key_file{};
    std::string ca_file{};  ///< who may sign the peer's certificate
    enum class verify : std::uint8_t {
        none,
        optional,  ///< a certificate that is given must be good
        required,  ///< one must be given, and be good (for a client: libpq's verify-ca)
        full,      ///< and must name the host (libpq's verify-full)
    } verify_peer = verify::none;
    std::string minimum_version{"TLSv1.2"};
    bool alpn_postgresql = false;  ///< offer (client) or demand for direct TLS (server) ALPN "postgresql"
    friend bool operator==(const tls_options&, const tls_options&) = default;
};

class tls_context {
public:
    tls_context(const tls_context&) = delete;
    tls_context& operator=(const tls_context&) = delete;
    ~tls_context();

    [[nodiscard]] ssl_ctx_st* native() const { return context_; }
    [[nodiscard]] const tls_options& options() const { return options_; }
    /// tls-server-end-point of our own certificate (RFC 5929), for servers; empty otherwise.
    [[nodiscard]] const std::string& certificate_hash() const { return certificate_hash_; }

private:
    friend struct tls_context_maker;
    tls_context(ssl_ctx_st* context, tls_options options) : context_{context}, options_{std::move(options)} {}
    ssl_ctx_st* context_;
    tls_options options_;
    std::string certificate_hash_;
};

/// The context, or one sentence naming the file and OpenSSL's reason.
outcome<std::shared_ptr<const tls_context>> make_server_context(const tls_options& options);
outcome<std::shared_ptr<const tls_context>> make_client_context(const tls_options& options);

}  // namespace penstock::net
