// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/commands_execute.hpp"

#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/encode.hpp"

#include <array>

namespace penstock::mysql {

namespace {

constexpr std::uint64_t most_parameters = 0xffff;

/// MYSQL_TYPE_VARCHAR, _VAR_STRING and _STRING.
bool is_string(std::uint8_t type)
{
    return type == 0x0f || type == 0xfd || type == 0xfe;
}

}  // namespace

execute_parse parse_execute(bytes payload, std::uint16_t parameters, capability_flags client, execute_head& head)
{
    wire_reader in{payload};
    in.skip(1);
    head.statement = in.u32();
    head.flags = in.u8();
    head.iterations = in.u32();
    head.parameters = parameters;
    const bool attributes = has(client, capability::query_attributes);
    if (in.failed()) {
        return execute_parse::incomplete;
    }
    if (attributes && (head.flags & parameter_count_available) != 0) {
        head.parameters = in.lenenc();
        if (in.failed()) {
            return execute_parse::incomplete;
        }
        if (head.parameters > most_parameters || head.parameters < parameters) {
            return execute_parse::malformed;
        }
    }
    if (head.parameters > 0) {
        head.null_bitmap = in.take(static_cast<std::size_t>((head.parameters + 7) / 8));
        const auto bound = in.u8();
        if (in.failed()) {
            return execute_parse::incomplete;
        }
        if (bound > 1) {
            return execute_parse::malformed;
        }
        head.has_types = bound == 1;
    }
    if (head.has_types) {
        for (std::uint64_t each = 0; each < head.parameters && !in.failed(); ++each) {
            head.types.append(in.take(2));
            if (attributes) {
                const auto name = in.lenenc_string();
                wire_writer{head.names}.lenenc_string(name);
            }
        }
    }
    if (in.failed()) {
        return execute_parse::incomplete;
    }
    head.size = payload.size() - in.left();
    return execute_parse::ok;
}

bytes first_string(const execute_head& head, bytes types, bytes values)
{
    const bool is_null = head.null_bitmap.empty() || (head.null_bitmap.front() & 1) != 0;
    if (is_null || types.empty() || !is_string(static_cast<std::uint8_t>(types.front()))) {
        return {};
    }
    wire_reader in{values};
    const auto found = in.lenenc_string();
    return in.failed() ? bytes{} : found;
}

void encode_execute(const execute_head& head, capability_flags server, std::string& out)
{
    const bool attributes = has(server, capability::query_attributes);
    auto flags = static_cast<std::uint8_t>(head.flags & ~parameter_count_available);
    if (attributes) {
        flags = static_cast<std::uint8_t>(flags | parameter_count_available);
    }
    std::array<char, 10> fixed{};
    fixed[0] = static_cast<char>(command::stmt_execute);
    fixed[5] = static_cast<char>(flags);
    for (std::size_t octet = 0; octet < 4; ++octet) {
        fixed[1 + octet] = static_cast<char>(head.statement >> (8 * octet));
        fixed[6 + octet] = static_cast<char>(head.iterations >> (8 * octet));
    }
    out.append(fixed.data(), fixed.size());
    wire_writer to{out};
    if (attributes) {
        to.lenenc(head.parameters);
    }
    if (head.parameters == 0) {
        return;
    }
    to.raw(head.null_bitmap).u8(head.has_types ? 1 : 0);
    if (!head.has_types) {
        return;
    }
    if (!attributes) {
        to.raw(head.types);
        return;
    }
    wire_reader names{head.names};
    for (std::size_t each = 0; each < head.types.size(); each += 2) {
        to.raw(bytes{head.types}.substr(each, 2));
        to.lenenc_string(names.left() > 0 ? names.lenenc_string() : bytes{});
    }
}

}  // namespace penstock::mysql
