// SPDX-License-Identifier: Apache-2.0
//
// A database connection of Penstock's own, as the control plane sees it: ask with parameters, get rows as text.
//
// Virtual, so that monitor and credentials are tested with a scripted one. Nothing that a client of Penstock sent may
// reach such a connection except as a parameter of a query (CVE-2025-12819).
#pragma once

#include "core/engine.hpp"
#include "core/clock.hpp"
#include "core/secret.hpp"
#include "protocols/wire/login_types.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock::control {

/// Where to connect and as whom.
struct sql_target {
    penstock::engine engine = engine::postgresql;
    std::string host{};                    ///< name for TLS and messages, or the folder of a Unix socket
    std::vector<std::string> addresses{};  ///< numeric, tried in order; empty for a Unix socket
    std::uint16_t port = 5432;
    std::string user{};
    std::string database{};
    secret password{};
    server_account::tls_mode tls = server_account::tls_mode::prefer;
    std::string ca_file{};
    std::string certificate_file{};
    std::string key_file{};
    std::string application_name{"penstock"};
    // MySQL:
    bool fetch_public_key = false;  ///< without TLS, trust the RSA key that the server itself sends
    std::string public_key{};       ///< the server's RSA key (PEM), where it is known beforehand
    friend bool operator==(const sql_target&, const sql_target&) = default;
};

using sql_value = std::optional<std::string>;  ///< nullopt is NULL
using sql_row = std::vector<sql_value>;

/// Rows, or one sentence saying what went wrong.
struct sql_answer {
    std::vector<std::string> columns{};
    std::vector<sql_row> rows{};
    std::uint32_t server_version = 0;  ///< for example 150020; MySQL's and MariaDB's are like 80036 and 101106
    std::string version_text{};        ///< MySQL and MariaDB: as the greeting has it
    std::string fault{};               ///< empty where all went well; never holds a secret
    std::string sqlstate{};            ///< of the server's own refusal; empty where no server answered
    std::uint16_t error_number = 0;    ///< MySQL and MariaDB: of the server's own refusal
    [[nodiscard]] bool ok() const { return fault.empty(); }
};

/// A query with the values of its $1, $2 ... (MySQL's are written ?); they travel beside the text, never in it.
struct sql_query {
    std::string text{};
    std::vector<std::string> parameters{};
};

class sql_client {
public:
    virtual ~sql_client() = default;

    /// Asks; connects first where there is no connection. Queries are asked one after the other; each has until
    /// `patience` has passed since this call. The answer comes later, never from inside this call; none comes once the
    /// client is gone.
    virtual void ask(sql_query query, duration patience, std::function<void(sql_answer)> answer) = 0;
};

/// Makes a client that has not connected yet.
using sql_client_factory = std::function<std::unique_ptr<sql_client>(const sql_target&)>;

}  // namespace penstock::control
