// SPDX-License-Identifier: Apache-2.0
//
// What of a session's state decides where SQL tokens end.
#pragma once

namespace penstock {

/// PostgreSQL takes these as they stand when a text arrives; a SET inside the text counts for the next one.
struct lexical_mode {
    /// standard_conforming_strings is off: a backslash escapes the next octet in '...'.
    bool backslash_escapes = false;
    /// client_encoding is one in which a character's later octets may look like ASCII (SJIS, BIG5, GBK, UHC, GB18030,
    /// JOHAB): nothing is proved about a text with octets above 127.
    bool ambiguous_encoding = false;

    friend bool operator==(const lexical_mode&, const lexical_mode&) = default;
};

}  // namespace penstock
