// SPDX-License-Identifier: Apache-2.0
//
// A line at a time: two quoted fields, or a fault that names the line and never the secret.
#include "control/userlist.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <unordered_map>
#include <utility>

namespace penstock::control {
namespace {

constexpr std::size_t longest_name = 63;  ///< PostgreSQL's NAMEDATALEN - 1
constexpr std::size_t longest_secret = 2048;
constexpr std::size_t largest_file = 16 * 1024 * 1024;
constexpr std::string_view scram_prefix = "SCRAM-SHA-256$";

/// Takes what its lines say into a userlist.
class userlist_reader {
public:
    void take_line(std::string_view line)
    {
        ++line_;
        skip_blanks(line);
        if (line.empty() || line.front() == ';' || line.front() == '#') {
            return;
        }
        const auto name = take_field(line, "the user's name");
        if (!name) {
            return;
        }
        skip_blanks(line);
        const auto stored = take_field(line, "the secret");
        if (stored) {
            add(*name, *stored);
        }
    }

    userlist finish() { return std::move(list_); }

private:
    static void skip_blanks(std::string_view& line)
    {
        line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    }

    /// A quoted field, with "" read as one quote; nothing (and a fault) where there is none.
    std::optional<std::string> take_field(std::string_view& line, const char* what)
    {
        if (line.empty() || line.front() != '"') {
            fault(std::string{what} + " is missing or does not begin with a double quote");
            return std::nullopt;
        }
        std::string field;
        for (std::size_t at = 1; at < line.size(); ++at) {
            if (line[at] != '"') {
                field += line[at];
            } else if (at + 1 < line.size() && line[at + 1] == '"') {
                field += line[at++];
            } else {
                line.remove_prefix(at + 1);
                return field;
            }
        }
        fault(std::string{what} + " has no closing double quote");
        return std::nullopt;
    }

    void add(const std::string& name, const std::string& stored)
    {
        if (name.empty()) {
            return fault("the user's name is empty");
        }
        if (name.size() > longest_name) {
            return fault("the user's name is longer than " + std::to_string(longest_name) + " octets");
        }
        if (stored.size() > longest_secret) {
            return fault("the secret is longer than " + std::to_string(longest_secret) + " octets");
        }
        if ((name + stored).find('\0') != std::string::npos) {
            return fault("a field holds a zero octet");
        }
        if (stored.starts_with(scram_prefix) && !is_scram_verifier(stored)) {
            return fault("the secret begins like a SCRAM-SHA-256 verifier but is not a whole one");
        }
        const auto [known, added] = line_of_.emplace(name, line_);
        if (!added) {
            return fault("this user is already in line " + std::to_string(known->second));
        }
        list_.users.push_back({name, secret{stored}});
    }

    void fault(std::string sentence) { list_.faults.push_back({line_, std::move(sentence)}); }

    userlist list_{};
    std::size_t line_ = 0;
    std::unordered_map<std::string, std::size_t> line_of_{};
};

bool is_base64(std::string_view text)
{
    const auto padding = text.ends_with("==") ? 2U : text.ends_with("=") ? 1U : 0U;
    const auto is_digit = [](char each) {
        return (each >= 'A' && each <= 'Z') || (each >= 'a' && each <= 'z') || (each >= '0' && each <= '9') ||
               each == '+' || each == '/';
    };
    return !text.empty() && text.size() % 4 == 0 && std::all_of(text.begin(), text.end() - padding, is_digit);
}

/// Removes and returns what stands before the separator; everything where there is none.
std::string_view take_until(std::string_view& text, char separator)
{
    const auto part = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return part;
}

bool is_positive_number(std::string_view text)
{
    return !text.empty() && text.size() <= 9 && text.front() != '0' &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

userlist parse_userlist(std::string_view text)
{
    userlist_reader reader;
    while (!text.empty()) {
        reader.take_line(take_until(text, '\n'));
    }
    return reader.finish();
}

userlist read_userlist(const std::string& path)
{
    const auto failed = [&path](const std::string& why) {
        userlist list;
        list.faults.push_back({0, "cannot read " + path + ": " + why});
        return list;
    };
    errno = 0;
    std::ifstream file{path, std::ios::binary};
    if (!file) {
        return failed(std::strerror(errno));
    }
    std::string text(largest_file + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad() || (file.gcount() == 0 && !file.eof())) {
        return failed("it is not a readable file");
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > largest_file) {
        return failed("it is larger than 16 MiB");
    }
    return parse_userlist(text);
}

bool is_scram_verifier(std::string_view stored)
{
    constexpr std::size_t key_size = 44;  // 32 octets in base64
    if (!stored.starts_with(scram_prefix)) {
        return false;
    }
    stored.remove_prefix(scram_prefix.size());
    const auto iterations = take_until(stored, ':');
    const auto salt = take_until(stored, '$');
    const auto stored_key = take_until(stored, ':');
    return is_positive_number(iterations) && is_base64(salt) && stored_key.size() == key_size &&
           is_base64(stored_key) && stored.size() == key_size && is_base64(stored);
}

bool is_md5_hash(std::string_view stored)
{
    return stored.size() == 35 && stored.starts_with("md5") &&
           stored.find_first_not_of("0123456789abcdef", 3) == std::string_view::npos;
}

}  // namespace penstock::control
