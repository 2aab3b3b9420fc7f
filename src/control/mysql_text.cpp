// SPDX-License-Identifier: Apache-2.0
//
// Types are those of "Column Definition" in the MySQL protocol documentation, values those of "Binary Protocol Value".
#include "control/mysql_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>

namespace penstock::control {
namespace {

namespace column_type {
constexpr std::uint8_t tiny = 1, small = 2, middle = 3, single_float = 4, double_float = 5, timestamp = 7, large = 8,
                       int24 = 9, date = 10, time = 11, datetime = 12, year = 13;
}

template <class Signed, class Unsigned>
std::string integer(Unsigned value, bool is_unsigned)
{
    return is_unsigned ? std::to_string(value) : std::to_string(static_cast<Signed>(value));
}

template <class Float>
std::string decimal(Float value)
{
    std::array<char, 64> text{};
    const auto [end, fault] = std::to_chars(text.data(), text.data() + text.size(), value);
    return fault == std::errc{} ? std::string{text.data(), end} : std::string{};
}

std::string time_of_day(mysql::wire_reader& in, bool with_fraction, unsigned days = 0)
{
    const unsigned hours = in.u8() + days * 24;
    const unsigned minutes = in.u8();
    const unsigned seconds = in.u8();
    auto text = fmt::format("{:02}:{:02}:{:02}", hours, minutes, seconds);
    return with_fraction ? text + fmt::format(".{:06}", in.u32()) : text;
}

/// 0, 4, 7 or 11 octets: what is left out is zero.
std::string date_and_time(mysql::wire_reader& in, bool with_time)
{
    const auto size = in.u8();
    if (size != 0 && size != 4 && size != 7 && size != 11) {
        in.fail();
        return {};
    }
    const unsigned year = size >= 4 ? in.u16() : 0;
    const unsigned month = size >= 4 ? in.u8() : 0;
    const unsigned day = size >= 4 ? in.u8() : 0;
    auto text = fmt::format("{:04}-{:02}-{:02}", year, month, day);
    if (size >= 7) {
        return text + ' ' + time_of_day(in, size == 11);
    }
    return with_time ? text + " 00:00:00" : text;
}

/// 0, 8 or 12 octets; hours may be many.
std::string span_of_time(mysql::wire_reader& in)
{
    const auto size = in.u8();
    if (size == 0) {
        return "00:00:00";
    }
    if (size != 8 && size != 12) {
        in.fail();
        return {};
    }
    const bool negative = in.u8() != 0;
    constexpr std::uint32_t most_days = 35;  // TIME ends at 838:59:59
    const auto days = in.u32();
    if (days > most_days) {
        in.fail();
        return {};
    }
    return (negative ? "-" : "") + time_of_day(in, size == 12, days);
}

}  // namespace

std::string one_line(std::string_view words)
{
    constexpr std::size_t longest = 500;
    std::string line{words.substr(0, longest)};
    std::replace_if(
        line.begin(),
        line.end(),
        [](char each) { return static_cast<unsigned char>(each) < 0x20 || each == 0x7f; },
        ' ');
    return line;
}

std::uint32_t mysql_version_number(std::string_view version)
{
    constexpr std::string_view replication_prefix = "5.5.5-";  // MariaDB 10 and later in its greeting
    if (version.starts_with(replication_prefix) && version.find("MariaDB") != std::string_view::npos) {
        version.remove_prefix(replication_prefix.size());
    }
    std::uint32_t number = 0;
    for (int part = 0; part < 3; ++part) {
        std::uint32_t value = 0;
        const auto* end = version.data() + version.size();
        const auto [stopped, fault] = std::from_chars(version.data(), end, value);
        if (fault != std::errc{} || value > 99) {
            return 0;
        }
        number = number * 100 + value;
        version.remove_prefix(static_cast<std::size_t>(stopped - version.data()));
        if (part < 2 && !version.starts_with('.')) {
            return 0;
        }
        version.remove_prefix(std::min<std::size_t>(1, version.size()));
    }
    return number;
}

std::string binary_value(mysql::wire_reader& in, const mysql_column& column)
{
    switch (column.type) {
        case column_type::tiny: return integer<std::int8_t>(in.u8(), column.is_unsigned);
        case column_type::small:
        case column_type::year: return integer<std::int16_t>(in.u16(), column.is_unsigned);
        case column_type::middle:
        case column_type::int24: return integer<std::int32_t>(in.u32(), column.is_unsigned);
        case column_type::large: return integer<std::int64_t>(in.u64(), column.is_unsigned);
        case column_type::single_float: return decimal(std::bit_cast<float>(in.u32()));
        case column_type::double_float: return decimal(std::bit_cast<double>(in.u64()));
        case column_type::date: return date_and_time(in, false);
        case column_type::timestamp:
        case column_type::datetime: return date_and_time(in, true);
        case column_type::time: return span_of_time(in);
        default: return std::string{in.lenenc_string()};
    }
}

}  // namespace penstock::control
