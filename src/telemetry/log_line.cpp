// SPDX-License-Identifier: Apache-2.0
#include "telemetry/log_line.hpp"

#include "telemetry/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace penstock::log {

namespace {

void append_escaped(std::string& out, std::string_view text)
{
    for (std::size_t at = 0; at < text.size();) {
        const auto length = utf8_length(text.substr(at));
        if (length == 0) {
            out += "\xEF\xBF\xBD";  // U+FFFD, for an octet that belongs to no character
            ++at;
            continue;
        }
        const char first = text[at];
        switch (first) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default:
                if (is_control(text.substr(at, length))) {
                    fmt::format_to(
                        std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(text[at + length - 1]));
                } else {
                    out += text.substr(at, length);
                }
        }
        at += length;
    }
}

bool reads_as_one_word(std::string_view text)
{
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char octet) {
        const auto value = static_cast<unsigned char>(octet);
        return value > ' ' && value < 0x7f && octet != '"' && octet != '\\' && octet != '=';
    });
}

void append_number(std::string& out, double value)
{
    if (std::isfinite(value)) {
        fmt::format_to(std::back_inserter(out), "{}", value);
    } else {
        out += "null";
    }
}

void append_value(std::string& out, const field::any_value& value, bool quote_always)
{
    if (const auto* text = std::get_if<std::string_view>(&value)) {
        if (!quote_always && reads_as_one_word(*text)) {
            out += *text;
        } else {
            append_json_string(out, *text);
        }
    } else if (const auto* truth = std::get_if<bool>(&value)) {
        out += *truth ? "true" : "false";
    } else if (const auto* real = std::get_if<double>(&value)) {
        append_number(out, *real);
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
        fmt::format_to(std::back_inserter(out), "{}", *number);
    } else {
        fmt::format_to(std::back_inserter(out), "{}", std::get<std::uint64_t>(value));
    }
}

bool is_own_key(std::string_view key)
{
    return key == "time" || key == "level" || key == "event";
}

}  // namespace

std::string text_line(std::string_view event, fields details)
{
    std::string line;
    append_escaped(line, event);
    for (const auto& detail : details) {
        line += ' ';
        append_escaped(line, detail.key());
        line += '=';
        append_value(line, detail.value(), false);
    }
    return line;
}

std::string json_members(std::string_view event, fields details)
{
    std::string line = "\"event\":";
    append_json_string(line, event);
    for (const auto& detail : details) {
        line += ",\"";
        append_escaped(line, detail.key());
        line += is_own_key(detail.key()) ? "_\":" : "\":";
        append_value(line, detail.value(), true);
    }
    return line;
}

void append_json_string(std::string& out, std::string_view text)
{
    out += '"';
    append_escaped(out, text);
    out += '"';
}

}  // namespace penstock::log
