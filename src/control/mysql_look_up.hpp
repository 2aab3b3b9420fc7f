// SPDX-License-Identifier: Apache-2.0
//
// From what auth_query answered about a MySQL or MariaDB user to that user's record. Pure; whatever is not plainly in
// order does not let anybody in.
//
// For example: SELECT authentication_string, plugin, account_locked, password_expired FROM mysql.user WHERE user = ?
// Columns count by their names, in any order and case:
//   authentication_string, secret or password, else the first: the stored secret (protocols/mysql/auth_secret.hpp)
//   plugin: the server's method; then the secret must be of its form
//   user: must be the one that was asked for
//   account_locked, password_expired: "Y" keeps the user out
// An account is a user and a host pattern, so there may be several rows; those that let a user in must agree.
#pragma once

#include "control/look_up_answer.hpp"

#include <string>

namespace penstock::control {

[[nodiscard]] look_up_verdict judge_mysql(const sql_answer& answer,
                                          const std::string& user,
                                          auth_method default_method);

}  // namespace penstock::control
