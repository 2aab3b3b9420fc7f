// SPDX-License-Identifier: Apache-2.0
//
// The text comes partly from a server, so nothing is believed of it but its first SQLSTATE.
#include "control/libpq_text.hpp"

#include <algorithm>
#include <cstddef>

namespace penstock::control {
namespace {

constexpr std::string_view state_mark = ":  ";  // libpq writes "FATAL:  53300: text"; the severity may be translated
constexpr std::size_t state_size = 5;

bool is_sqlstate(std::string_view text)
{
    return text.size() == state_size && std::all_of(text.begin(), text.end(), [](char each) {
               return (each >= '0' && each <= '9') || (each >= 'A' && each <= 'Z');
           });
}

/// Where "SSSSS: " stands after a severity, or npos.
std::size_t place_of_sqlstate(std::string_view text)
{
    for (auto at = text.find(state_mark); at != std::string_view::npos; at = text.find(state_mark, at + 1)) {
        const auto start = at + state_mark.size();
        if (is_sqlstate(text.substr(start, state_size)) && text.substr(start + state_size).starts_with(": ")) {
            return start;
        }
    }
    return std::string_view::npos;
}

/// Adds a line to a sentence, control characters as blanks.
void append_line(std::string& sentence, std::string_view line)
{
    constexpr std::size_t longest = 500;
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty() || line.starts_with("LOCATION:") || sentence.size() >= longest) {
        return;
    }
    if (!sentence.empty()) {
        sentence += "; ";
    }
    for (const char each : line) {
        if (sentence.size() >= longest) {
            return;
        }
        const auto octet = static_cast<unsigned char>(each);
        sentence += octet < 0x20 || octet == 0x7f ? ' ' : each;
    }
}

}  // namespace

libpq_fault read_libpq_fault(std::string_view message)
{
    libpq_fault fault;
    while (!message.empty()) {
        auto line = message.substr(0, message.find('\n'));
        message.remove_prefix(std::min(line.size() + 1, message.size()));
        const auto place = fault.sqlstate.empty() ? place_of_sqlstate(line) : std::string_view::npos;
        if (place == std::string_view::npos) {
            append_line(fault.sentence, line);
            continue;
        }
        fault.sqlstate = line.substr(place, state_size);
        append_line(fault.sentence, std::string{line.substr(0, place)}.append(line.substr(place + state_size + 2)));
    }
    if (fault.sentence.empty()) {
        fault.sentence = "libpq gave no reason";
    }
    return fault;
}

}  // namespace penstock::control
