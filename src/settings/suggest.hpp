// SPDX-License-Identifier: Apache-2.0
//
// Help for misspelt keys and values: the closest known one, keys that belong elsewhere, and PgBouncer's names for them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::settings {

/// The candidate that is a typing error away, or empty where none is.
[[nodiscard]] std::string_view closest(std::string_view written, std::span<const std::string_view> candidates);

/// What to do about an unknown key in the table at `path`, whose own keys are `known`.
[[nodiscard]] std::string remedy_for_unknown(std::string_view key,
                                             std::string_view path,
                                             std::span<const std::string_view> known);

/// "cluster[0].name" -> "cluster.name"
[[nodiscard]] std::string without_indices(std::string_view path);

/// Every key there is, as "clients.idle_client_timeout"; keys of array tables too ("cluster.nodes").
[[nodiscard]] const std::vector<std::string>& known_keys();

}  // namespace penstock::settings
