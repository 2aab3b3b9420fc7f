// SPDX-License-Identifier: Apache-2.0
//
// The head of COM_STMT_EXECUTE, up to the parameters' values: read in the client's form, written in the server's.
//
// The forms differ where only one side has agreed to query attributes; types are added where the client trusts a server
// to remember them that has never seen them.
#pragma once

#include "core/bytes.hpp"
#include "protocols/mysql/capabilities.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace penstock::mysql {

inline constexpr std::uint8_t parameter_count_available = 0x08;

struct execute_head {
    std::uint32_t statement = 0;
    std::uint8_t flags = 0;  ///< CURSOR_TYPE_* and parameter_count_available
    std::uint32_t iterations = 1;
    std::uint64_t parameters = 0;  ///< of the statement, and attributes
    bytes null_bitmap{};
    bool has_types = false;
    std::string types{};   ///< two octets each
    std::string names{};   ///< length-encoded, one for each; empty where there are none
    std::size_t size = 0;  ///< octets of the client's form, the command's own included

    [[nodiscard]] bool wants_cursor() const { return (flags & 7) != 0; }
};

enum class execute_parse : std::uint8_t { ok, incomplete, malformed };

/// Reads the head at the front of `payload`, which begins with the command and may be cut off.
execute_parse parse_execute(bytes payload, std::uint16_t parameters, capability_flags client, execute_head& head);

/// The first parameter, where it is a string; else an empty one. `types` are those that were bound, `values` what is
/// behind the head.
[[nodiscard]] bytes first_string(const execute_head& head, bytes types, bytes values);

/// Appends the head as a server takes it that has agreed to these capabilities.
void encode_execute(const execute_head& head, capability_flags server, std::string& out);

}  // namespace penstock::mysql
