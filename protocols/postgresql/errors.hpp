// SPDX-License-Identifier: Apache-2.0
//
// Errors on the wire: client_error to ErrorResponse, and a server's ErrorResponse or NoticeResponse taken apart.
//
// See "Error and Notice Message Fields" and appendix "PostgreSQL Error Codes" in the PostgreSQL manual. docs/errors.md
// lists every kind with its code, cause and remedy; the two lists are kept equal by
// tests/unit/postgresql/errors_test.cpp.
#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"

#include <string>
#include <string_view>

namespace penstock::postgresql {

/// The SQLSTATE a client is told for this kind, unless the error carries one of its own.
[[nodiscard]] std::string_view sqlstate_of(error_kind kind);

/// The sentence for a client_error without detail.
[[nodiscard]] std::string_view standard_text(error_kind kind);

/// Appends a whole ErrorResponse. `fatal` says that the connection ends with it. A client_error without a detail gets
/// its kind's standard text; a text is cut at a zero octet and at a length no client chokes on.
void encode_error(const client_error& error, std::string& out, bool fatal);

/// Appends a whole NoticeResponse; severity is NOTICE, WARNING, INFO, LOG or DEBUG.
void encode_notice(std::string_view severity, std::string_view sqlstate, std::string_view message, std::string& out);

/// What an ErrorResponse or NoticeResponse says; the views live as long as the body they were taken from.
struct error_report {
    std::string_view severity;  ///< never localised where the server says so ('V'); empty where it says nothing
    std::string_view sqlstate;  ///< empty where the server sent none, or something that is not a SQLSTATE
    std::string_view message;
    std::string_view detail;
    std::string_view hint;
    std::string_view routine;  ///< of the server's source that says so; unlike the message in no human language
};

/// Takes the body of an ErrorResponse or NoticeResponse apart. Any field may be missing; of a repeated one the first
/// counts; what comes after a malformed field is not read.
[[nodiscard]] error_report decode_error(bytes body);

}  // namespace penstock::postgresql
