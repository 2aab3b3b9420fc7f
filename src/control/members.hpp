// SPDX-License-Identifier: Apache-2.0
//
// The servers of a cluster as somebody lists them who knows: Aurora's status functions, Patroni. Pure.
//
// A list is a hint and comes from a peer: it says whom to probe, and each node's own probe says what it is. A list that
// is wrong in any part is refused as a whole, with a reason.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::control {

struct member {
    std::string host{};  ///< a name, or a numeric address (IPv6 without brackets)
    std::uint16_t port = 0;
    bool leads = false;  ///< it is said to take writes
    bool runs = true;    ///< it is said to serve; one that does not is no new node yet
    bool reads = true;   ///< it may be read from as a replica
    friend bool operator==(const member&, const member&) = default;
};

struct member_list {
    std::vector<member> members{};
    std::string fault{};  ///< one sentence, and then there are no members
    friend bool operator==(const member_list&, const member_list&) = default;
};

/// Letters, digits, '-', '_', '.' and ':' only, of a length that a name may have: no path, no option.
[[nodiscard]] bool is_host(std::string_view text);

/// "host", "host:port" or "[::1]:port".
struct place {
    std::string host{};
    std::uint16_t port = 0;
    friend bool operator==(const place&, const place&) = default;
};
[[nodiscard]] std::optional<place> read_place(std::string_view text, std::uint16_t default_port);

/// The list, or its fault: no member, too many of them, one that is named twice, or no host.
[[nodiscard]] member_list checked(std::vector<member> members);

}  // namespace penstock::control
