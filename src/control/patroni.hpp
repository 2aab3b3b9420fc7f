// SPDX-License-Identifier: Apache-2.0
//
// The members of a Patroni cluster, as GET /cluster of its REST interface lists them. Pure.
//
// The document has "members", each with host, port, role, state and tags (Patroni's documentation, "Cluster status
// endpoints"). One that has no address yet is passed over.
#pragma once

#include "control/members.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::control {

/// Longer answers are not read.
inline constexpr std::size_t longest_patroni_answer = 256 * 1024;

[[nodiscard]] member_list read_patroni(std::string_view document);

/// Where Patroni is asked: "http://host:port", with or without "/cluster" behind it. No other scheme.
[[nodiscard]] std::optional<place> read_patroni_url(std::string_view url);

}  // namespace penstock::control
