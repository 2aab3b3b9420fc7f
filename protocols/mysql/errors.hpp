// SPDX-License-Identifier: Apache-2.0
//
// Errors on the wire: client_error to an ERR packet with MySQL's error number and SQLSTATE.
//
// Numbers are those a MySQL client already knows what to do with, and RDS Proxy's where it has one of its own (9501).
// docs/errors.md lists every kind; tests/unit/mysql/errors_test.cpp keeps the two lists equal.
#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::mysql {

struct error_code {
    std::uint16_t number = 0;
    std::string_view sqlstate{};
};

/// What a client is told for this kind, unless the error carries codes of its own.
[[nodiscard]] error_code code_of(error_kind kind);

/// The sentence for a client_error without detail.
[[nodiscard]] std::string_view standard_text(error_kind kind);

/// What a client is told. Views the error that it was made of.
struct told_error {
    error_code code{};
    std::string_view text{};
};
[[nodiscard]] told_error told_of(const client_error& error);

/// Appends a whole ERR packet and gives the sequence number that comes next. Text is cut at a length that no client
/// chokes on (MySQL's own bound is 512 octets).
std::uint8_t encode_error(const client_error& error, std::string& out, std::uint8_t sequence);

/// The same from the codes themselves.
std::uint8_t encode_err(error_code code, std::string_view text, std::string& out, std::uint8_t sequence);

}  // namespace penstock::mysql
