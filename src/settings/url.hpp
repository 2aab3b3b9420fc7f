// SPDX-License-Identifier: Apache-2.0
//
// postgres:// and postgresql:// URLs as libpq reads them, mysql:// and mariadb:// URLs in the same form, and the full
// configuration that one of them is.
//
// Also libpq's form with several hosts (host1:port1,host2:port2), Unix sockets (a percent-encoded path or ?host=/path)
// and parameters. No fault quotes a part of the URL in which a badly encoded password could be hiding.
#pragma once

#include "settings/load.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::settings {

struct database_url {
    penstock::engine engine = engine::postgresql;
    std::vector<address> hosts{};
    std::string user{};
    secret password{};
    std::string database{};
    std::optional<tls_mode> sslmode{};
    std::string sslrootcert{};
    std::string sslcert{};
    std::string sslkey{};
    std::string application_name{};
    std::string options{};
    std::optional<duration> connect_timeout{};
};

struct parsed_url {
    database_url url{};
    fault_list faults{};
};

[[nodiscard]] parsed_url parse_url(std::string_view text);

/// Whether a text is meant as one, rather than as the name of a file.
[[nodiscard]] bool looks_like_url(std::string_view text);

/// The URL's servers as cluster "main". Clients log in with the URL's user and password, to the URL's database.
[[nodiscard]] loaded from_url(std::string_view text);

/// The URL for clients of ours that replaces the given one: our address, the same user and database. Its password is
/// what `password` says ("****" for printing); no parameters, since they were about the way to the server.
[[nodiscard]] std::string client_url(const tree& all, engine of, std::string_view password);
/// And for the listener of that address.
[[nodiscard]] std::string client_url(const tree& all, engine of, std::string_view password, const address& where);

}  // namespace penstock::settings
