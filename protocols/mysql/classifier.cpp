// SPDX-License-Identifier: Apache-2.0
//
// From a text to its shape, to tokens, to a class: flat lists all along, so nesting costs nothing.
#include "protocols/mysql/classifier.hpp"

#include "protocols/mysql/builtin_functions.hpp"
#include "protocols/mysql/classifier_tokens.hpp"
#include "protocols/mysql/classifier_words.hpp"
#include "protocols/mysql/shape.hpp"

#include <algorithm>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>

namespace penstock::mysql {

namespace {

bool one_of(std::string_view word, std::initializer_list<std::string_view> words)
{
    return std::find(words.begin(), words.end(), word) != words.end();
}

/// Folds statements into a class.
class reader {
public:
    reader() { found_.obstacle = read_obstacle::empty; }

    void text(std::span<const shape_token> tokens);
    void obstruct(read_obstacle why);
    statement_class take();

private:
    void statement(std::span<const shape_token> tokens);
    void explain(std::span<const shape_token> tokens, bool runs);
    void show(std::span<const shape_token> tokens);
    void start(std::span<const shape_token> tokens);
    void query(std::span<const shape_token> tokens);
    void word_in_query(std::span<const shape_token> tokens, std::size_t at);
    void call(std::span<const shape_token> tokens, std::size_t open);
    void qualified(std::span<const shape_token> tokens, std::size_t dot);

    statement_class found_{};
};

/// Behind the end of the tokens there is an empty one.
const shape_token& token_at(std::span<const shape_token> tokens, std::size_t at)
{
    static const shape_token none{};
    return at < tokens.size() ? tokens[at] : none;
}

/// The word at a place, or nothing where there is no word.
std::string_view word_at(std::span<const shape_token> tokens, std::size_t at)
{
    const auto& token = token_at(tokens, at);
    return token.kind == shape_token_kind::word ? token.text : std::string_view{};
}

/// A name as it is looked up, quoted or not; or nothing.
std::string name_at(std::span<const shape_token> tokens, std::size_t at)
{
    const auto& token = token_at(tokens, at);
    if (token.kind == shape_token_kind::quoted_name) {
        return unquoted(token.text);
    }
    return std::string{word_at(tokens, at)};
}

bool is_kind(std::span<const shape_token> tokens, std::size_t at, shape_token_kind kind)
{
    return at < tokens.size() && tokens[at].kind == kind;
}

void reader::text(std::span<const shape_token> tokens)
{
    while (!tokens.empty()) {
        const auto end = std::find_if(
            tokens.begin(), tokens.end(), [](const auto& each) { return each.kind == shape_token_kind::semicolon; });
        const auto count = static_cast<std::size_t>(end - tokens.begin());
        if (count > 0) {
            statement(tokens.first(count));
        }
        tokens = tokens.subspan(std::min(count + 1, tokens.size()));
    }
}

/// The first reason stays, unless a later one is worse: what writes.
void reader::obstruct(read_obstacle why)
{
    if (found_.reads_only() || why == read_obstacle::writes) {
        found_.obstacle = why;
    }
}

statement_class reader::take()
{
    auto& names = found_.functions;
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    if (!found_.reads_only()) {
        names.clear();
    }
    return std::move(found_);
}

void reader::statement(std::span<const shape_token> tokens)
{
    if (found_.obstacle == read_obstacle::empty) {
        found_.obstacle = read_obstacle::none;
    }
    while (is_kind(tokens, 0, shape_token_kind::open)) {
        tokens = tokens.subspan(1);
    }
    const auto verb = word_at(tokens, 0);
    switch (kind_of_verb(verb)) {
        case verb_kind::query: query(tokens); break;
        case verb_kind::explain: explain(tokens.subspan(1), false); break;
        case verb_kind::analyze: explain(tokens.subspan(1), true); break;
        case verb_kind::show: show(tokens.subspan(1)); break;
        case verb_kind::start: start(tokens); break;
        case verb_kind::begin:  // BEGIN NOT ATOMIC is a block of code (MariaDB)
            obstruct(tokens.size() == 1 || word_at(tokens, 1) == "work" ? read_obstacle::session
                                                                        : read_obstacle::writes);
            break;
        case verb_kind::not_read: obstruct(obstacle_of_verb(verb)); break;
        case verb_kind::unknown: obstruct(read_obstacle::unparsed); break;
    }
}

/// EXPLAIN [ANALYZE | EXTENDED | PARTITIONS] [FORMAT = name] [INTO @name] [FOR ...] statement, or the name of a table.
/// MariaDB's ANALYZE runs what follows.
void reader::explain(std::span<const shape_token> tokens, bool runs)
{
    std::size_t at = 0;
    while (one_of(word_at(tokens, at), {"analyze", "extended", "partitions", "format"})) {
        at += word_at(tokens, at) == "format" && token_at(tokens, at + 1).text == "=" ? 3 : 1;
    }
    const auto next = word_at(tokens, at);
    if (next == "into") {
        return obstruct(read_obstacle::into);
    }
    if (next == "for") {  // a connection of this server; or a statement in a schema, which is rare
        return obstruct(read_obstacle::server_state);
    }
    const auto kind = kind_of_verb(next);
    const bool is_statement = kind == verb_kind::query && !(runs && next == "table");  // else ANALYZE TABLE
    if (is_statement || is_kind(tokens, at, shape_token_kind::open)) {
        return statement(tokens.subspan(at));
    }
    if (runs || kind != verb_kind::unknown) {
        obstruct(read_obstacle::writes);
    }
}

void reader::show(std::span<const shape_token> tokens)
{
    std::size_t at = 0;
    while (one_of(word_at(tokens, at), {"full", "extended"})) {
        ++at;
    }
    obstruct(obstacle_of_show(word_at(tokens, at), word_at(tokens, at + 1)));
    if (found_.obstacle == read_obstacle::none) {
        query(tokens.subspan(at));  // its WHERE may call anything
    }
}

void reader::start(std::span<const shape_token> tokens)
{
    if (word_at(tokens, 1) != "transaction") {  // START REPLICA, SLAVE, GROUP_REPLICATION
        return obstruct(read_obstacle::writes);
    }
    for (std::size_t at = 2; at + 1 < tokens.size(); ++at) {
        if (word_at(tokens, at) == "read" && found_.access == transaction_access::unstated) {
            found_.access =
                word_at(tokens, at + 1) == "only" ? transaction_access::read_only : transaction_access::read_write;
        }
    }
    obstruct(read_obstacle::session);
}

void reader::query(std::span<const shape_token> tokens)
{
    for (std::size_t at = 0; at < tokens.size(); ++at) {
        switch (tokens[at].kind) {
            case shape_token_kind::word:
                if (at == 0 || tokens[at - 1].kind != shape_token_kind::dot) {
                    word_in_query(tokens, at);
                } else if (one_of(tokens[at].text,
                                  {"nextval", "currval"})) {  // of a sequence, in MariaDB's ORACLE mode
                    obstruct(read_obstacle::writes);
                }
                break;
            case shape_token_kind::open: call(tokens, at); break;
            case shape_token_kind::dot: qualified(tokens, at); break;
            case shape_token_kind::assign: obstruct(read_obstacle::session); break;
            case shape_token_kind::system_variable: obstruct(read_obstacle::server_state); break;
            default: break;
        }
    }
}

/// A word that is not behind a point.
void reader::word_in_query(std::span<const shape_token> tokens, std::size_t at)
{
    const auto word = tokens[at].text;
    const auto before = at > 0 ? word_at(tokens, at - 1) : std::string_view{};
    const bool is_call = is_kind(tokens, at + 1, shape_token_kind::open);
    if (word == "update" || word == "share") {
        if (before == "for") {
            obstruct(read_obstacle::locks);
        } else if (word == "update") {
            obstruct(read_obstacle::writes);  // WITH ... UPDATE
        }
    } else if (word == "lock") {
        obstruct(read_obstacle::locks);
    } else if (word == "into") {
        obstruct(read_obstacle::into);
    } else if (word == "delete" || (one_of(word, {"insert", "replace"}) && !is_call)) {
        obstruct(read_obstacle::writes);
    } else if (word == "sql_calc_found_rows") {
        obstruct(read_obstacle::session);
    } else if (word == "for" && before == "value") {  // NEXT VALUE FOR, PREVIOUS VALUE FOR: MariaDB
        obstruct(read_obstacle::writes);
    } else if (word == "procedure" && is_kind(tokens, at + 2, shape_token_kind::open)) {  // PROCEDURE ANALYSE()
        obstruct(read_obstacle::unparsed);
    }
}

/// A parenthesis opens: behind the name of a function?
void reader::call(std::span<const shape_token> tokens, std::size_t open)
{
    if (open == 0 || (!is_kind(tokens, open - 1, shape_token_kind::word) &&
                      !is_kind(tokens, open - 1, shape_token_kind::quoted_name))) {
        return;
    }
    const bool is_quoted = is_kind(tokens, open - 1, shape_token_kind::quoted_name);
    auto name = name_at(tokens, open - 1);
    if (open >= 2 && is_kind(tokens, open - 2, shape_token_kind::dot)) {
        const bool is_two = open >= 3 && !(open >= 4 && is_kind(tokens, open - 4, shape_token_kind::dot));
        auto schema = open >= 3 ? name_at(tokens, open - 3) : std::string{};
        if (!is_two || schema.empty()) {
            return obstruct(read_obstacle::unparsed);
        }
        found_.functions.push_back({std::move(schema), std::move(name)});
        return;
    }
    if (one_of(open >= 2 ? word_at(tokens, open - 2) : std::string_view{}, {"as", "with", "recursive"})) {
        return;  // columns
    }
    if (name == "of" && open >= 2 && word_at(tokens, open - 2) == "member") {
        return;
    }
    if (const auto why = obstacle_of_function(name)) {
        return obstruct(*why);
    }
    const bool may_be_stored =
        is_quoted || where_unknown(name) != 0 || (tokens[open].is_spaced && needs_parenthesis_at_once(name));
    if (may_be_stored) {
        found_.functions.push_back({{}, std::move(name)});
    }
}

void reader::qualified(std::span<const shape_token> tokens, std::size_t dot)
{
    const bool is_first = dot > 0 && !(dot > 1 && is_kind(tokens, dot - 2, shape_token_kind::dot));
    if (is_first && is_about_server(name_at(tokens, dot - 1), name_at(tokens, dot + 1))) {
        obstruct(read_obstacle::server_state);
    }
}

statement_class no_read(read_obstacle why)
{
    statement_class result;
    result.obstacle = why;
    return result;
}

/// Whether servers execute the executable comments of a version or pass over them is not known: the strictest counts.
void read_versions(std::string_view shape, bool ansi_quotes, reader& read)
{
    const executable_comments comments{shape, ansi_quotes};
    if (comments.marks().size() > most_versions) {
        return read.obstruct(read_obstacle::unparsed);
    }
    std::vector<shape_token> tokens;
    for (std::uint32_t executed = 0; executed < 1U << comments.marks().size(); ++executed) {
        const auto code = comments.code(executed);
        cut_shape(code, ansi_quotes, tokens);
        read.text(tokens);
    }
}

}  // namespace

statement_class classify(std::string_view text, const sql_reading& reading)
{
    if (text.size() > longest_shaped) {
        return no_read(read_obstacle::too_large);
    }
    std::string shape;
    if (!make_shape(text, reading, shape).understood) {
        return no_read(read_obstacle::unparsed);
    }
    if (shape.size() > longest_classified) {
        return no_read(read_obstacle::too_large);
    }
    reader read;
    read_versions(shape, reading.ansi_quotes, read);
    return read.take();
}

}  // namespace penstock::mysql
