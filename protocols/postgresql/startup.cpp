// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/startup.hpp"

#include "protocols/postgresql/frame.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace penstock::postgresql {

namespace {

constexpr std::string_view blanks = " \t\n\v\f\r";
constexpr std::string_view protocol_option = "_pq_.";
constexpr std::size_t shortest_key = 4, longest_key = 256;

client_error violation(std::string detail)
{
    return {error_kind::protocol_violation, std::move(detail)};
}

client_error bad_option(std::string detail)
{
    return {error_kind::protocol_violation, "start-up parameter \"options\": " + std::move(detail), "42601"};
}

bool says_no(std::string_view value)
{
    constexpr std::array<std::string_view, 4> words{"false", "off", "no", "0"};
    return std::find(words.begin(), words.end(), value) != words.end();
}

/// The next word of `options`, unescaped; empty at the end.
std::optional<std::string> take_word(std::string_view& text)
{
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    if (text.empty()) {
        return std::nullopt;
    }
    std::string word;
    while (!text.empty() && blanks.find(text.front()) == std::string_view::npos) {
        if (text.front() == '\\' && text.size() > 1) {
            text.remove_prefix(1);
        }
        word.push_back(text.front());
        text.remove_prefix(1);
    }
    return word;
}

/// What "name=value" says, or what is wrong with it.
outcome<std::pair<std::string, std::string>> split_setting(std::string_view text)
{
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) {
        return bad_option("\"" + std::string{text} + "\" has no value");
    }
    if (equals == 0) {
        return bad_option("a parameter without a name");
    }
    std::string name{text.substr(0, equals)};
    std::replace(name.begin(), name.end(), '-', '_');
    return std::pair{std::move(name), std::string{text.substr(equals + 1)}};
}

/// Users and databases are named once: who is asked about must be who gets in.
std::optional<client_error> set_once(std::string& field, std::string_view name, std::string_view value)
{
    if (!field.empty()) {
        return violation("start-up parameter \"" + std::string{name} + "\" is given twice");
    }
    if (value.size() > longest_name) {
        return client_error{error_kind::limit_exceeded, "start-up parameter \"" + std::string{name} + "\" is too long"};
    }
    field = value;
    return std::nullopt;
}

std::optional<client_error> apply(startup_message& message, std::string_view name, std::string_view value)
{
    if (name == "user") {
        return set_once(message.user, name, value);
    }
    if (name == "database") {
        return set_once(message.database, name, value);
    }
    if (name == "replication") {
        message.replication = !says_no(value);
    } else if (name.starts_with(protocol_option)) {
        message.unknown_options.emplace_back(name);
    } else {
        message.parameters.emplace_back(name, value);
    }
    return std::nullopt;
}

}  // namespace

outcome<startup_message> decode_startup(bytes body, std::uint32_t asked_minor)
{
    startup_message message{.asked_minor = asked_minor};
    parameter_list from_options;
    byte_reader in{body};
    for (auto name = in.c_string(); !name.empty(); name = in.c_string()) {
        const auto value = in.c_string();
        if (in.failed()) {
            return violation("a start-up parameter without a value");
        }
        if (name == "options") {
            auto options = decode_options(value);
            if (!options) {
                return options.error();
            }
            std::move(options->begin(), options->end(), std::back_inserter(from_options));
        } else if (auto fault = apply(message, name, value)) {
            return std::move(*fault);
        }
    }
    if (!in.finished_cleanly()) {
        return violation("the start-up packet does not end with its terminator");
    }
    message.parameters.insert(message.parameters.begin(), from_options.begin(), from_options.end());
    if (message.user.empty()) {
        return client_error{error_kind::invalid_authorization, "no user name in the start-up packet"};
    }
    if (message.database.empty()) {
        message.database = message.user;
    }
    return message;
}

outcome<parameter_list> decode_options(std::string_view text)
{
    parameter_list parameters;
    while (auto word = take_word(text)) {
        std::string setting;
        if (word->starts_with("--")) {
            setting = word->substr(2);
        } else if (*word == "-c") {
            setting = take_word(text).value_or("");
        } else if (word->starts_with("-c")) {
            setting = word->substr(2);
        } else {
            return bad_option("\"" + *word + "\" is not of the form -c name=value or --name=value");
        }
        auto pair = split_setting(setting);
        if (!pair) {
            return pair.error();
        }
        parameters.push_back(std::move(*pair));
    }
    return parameters;
}

std::optional<cancel_key> decode_cancel(bytes body)
{
    byte_reader in{body};
    const auto process_id = in.u32();
    const auto key = in.remainder();
    if (in.failed() || key.size() < shortest_key || key.size() > longest_key) {
        return std::nullopt;
    }
    return cancel_key{process_id, std::string{key}};
}

void encode_negotiation(const startup_message& message, std::string& out)
{
    const auto place = begin_frame(out, from_server::negotiate_protocol_version);
    byte_writer to{out};
    to.u32(protocol_version(3, message.minor())).u32(static_cast<std::uint32_t>(message.unknown_options.size()));
    for (const auto& name : message.unknown_options) {
        to.c_string(name);
    }
    end_frame(out, place);
}

void encode_startup(std::string_view user,
                    std::string_view database,
                    const parameter_list& parameters,
                    std::string& out)
{
    const auto place = out.size();
    byte_writer to{out};
    to.u32(0).u32(protocol_version(3, 0)).c_string("user").c_string(user).c_string("database").c_string(database);
    for (const auto& [name, value] : parameters) {
        to.c_string(name).c_string(value);
    }
    to.u8(0);
    to.patch_u32(place, static_cast<std::uint32_t>(out.size() - place));
}

void encode_tls_request(std::string& out)
{
    byte_writer{out}.u32(shortest_startup).u32(tls_code);
}

}  // namespace penstock::postgresql
