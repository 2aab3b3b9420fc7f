// SPDX-License-Identifier: Apache-2.0
//
// From a TOML file to a tree, or to the list of all its faults.
//
// Texts may hold ${NAME} for an environment variable; a secret may be "file:/path" for a file's contents without the
// final newline. Relative paths start at the file's folder.
#pragma once

#include "settings/fault.hpp"
#include "settings/settings.hpp"
#include "settings/sources.hpp"

#include <string>
#include <string_view>

namespace penstock::settings {

/// A tree that holds only where there are no faults.
struct loaded {
    tree settings{};
    fault_list faults{};  ///< in the order of the file
    [[nodiscard]] bool ok() const { return faults.empty(); }
};

[[nodiscard]] loaded load_file(const std::string& path, const environment& variables = process_environment());

/// `file` is the name for faults, and its folder is where relative paths start.
[[nodiscard]] loaded load_text(std::string_view toml,
                               const std::string& file,
                               const environment& variables = process_environment());

/// The faults alone, for `penstock check`; empty for a good file.
[[nodiscard]] fault_list check(const std::string& path);

}  // namespace penstock::settings
