// SPDX-License-Identifier: Apache-2.0
//
// PgBouncer's userlist.txt: lines of "user" "secret", where "" inside quotes stands for one quote.
//
// The secret is clear text, "md5" and 32 hexadecimal digits, or a SCRAM-SHA-256 verifier. Lines that are empty or begin
// with
// ';' or '#' are skipped, and so is whatever follows the second field, as PgBouncer does it.
#pragma once

#include "core/secret.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::control {

struct listed_user {
    std::string name;
    secret stored;
};

struct userlist_fault {
    std::size_t line;      ///< from 1; 0 where it is about the file as a whole
    std::string sentence;  ///< never holds a secret
};

struct userlist {
    std::vector<listed_user> users{};      ///< of the sound lines
    std::vector<userlist_fault> faults{};  ///< all of them, in order
};

[[nodiscard]] userlist parse_userlist(std::string_view text);
/// Reads and parses; a file that cannot be read, or larger than 16 MiB, is a fault.
[[nodiscard]] userlist read_userlist(const std::string& path);

/// Whether a stored secret is a well-formed SCRAM-SHA-256 verifier, or an md5 hash, as PostgreSQL tells them apart.
[[nodiscard]] bool is_scram_verifier(std::string_view stored);
[[nodiscard]] bool is_md5_hash(std::string_view stored);

}  // namespace penstock::control
