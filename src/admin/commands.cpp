// SPDX-License-Identifier: Apache-2.0
#include "admin/commands.hpp"

#include <algorithm>
#include <array>

namespace penstock::admin {

namespace {

constexpr std::size_t longest_word = 63;  // as long as PostgreSQL's names

constexpr std::size_t longest_name = 512;  // of a node, which may be a path; and of a database

constexpr std::array<std::string_view, 9> verbs_we_lack{"DISABLE",
                                                        "ENABLE",
                                                        "KILL",
                                                        "KILL_CLIENT",
                                                        "SUSPEND",
                                                        "SHUTDOWN",
                                                        "WAIT_CLOSE",
                                                        "WAIT_FOR_SERVERS",
                                                        "WAIT_FOR_CLIENTS"};
constexpr std::array<std::string_view, 9> words_of_drivers{
    "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "DISCARD", "RESET", "DEALLOCATE"};

template <std::size_t Size>
bool is_among(const std::array<std::string_view, Size>& words, std::string_view word)
{
    return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_space(char octet)
{
    return octet == ' ' || (octet >= '\t' && octet <= '\r');
}

bool is_word(char octet)
{
    return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || (octet >= '0' && octet <= '9') ||
           octet == '_';
}

char upper(char octet)
{
    return octet >= 'a' && octet <= 'z' ? static_cast<char>(octet - 'a' + 'A') : octet;
}

/// Takes words off the front of a text.
class word_reader {
public:
    explicit word_reader(std::string_view text) : rest_{text} { skip(); }

    /// The next word in upper case; empty where something else stands there, or the word is longer than any of ours.
    std::string next()
    {
        std::string word;
        while (!rest_.empty() && is_word(rest_.front())) {
            word.push_back(upper(rest_.front()));
            rest_.remove_prefix(1);
        }
        skip();
        return word.size() <= longest_word ? word : std::string{};
    }

    /// A name as it is written; empty where none stands there, or no sound one.
    std::string name()
    {
        const char quote = !rest_.empty() && (rest_.front() == '"' || rest_.front() == '\'') ? rest_.front() : '\0';
        auto name = quote == '\0' ? bare_name() : quoted_name(quote);
        skip();
        return name.size() <= longest_name ? name : std::string{};
    }

    [[nodiscard]] std::string_view rest() const { return rest_; }

    /// Nothing follows but a semicolon.
    bool at_end()
    {
        if (!rest_.empty() && rest_.front() == ';') {
            rest_.remove_prefix(1);
            skip();
        }
        return rest_.empty();
    }

private:
    std::string bare_name()
    {
        std::string name;
        while (!rest_.empty() && !is_space(rest_.front()) && rest_.front() != ';') {
            name.push_back(rest_.front());
            rest_.remove_prefix(1);
        }
        return name;
    }

    /// A quote within is written twice.
    std::string quoted_name(char quote)
    {
        std::string name;
        for (rest_.remove_prefix(1); !rest_.empty(); rest_.remove_prefix(1)) {
            if (rest_.front() == quote) {
                rest_.remove_prefix(1);
                if (rest_.empty() || rest_.front() != quote) {
                    return name;
                }
            }
            name.push_back(rest_.front());
        }
        return {};
    }

    /// White space and comments.
    void skip()
    {
        for (auto before = std::string_view::npos; before != rest_.size();) {
            before = rest_.size();
            while (!rest_.empty() && is_space(rest_.front())) {
                rest_.remove_prefix(1);
            }
            if (rest_.starts_with("--")) {
                rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
            } else if (rest_.starts_with("/*")) {
                const auto end = rest_.find("*/", 2);
                rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 2);
            }
        }
    }

    std::string_view rest_;
};

/// The statement is taken as it is, with its comments.
command parse_route(word_reader& from)
{
    command out{.kind = command_kind::show_route, .word = "SHOW", .subject = "ROUTE"};
    while (true) {
        auto ahead = from;
        const auto word = ahead.next();
        if (word == "IN") {
            out.route.database = ahead.name();
        } else if (word == "AS") {
            out.route.user = ahead.name();
        } else if (word == "APPLICATION") {
            out.route.application_name = ahead.name();
        } else if (word == "MYSQL" || word == "POSTGRESQL") {
            out.route.dialect = word;
        } else {
            break;
        }
        from = ahead;
    }
    out.route.statement = from.rest();
    if (out.route.statement.empty()) {
        out.kind = command_kind::unknown;
    }
    return out;
}

command parse_show(word_reader& from)
{
    command out{.kind = command_kind::show, .word = "SHOW", .subject = from.next()};
    if (out.subject == "EXTENDED") {
        out.extended = true;
        out.subject = from.next();
    }
    if (out.subject == "ROUTE") {
        return parse_route(from);
    }
    if (out.subject.empty() || !from.at_end()) {
        out.kind = command_kind::unknown;
    }
    return out;
}

/// PAUSE and its like: of one database, or of all.
command parse_stop(word_reader& from, command_kind kind, std::string word)
{
    command out{.kind = kind, .word = std::move(word)};
    if (!from.at_end()) {
        out.name = from.name();
        if (out.name.empty() || !from.at_end()) {
            out.kind = command_kind::unknown;
        }
    }
    return out;
}

command parse_drain(word_reader& from, command_kind kind, std::string word)
{
    command out{.kind = kind, .word = std::move(word)};
    const bool names_node = from.next() == "NODE";
    out.word += " NODE";
    out.name = names_node ? from.name() : std::string{};
    if (out.name.empty() || !from.at_end()) {
        out.kind = command_kind::unknown;
    }
    return out;
}

}  // namespace

command parse_command(std::string_view text)
{
    word_reader words{text};
    if (words.at_end()) {
        return {.kind = command_kind::empty};
    }
    auto word = words.next();
    if (word == "SHOW") {
        return parse_show(words);
    }
    if (word == "PAUSE") {
        return parse_stop(words, command_kind::pause, std::move(word));
    }
    if (word == "RESUME") {
        return parse_stop(words, command_kind::resume, std::move(word));
    }
    if (word == "RECONNECT") {
        return parse_stop(words, command_kind::reconnect, std::move(word));
    }
    if (word == "DRAIN") {
        return parse_drain(words, command_kind::drain_node, std::move(word));
    }
    if (word == "UNDRAIN") {
        return parse_drain(words, command_kind::undrain_node, std::move(word));
    }
    auto kind = command_kind::unknown;
    if (word == "SET") {
        kind = command_kind::set;
    } else if (word == "RELOAD" && words.at_end()) {
        kind = command_kind::reload;
    } else if (is_among(verbs_we_lack, word)) {
        kind = command_kind::unsupported;
    } else if (is_among(words_of_drivers, word)) {
        kind = command_kind::transaction;
    }
    return {.kind = kind, .word = std::move(word)};
}

}  // namespace penstock::admin
