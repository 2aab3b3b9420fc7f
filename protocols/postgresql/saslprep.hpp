// SPDX-License-Identifier: Apache-2.0
//
// Passwords in the form that SCRAM computes with: SASLprep (RFC 4013), as PostgreSQL applies it.
//
// The same letter can be written in several ways in Unicode; only a normal form has one hash. Where preparation fails
// PostgreSQL takes the octets as they are, on both sides, so that passwords in other encodings work; see
// "Authentication" of its protocol chapter and src/common/saslprep.c. So do we.
#pragma once

#include "core/secret.hpp"

#include <string_view>

namespace penstock::postgresql {

/// ASCII, what is no UTF-8, and what RFC 4013 prohibits stay as they are.
[[nodiscard]] secret saslprep(std::string_view password);

}  // namespace penstock::postgresql
