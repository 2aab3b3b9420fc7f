// SPDX-License-Identifier: Apache-2.0
#include "admin/console_messages.hpp"

#include "core/bytes.hpp"
#include "protocols/postgresql/frame.hpp"

#include <charconv>

namespace penstock::admin {

namespace {

namespace from_server = postgresql::from_server;

std::uint16_t size_of(column_type type)
{
    switch (type) {
        case column_type::int4: return 4;
        case column_type::int8: return 8;
        case column_type::text:
        case column_type::numeric: break;
    }
    return 0xffff;  // -1: of varying size
}

std::uint64_t number_in(std::string_view digits)
{
    std::uint64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

/// As numeric_send() in PostgreSQL's numeric.c writes whole numbers: digits to the base of 10,000, the highest first.
void append_numeric(byte_writer& out, std::uint64_t value)
{
    std::vector<std::uint16_t> digits;
    for (; value > 0; value /= 10000) {
        digits.insert(digits.begin(), static_cast<std::uint16_t>(value % 10000));
    }
    const auto count = static_cast<std::uint32_t>(digits.size());
    out.u32(8 + 2 * count).u16(static_cast<std::uint16_t>(count));
    out.u16(static_cast<std::uint16_t>(count == 0 ? 0 : count - 1)).u16(0).u16(0);  // weight, sign, scale
    for (const auto digit : digits) {
        out.u16(digit);
    }
}

void append_binary(byte_writer& out, column_type type, std::string_view value)
{
    switch (type) {
        case column_type::text: out.u32(static_cast<std::uint32_t>(value.size())).raw(value); break;
        case column_type::int4: out.u32(4).u32(static_cast<std::uint32_t>(number_in(value))); break;
        case column_type::int8: {
            const auto number = number_in(value);
            out.u32(8).u32(static_cast<std::uint32_t>(number >> 32)).u32(static_cast<std::uint32_t>(number));
            break;
        }
        case column_type::numeric: append_numeric(out, number_in(value)); break;
    }
}

}  // namespace

void append_row_description(std::string& out, std::span<const column> columns, const format_list& formats)
{
    const auto place = postgresql::begin_frame(out, from_server::row_description);
    byte_writer to{out};
    to.u16(static_cast<std::uint16_t>(columns.size()));
    for (std::size_t index = 0; index < columns.size(); ++index) {
        const auto& each = columns[index];
        to.c_string(each.name).u32(0).u16(0);  // of no table
        to.u32(static_cast<std::uint32_t>(each.type)).u16(size_of(each.type)).i32(-1);
        to.u16(static_cast<std::uint16_t>(formats.of(index)));
    }
    postgresql::end_frame(out, place);
}

void append_data_row(std::string& out, std::span<const column> columns, const row& cells, const format_list& formats)
{
    const auto place = postgresql::begin_frame(out, from_server::data_row);
    byte_writer to{out};
    to.u16(static_cast<std::uint16_t>(columns.size()));
    for (std::size_t index = 0; index < columns.size(); ++index) {
        const auto& each = cells[index];
        if (!each) {
            to.i32(-1);
        } else if (formats.of(index) == wire_format::text) {
            to.u32(static_cast<std::uint32_t>(each->size())).raw(*each);
        } else {
            append_binary(to, columns[index].type, *each);
        }
    }
    postgresql::end_frame(out, place);
}

void append_command_complete(std::string& out, std::string_view tag)
{
    const auto place = postgresql::begin_frame(out, from_server::command_complete);
    byte_writer{out}.c_string(tag);
    postgresql::end_frame(out, place);
}

}  // namespace penstock::admin
