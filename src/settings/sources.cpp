// SPDX-License-Identifier: Apache-2.0
#include "settings/sources.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace penstock::settings {

namespace {

bool is_variable_name(std::string_view name)
{
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    constexpr std::string_view more = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return !name.empty() && letters.find(name.front()) != std::string_view::npos &&
           name.find_first_not_of(more) == std::string_view::npos;
}

std::string in_quotes(std::string_view text)
{
    return '"' + std::string{text} + '"';
}

bool is_folder(const std::string& path)
{
    struct stat about {};
    return ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

}  // namespace

environment process_environment()
{
    return [](const std::string& name) -> std::optional<std::string> {
        const char* found = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets variables
        return found != nullptr ? std::optional<std::string>{found} : std::nullopt;
    };
}

substitution substitute(std::string_view written, const environment& variables)
{
    substitution out;
    while (!written.empty()) {
        const auto dollar = written.find("${");
        out.text += written.substr(0, dollar);
        if (dollar == std::string_view::npos) {
            break;
        }
        if (dollar > 0 && written[dollar - 1] == '$') {
            out.text += '{';  // the first of the two dollar signs is there already
            written.remove_prefix(dollar + 2);
            continue;
        }
        const auto close = written.find('}', dollar);
        const auto name = written.substr(dollar + 2, close == std::string_view::npos ? close : close - dollar - 2);
        if (close == std::string_view::npos || !is_variable_name(name)) {
            out.fault = "\"${\" is not followed by a variable's name and \"}\"";
            return out;
        }
        const auto content = variables(std::string{name});
        if (!content) {
            out.fault = "the environment variable " + std::string{name} + " is not set";
            return out;
        }
        out.text += *content;
        written.remove_prefix(close + 1);
    }
    return out;
}

file_contents read_secret_file(const std::string& path, std::size_t most)
{
    if (auto fault = why_unreadable(path); !fault.empty()) {
        return {.fault = std::move(fault)};
    }
    std::ifstream file{path, std::ios::binary};
    std::string text(most + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    file_contents out;
    if (text.size() > most) {
        out.fault = "the file " + in_quotes(path) + " is larger than a secret may be";
    } else if (text.find('\0') != std::string::npos) {
        out.fault = "the file " + in_quotes(path) + " holds a zero octet";
    } else {
        std::string_view content = text;
        content.remove_suffix(content.ends_with("\r\n") ? 2 : content.ends_with('\n') ? 1 : 0);
        out.text = secret{content};
        if (content.empty()) {
            out.fault = "the file " + in_quotes(path) + " is empty";
        }
    }
    explicit_bzero(text.data(), text.size());
    return out;
}

std::string why_unreadable(const std::string& path)
{
    if (is_folder(path)) {
        return in_quotes(path) + " is a folder, not a file";
    }
    errno = 0;
    if (const std::ifstream file{path}; file) {
        return "";
    }
    const auto reason = errno;
    return "cannot read " + in_quotes(path) + ": " + std::strerror(reason);  // NOLINT(concurrency-mt-unsafe)
}

std::string path_from(const std::string& folder, const std::string& path)
{
    if (path.empty() || path.front() == '/' || folder.empty()) {
        return path;
    }
    return (std::filesystem::path{folder} / path).lexically_normal().string();
}

}  // namespace penstock::settings
