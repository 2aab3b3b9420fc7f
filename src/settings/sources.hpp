// SPDX-License-Identifier: Apache-2.0
//
// What a configuration's texts may refer to outside of it: environment variables and files.
#pragma once

#include "core/secret.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::settings {

/// The value of an environment variable, or nothing where it is not set.
using environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Reads the process's own environment.
[[nodiscard]] environment process_environment();

struct substitution {
    std::string text{};
    std::string fault{};  ///< empty where all went well; names variables, never their values
};

/// Replaces each ${NAME}. "$${" stands for "${"; any other dollar sign stays. What is put in is not looked at again.
[[nodiscard]] substitution substitute(std::string_view written, const environment& variables);

/// A file's contents without the final newline, or one sentence. At most `most` octets and no zero octet.
struct file_contents {
    secret text{};
    std::string fault{};
};
[[nodiscard]] file_contents read_secret_file(const std::string& path, std::size_t most = 64 * 1024);

/// Empty where the file can be read, else one sentence.
[[nodiscard]] std::string why_unreadable(const std::string& path);

/// Relative paths start at the folder of the configuration file.
[[nodiscard]] std::string path_from(const std::string& folder, const std::string& path);

}  // namespace penstock::settings
