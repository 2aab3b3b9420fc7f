// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/kept_warnings.hpp"

#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/packet.hpp"
#include "protocols/wire/parameter_set.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace penstock::mysql {

namespace {

/// Bounds on what is kept; servers keep 1024 warnings at most.
constexpr std::size_t most_rows = 1024;
constexpr std::size_t most_memory = 64 * 1024;
constexpr std::size_t most_tokens = 64;

struct token {
    sql_token kind;
    std::string text;
};

/// The first tokens of a text, as far as they are kept.
struct token_list {
    std::vector<token> all{};
    void take(sql_token kind, std::string_view text, bool clipped)
    {
        if (all.size() <= most_tokens) {
            all.push_back({clipped ? sql_token::other : kind, std::string{text}});
        }
    }
};

class token_reader {
public:
    explicit token_reader(std::vector<token> all) : all_{std::move(all)} {}
    [[nodiscard]] bool at_end() const { return at_ == all_.size(); }
    bool take(sql_token kind, std::string_view text)
    {
        const bool is_it = !at_end() && all_[at_].kind == kind && (text.empty() || all_[at_].text == text);
        at_ += is_it ? 1 : 0;
        return is_it;
    }
    bool take_word(std::string_view text) { return take(sql_token::word, text); }
    std::optional<std::uint64_t> number()
    {
        std::uint64_t value = 0;
        if (at_end() || all_[at_].kind != sql_token::number) {
            return std::nullopt;
        }
        const auto& text = all_[at_++].text;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        return error == std::errc{} && end == text.data() + text.size() ? std::optional{value} : std::nullopt;
    }
    [[nodiscard]] const token& last() const { return all_[at_ - 1]; }

private:
    std::vector<token> all_;
    std::size_t at_ = 0;
};

/// LIMIT n, LIMIT offset, n or LIMIT n OFFSET offset.
bool read_limit(token_reader& in, diagnostics_question& question)
{
    if (!in.take_word("limit")) {
        return true;
    }
    const auto first = in.number();
    if (!first) {
        return false;
    }
    question.limit = *first;
    const bool comma = in.take(sql_token::comma, {});
    if (!comma && !in.take_word("offset")) {
        return true;
    }
    const auto second = in.number();
    if (!second) {
        return false;
    }
    question.limit = comma ? *second : *first;
    question.offset = comma ? *first : *second;
    return true;
}

bool read_show(token_reader& in, diagnostics_question& question)
{
    if (in.take_word("count")) {
        question.what = diagnostics_question::kind::count;
        // The lexer gives a star no text.
        const bool is_star = in.take(sql_token::open, {}) && in.take(sql_token::other, {}) && in.last().text.empty();
        if (!is_star || !in.take(sql_token::close, {})) {
            return false;
        }
    }
    question.only_errors = in.take_word("errors");
    if (!question.only_errors && !in.take_word("warnings")) {
        return false;
    }
    return question.what == diagnostics_question::kind::count || read_limit(in, question);
}

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view blank = " \t\r\n;";
    const auto first = text.find_first_not_of(blank);
    return first == std::string_view::npos ? std::string_view{}
                                           : text.substr(first, text.find_last_not_of(blank) - first + 1);
}

/// SELECT of these two variables; each column is named as it is written.
bool read_select(token_reader& in, bytes text, diagnostics_question& question)
{
    question.what = diagnostics_question::kind::variables;
    auto rest = trimmed(text).substr(std::string_view{"select"}.size());
    do {
        if (!in.take(sql_token::system_variable, {})) {
            return false;
        }
        const auto& said = in.last().text;
        const auto dot = said.find('.');
        const auto scope = said.substr(0, dot == std::string::npos ? 0 : dot);
        const auto name = said.substr(dot == std::string::npos ? 0 : dot + 1);
        const auto comma = rest.find(',');
        const auto written = trimmed(rest.substr(0, comma));
        rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
        const bool is_known = name == "warning_count" || name == "error_count";
        if (!is_known || !(scope.empty() || scope == "session" || scope == "local") ||
            lower_case(written) != "@@" + said) {
            return false;
        }
        question.variables.emplace_back(written, name == "error_count");
    } while (in.take(sql_token::comma, {}));
    return true;
}

void add_count_definition(std::string_view name, std::string& out)
{
    wire_writer to{out};
    to.lenenc_string("def").lenenc_string("").lenenc_string("").lenenc_string("").lenenc_string(name).lenenc_string("");
}

/// Binary, 21 digits, BIGINT UNSIGNED: as both products describe these variables.
constexpr std::string_view rest_of_count{"\x0c\x3f\0\x15\0\0\0\x08\xa0\0\0\0\0", 13};

}  // namespace

std::optional<diagnostics_question> read_diagnostics_question(bytes text, sql_reading reading)
{
    effects_lexer lexer;
    token_list tokens;
    lexer.begin(reading);
    lexer.feed(text, tokens);
    lexer.finish(tokens);
    while (!tokens.all.empty() && tokens.all.back().kind == sql_token::semicolon) {
        tokens.all.pop_back();
    }
    if (tokens.all.size() > most_tokens || lexer.is_contested()) {
        return std::nullopt;
    }
    token_reader in{std::move(tokens.all)};
    diagnostics_question question;
    const bool is_understood = in.take_word("show")     ? read_show(in, question)
                               : in.take_word("select") ? read_select(in, text, question)
                                                        : false;
    return is_understood && in.at_end() ? std::optional{std::move(question)} : std::nullopt;
}

void kept_warnings::take_definition(bytes payload, bool extended)
{
    wire_reader in{payload};
    for (int names = 0; names < 6; ++names) {
        in.lenenc_string();
    }
    const auto names = payload.size() - in.left();
    if (extended) {
        in.lenenc_string();
    }
    if (!in.failed() && definitions_.size() < 3 && payload.size() < most_memory) {
        definitions_.push_back({std::string{payload.substr(0, names)}, std::string{in.remainder()}});
    }
}

void kept_warnings::take_row(bytes payload)
{
    if (rows_.size() < most_rows && memory_ + payload.size() <= most_memory) {
        rows_.emplace_back(payload);
        memory_ += payload.size();
    }
}

void kept_warnings::add_error(std::uint16_t code, std::string_view message)
{
    std::string row;
    wire_writer{row}.lenenc_string("Error").lenenc_string(std::to_string(code)).lenenc_string(message);
    take_row(row);
}

std::size_t kept_warnings::errors() const
{
    return static_cast<std::size_t>(std::count_if(
        rows_.begin(), rows_.end(), [](const auto& row) { return wire_reader{row}.lenenc_string() == "Error"; }));
}

std::vector<std::string> kept_warnings::rows_of(const diagnostics_question& question) const
{
    std::vector<std::string> asked;
    std::uint64_t place = 0;
    for (const auto& row : rows_) {
        if (question.only_errors && wire_reader{row}.lenenc_string() != "Error") {
            continue;
        }
        if (place++ >= question.offset && asked.size() < question.limit) {
            asked.push_back(row);
        }
    }
    return asked;
}

void kept_warnings::answer(const diagnostics_question& question,
                           std::size_t count,
                           capability_flags agreed,
                           std::uint16_t status,
                           std::uint8_t sequence,
                           std::string& out) const
{
    using kind = diagnostics_question::kind;
    auto columns = definitions_;
    auto rows = question.what == kind::rows ? rows_of(question) : std::vector<std::string>(1);
    if (question.what != kind::rows) {
        columns.clear();
        const auto add = [&](std::string_view name, bool of_errors) {
            definition made{.names = {}, .rest = std::string{rest_of_count}};
            add_count_definition(name, made.names);
            columns.push_back(std::move(made));
            wire_writer{rows[0]}.lenenc_string(std::to_string(of_errors ? errors() : std::max(count, rows_.size())));
        };
        for (const auto& [name, of_errors] : question.variables) {
            add(name, of_errors);
        }
        if (question.what == kind::count) {
            add(question.only_errors ? "@@session.error_count" : "@@session.warning_count", question.only_errors);
        }
    }
    std::string payload;
    wire_writer to_count{payload};
    to_count.lenenc(columns.size());
    if ((agreed & (capability::optional_resultset_metadata | capability::mariadb_cache_metadata)) != 0) {
        to_count.u8(1);
    }
    sequence = append_packet(out, sequence, payload);
    for (const auto& [names, rest] : columns) {
        const bool extended = has(agreed, capability::mariadb_extended_metadata);
        sequence = append_packet(out, sequence, names + (extended ? std::string(1, '\0') : std::string{}) + rest);
    }
    const bool deprecated = has(agreed, capability::deprecate_eof);
    if (!deprecated) {
        sequence = encode_eof({.warnings = 0, .status = status}, out, sequence);
    }
    for (const auto& row : rows) {
        sequence = append_packet(out, sequence, row);
    }
    if (deprecated) {
        ok_packet end{};
        end.status = status;
        encode_ok(end, agreed, out, sequence, eof_header);
    } else {
        encode_eof({.warnings = 0, .status = status}, out, sequence);
    }
}

}  // namespace penstock::mysql
