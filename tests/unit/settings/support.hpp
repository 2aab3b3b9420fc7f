// SPDX-License-Identifier: Apache-2.0
//
// For the tests of settings: a made-up environment, a folder of files, documents that are valid but for what a test
// changes.
#pragma once

#include "settings/load.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

namespace penstock::settings {

inline environment variables(std::map<std::string, std::string> values)
{
    return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
        const auto found = values.find(name);
        return found == values.end() ? std::nullopt : std::optional{found->second};
    };
}

/// A folder of its own that goes with the test.
class temporary_folder {
public:
    temporary_folder()
    {
        auto pattern = (std::filesystem::temp_directory_path() / "penstock-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) {
            ADD_FAILURE() << "no temporary folder";
        }
        path_ = pattern;
    }
    ~temporary_folder() { std::filesystem::remove_all(path_); }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;

    /// Writes a file and gives its path.
    std::string file(const std::string& name, std::string_view text) const
    {
        const auto path = path_ / name;
        std::ofstream{path, std::ios::binary} << text;
        return path.string();
    }
    [[nodiscard]] std::string path(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

inline constexpr std::string_view valid_rest = R"(
[[cluster]]
nodes = ["db1:5432"]
[[user]]
name = "app"
password = "pw"
)";

/// The given lines, then a cluster and a user so that nothing is missing.
inline loaded load_with_rest(std::string_view toml, const environment& from = variables({}))
{
    return load_text(std::string{toml} + std::string{valid_rest}, "penstock.toml", from);
}

inline std::string all_texts(const fault_list& faults)
{
    std::string out;
    for (const auto& fault : faults) {
        out += fault.text() + '\n';
    }
    return out;
}

}  // namespace penstock::settings
