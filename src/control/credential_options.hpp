// SPDX-License-Identifier: Apache-2.0
//
// Where users are known from, as the settings give it.
#pragma once

#include "core/clock.hpp"
#include "core/secret.hpp"
#include "protocols/wire/login_types.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace penstock::control {

/// A user named in the configuration.
struct configured_user {
    std::string name{};
    auth_method method = auth_method::scram_sha_256;
    secret stored{};  ///< clear text, "md5..." or "SCRAM-SHA-256$..."; empty: nothing matches
    friend bool operator==(const configured_user&, const configured_user&) = default;
};

/// The look-up in PostgreSQL's own table of roles; needs a role that may read pg_authid.
inline constexpr const char* default_auth_query =
    "select rolname, case when rolvaliduntil < now() or not rolcanlogin then null else rolpassword end "
    "from pg_authid where rolname=$1";

struct credential_options {
    std::vector<configured_user> users{};  ///< asked first
    std::string users_file{};              ///< PgBouncer's userlist.txt, asked second; empty: none
    /// Asked last, with the user's name as $1; empty: never. Answers name and secret, and where it has columns called
    /// valid_until (or rolvaliduntil, valuntil) and rolcanlogin, those are honoured. Functions need their schema's
    /// name.
    std::string auth_query{};
    /// The same for clusters of MySQL and MariaDB, where the user's name is ? (mysql_look_up.hpp says which columns
    /// count).
    std::string mysql_auth_query{};
    auth_method default_method = auth_method::scram_sha_256;  ///< for users of the file and the query
    duration cache_time = seconds{30};                        ///< how long a found user is believed; 0: not at all
    duration unknown_cache_time = seconds{5};                 ///< the same for one that was not found
    std::size_t cache_size = 10'000;                          ///< users remembered, found or not
    duration query_timeout = seconds{5};                      ///< for connecting and asking
    friend bool operator==(const credential_options&, const credential_options&) = default;
};

}  // namespace penstock::control
