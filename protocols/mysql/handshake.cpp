// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/handshake.hpp"

#include "core/assert.hpp"
#include "protocols/mysql/auth_native.hpp"
#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/packet.hpp"

#include <algorithm>

namespace penstock::mysql {

namespace {

constexpr std::size_t first_part_of_nonce = 8;
constexpr std::uint8_t auth_switch_header = 0xfe;

}  // namespace

conversation<login_packet> read_login_packet(dialogue& line, std::uint8_t sequence, std::size_t longest)
{
    login_packet packet{};
    if (!co_await line.need(header_size)) {
        co_return packet;
    }
    const auto header = load_header(line.buffered());
    if (header.length > longest || header.goes_on()) {
        packet.how = login_packet::state::too_long;
        co_return packet;
    }
    if (header.sequence != sequence) {
        packet.how = login_packet::state::out_of_order;
        co_return packet;
    }
    if (!co_await line.need(header.frame_size())) {
        co_return packet;
    }
    packet.how = login_packet::state::whole;
    packet.payload = line.buffered().substr(header_size, header.length);
    line.consume(header.frame_size());
    co_return packet;
}

void encode_greeting_payload(const greeting& message, std::string& out)
{
    PENSTOCK_ASSERT(message.nonce.size() == scramble_size);
    const auto lower = static_cast<std::uint32_t>(message.capabilities & capability::lower_half);
    const bool extended = (message.capabilities & capability::long_password) == 0;
    wire_writer to{out};
    to.u8(protocol_version).c_string(message.version).u32(message.connection_id);
    to.raw(message.nonce.substr(0, first_part_of_nonce)).u8(0).u16(static_cast<std::uint16_t>(lower));
    to.u8(message.collation).u16(message.status).u16(static_cast<std::uint16_t>(lower >> 16));
    to.u8(scramble_size + 1).zeros(6);
    to.u32(extended ? static_cast<std::uint32_t>(message.capabilities >> 32) : 0U);
    to.raw(message.nonce.substr(first_part_of_nonce)).u8(0);
    to.c_string(message.auth_plugin);
}

std::optional<greeting> decode_greeting(bytes payload)
{
    wire_reader in{payload};
    greeting message{};
    const auto version = in.u8();
    message.version = in.c_string();
    message.connection_id = in.u32();
    const auto first_part = in.take(first_part_of_nonce);
    in.skip(1);
    const std::uint32_t low = in.u16();
    message.collation = in.u8();
    message.status = in.u16();
    const std::uint32_t high = in.u16();
    const std::size_t nonce_size = in.u8();
    in.skip(6);
    const std::uint64_t extended = in.u32();
    const auto second_size = std::max<std::size_t>(13, nonce_size < first_part_of_nonce ? 0 : nonce_size - 8);
    const auto second_part = in.take(second_size);
    if (in.failed() || version != protocol_version) {
        return std::nullopt;
    }
    message.capabilities = high << 16 | low;
    if ((message.capabilities & capability::long_password) == 0) {
        message.capabilities |= extended << 32;
    }
    if (has(message.capabilities, capability::plugin_auth)) {
        message.auth_plugin = in.c_string_or_rest();
    }
    message.nonce.append(first_part).append(second_part.substr(0, second_size - 1));
    return message;
}

std::optional<response_start> decode_response_start(bytes payload, capability_flags offered)
{
    wire_reader in{payload};
    response_start start{};
    start.capabilities = in.u32();
    start.max_packet = in.u32();
    start.collation = in.u8();
    in.skip(19);
    const std::uint64_t extended = in.u32();
    if (in.failed() || !has(start.capabilities, capability::protocol_41)) {
        return std::nullopt;
    }
    if (!has(start.capabilities, capability::long_password) && !has(offered, capability::long_password)) {
        start.capabilities |= extended << 32;
    }
    return start;
}

void encode_response_start(const response_start& start, std::string& out)
{
    const bool extended = !has(start.capabilities, capability::long_password);
    wire_writer{out}
        .u32(static_cast<std::uint32_t>(start.capabilities & capability::lower_half))
        .u32(start.max_packet)
        .u8(start.collation)
        .zeros(19)
        .u32(extended ? static_cast<std::uint32_t>(start.capabilities >> 32) : 0U);
}

std::optional<handshake_response> decode_response(bytes payload, capability_flags offered)
{
    const auto start = decode_response_start(payload, offered);
    if (!start) {
        return std::nullopt;
    }
    const auto sets = [&start](capability_flags flag) { return has(start->capabilities, flag); };
    handshake_response message{
        .capabilities = start->capabilities, .max_packet = start->max_packet, .collation = start->collation};
    wire_reader in{payload.substr(tls_request_size)};
    message.user = in.c_string();
    if (sets(capability::plugin_auth_lenenc)) {
        message.answer = in.lenenc_string();
    } else if (sets(capability::secure_connection)) {
        message.answer = in.take(in.u8());
    } else {
        message.answer = in.c_string();
    }
    // Clients exist that announce a field at the end and leave it out, or its zero octet (PHP's mysqlnd among them).
    if (sets(capability::connect_with_db)) {
        message.schema = in.c_string_or_rest();
    }
    if (sets(capability::plugin_auth)) {
        message.auth_plugin = in.c_string_or_rest();
    }
    if (sets(capability::connect_attrs) && in.left() > 0) {
        message.attributes = in.lenenc_string();
    }
    if (sets(capability::zstd_compression) && in.left() > 0) {
        message.zstd_level = in.u8();
    }
    const bool bounded = message.user.size() <= longest_user && message.schema.size() <= longest_schema &&
                         message.auth_plugin.size() <= longest_plugin_name &&
                         message.attributes.size() <= longest_attributes;
    return !in.failed() && bounded ? std::optional{message} : std::nullopt;
}

void encode_response_payload(const handshake_response& message, std::string& out)
{
    const auto sets = [&message](capability_flags flag) { return has(message.capabilities, flag); };
    encode_response_start({message.capabilities, message.max_packet, message.collation}, out);
    wire_writer to{out};
    to.c_string(message.user);
    if (sets(capability::plugin_auth_lenenc)) {
        to.lenenc_string(message.answer);
    } else {
        PENSTOCK_ASSERT(message.answer.size() < 256);
        to.u8(static_cast<std::uint8_t>(message.answer.size())).raw(message.answer);
    }
    if (sets(capability::connect_with_db)) {
        to.c_string(message.schema);
    }
    if (sets(capability::plugin_auth)) {
        to.c_string(message.auth_plugin);
    }
    if (sets(capability::connect_attrs)) {
        to.lenenc_string(message.attributes);
    }
    if (sets(capability::zstd_compression)) {
        to.u8(message.zstd_level);
    }
}

std::optional<auth_switch> decode_auth_switch(bytes payload)
{
    wire_reader in{payload};
    auth_switch message{};
    const auto header = in.u8();
    message.plugin = in.c_string();
    message.data = in.remainder();
    const bool sound = !in.failed() && header == auth_switch_header && message.plugin.size() <= longest_plugin_name;
    return sound ? std::optional{message} : std::nullopt;
}

bytes nonce_in(bytes data)
{
    return data.size() == scramble_size + 1 && data.back() == '\0' ? data.substr(0, scramble_size) : data;
}

void encode_auth_switch_payload(const auth_switch& message, std::string& out)
{
    wire_writer{out}.u8(auth_switch_header).c_string(message.plugin).raw(message.data);
}

std::optional<change_user> decode_change_user(bytes payload, capability_flags agreed)
{
    wire_reader in{payload};
    change_user message{};
    const auto header = in.u8();
    message.user = in.c_string();
    message.answer = has(agreed, capability::secure_connection) ? in.take(in.u8()) : bytes{in.c_string()};
    message.schema = in.c_string_or_rest();
    // All that follows may be left out.
    if (in.left() >= 2) {
        message.collation = in.u16();
    }
    if (has(agreed, capability::plugin_auth) && in.left() > 0) {
        message.auth_plugin = in.c_string_or_rest();
    }
    if (has(agreed, capability::connect_attrs) && in.left() > 0) {
        message.attributes = in.lenenc_string();
    }
    const bool bounded = message.user.size() <= longest_user && message.schema.size() <= longest_schema &&
                         message.auth_plugin.size() <= longest_plugin_name &&
                         message.attributes.size() <= longest_attributes;
    const bool sound = !in.failed() && bounded && header == static_cast<std::uint8_t>(command::change_user);
    return sound ? std::optional{message} : std::nullopt;
}

void encode_change_user_payload(const change_user& message, capability_flags agreed, std::string& out)
{
    PENSTOCK_ASSERT(message.answer.size() < 256);
    wire_writer to{out};
    to.u8(static_cast<std::uint8_t>(command::change_user)).c_string(message.user);
    to.u8(static_cast<std::uint8_t>(message.answer.size())).raw(message.answer).c_string(message.schema);
    to.u16(message.collation.value_or(0));
    if (has(agreed, capability::plugin_auth)) {
        to.c_string(message.auth_plugin);
    }
    if (has(agreed, capability::connect_attrs)) {
        to.lenenc_string(message.attributes);
    }
}

std::optional<parameter_list> attributes_in(bytes attributes)
{
    parameter_list list;
    wire_reader in{attributes};
    while (in.left() > 0) {
        const auto name = in.lenenc_string();
        const auto value = in.lenenc_string();
        if (in.failed()) {
            return std::nullopt;
        }
        if (list.size() < most_attributes) {
            list.emplace_back(name, value);
        }
    }
    return in.failed() ? std::nullopt : std::optional{std::move(list)};
}

std::string encode_attributes(const parameter_list& attributes)
{
    std::string out;
    for (const auto& [name, value] : attributes) {
        const auto before = out.size();
        wire_writer{out}.lenenc_string(name).lenenc_string(value);
        if (out.size() > longest_attributes) {
            out.resize(before);
        }
    }
    return out;
}

parameter_list attributes_for_server(const parameter_list& of_client, std::string_view client_address)
{
    constexpr std::string_view proxy_name = "_proxy_name", proxy_client = "_proxy_client_address";
    parameter_list list{{std::string{proxy_name}, "penstock"}};
    if (!client_address.empty()) {
        list.emplace_back(proxy_client, client_address);
    }
    bool names_program = false;
    for (const auto& [name, value] : of_client) {
        names_program = names_program || name == "program_name";
        if (name != proxy_name && name != proxy_client) {  // a client does not speak for us
            list.emplace_back(name, value);
        }
    }
    if (!names_program) {
        list.emplace_back("program_name", "penstock");
    }
    return list;
}

}  // namespace penstock::mysql
