// SPDX-License-Identifier: Apache-2.0
//
// One MySQL session between a scripted client and scripted servers, without sockets: front and back joined as a session
// joins them, and builders of packets with good defaults.
#pragma once

#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/front.hpp"
#include "protocols/mysql/packet.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::mysql::test {

inline constexpr auto modern = capability::protocol_41 | capability::deprecate_eof | capability::session_track |
                               capability::multi_results | capability::ps_multi_results;
inline constexpr auto old = modern & ~capability::deprecate_eof;
inline constexpr auto untracked = modern & ~capability::session_track;

/// Payloads, joined to replies by packets().
namespace say {

inline std::string text(std::string_view value)
{
    std::string out;
    wire_writer{out}.lenenc_string(value);
    return out;
}

struct ok_fields {
    std::uint64_t affected = 0;
    std::uint64_t insert_id = 0;
    std::uint16_t status = server_status::autocommit;
    std::uint16_t warnings = 0;
    std::string changes{};
};

inline std::string ok(const ok_fields& with = {}, std::uint8_t header = ok_header)
{
    ok_packet made{};
    made.affected_rows = with.affected;
    made.last_insert_id = with.insert_id;
    made.status = with.status;
    made.warnings = with.warnings;
    if (!with.changes.empty()) {
        made.status = static_cast<std::uint16_t>(made.status | server_status::session_state_changed);
    }
    made.changes = with.changes;
    std::string out;
    encode_ok_payload(made, modern, out, header);
    return out;
}

inline std::string end(const ok_fields& with = {})
{
    return ok(with, eof_header);
}

inline std::string eof(std::uint16_t status = server_status::autocommit, std::uint16_t warnings = 0)
{
    std::string out;
    encode_eof_payload({.warnings = warnings, .status = status}, out);
    return out;
}

inline std::string err(std::uint16_t code, std::string_view message, std::string_view sqlstate = "HY000")
{
    std::string out;
    encode_err({code, sqlstate}, message, out, 0);
    return out.substr(header_size);
}

inline std::string variable(std::string_view name, std::string_view value)
{
    std::string out;
    wire_writer{out}.u8(0).lenenc_string(text(name) + text(value));
    return out;
}

inline std::string schema(std::string_view name)
{
    std::string out;
    wire_writer{out}.u8(1).lenenc_string(text(name));
    return out;
}

inline std::string state_changed()
{
    return {'\2', '\1', '1'};
}

inline std::string transaction_state(std::string_view state)
{
    std::string out;
    wire_writer{out}.u8(5).lenenc_string(text(state));
    return out;
}

inline std::string characteristics(std::string_view value)
{
    std::string out;
    wire_writer{out}.u8(4).lenenc_string(text(value));
    return out;
}

inline std::string column(std::string_view name, bool extended = false)
{
    std::string out;
    wire_writer to{out};
    to.lenenc_string("def").lenenc_string("").lenenc_string("").lenenc_string("").lenenc_string(name).lenenc_string("");
    if (extended) {
        to.lenenc_string("");
    }
    to.u8(12).u16(45).u32(4).u8(0xfd).u16(0).u8(0).u16(0);
    return out;
}

inline std::string prepared(std::uint32_t id, std::uint16_t columns, std::uint16_t parameters)
{
    std::string out;
    wire_writer{out}.u8(0).u32(id).u16(columns).u16(parameters).u8(0).u16(0);
    return out;
}

}  // namespace say

/// Payloads as packets with numbers from `first` on.
inline std::string packets(const std::vector<std::string>& payloads, std::uint8_t first = 1)
{
    std::string out;
    for (const auto& each : payloads) {
        first = append_packet(out, first, each);
    }
    return out;
}

/// What the client sends.
namespace ask {

inline std::string command(mysql::command what, std::string_view rest = {})
{
    return packets({static_cast<char>(what) + std::string{rest}}, 0);
}
inline std::string query(std::string_view text)
{
    return command(mysql::command::query, text);
}
inline std::string prepare(std::string_view text)
{
    return command(mysql::command::stmt_prepare, text);
}
inline std::string number(std::uint32_t value)
{
    std::string out;
    wire_writer{out}.u32(value);
    return out;
}
/// One parameter of type LONG (3) where `types`, with or without its type.
inline std::string execute(std::uint32_t id, std::string_view tail = {}, std::uint8_t flags = 0)
{
    return command(mysql::command::stmt_execute, number(id) + static_cast<char>(flags) + number(1) + std::string{tail});
}
inline std::string on_statement(mysql::command what, std::uint32_t id, std::string_view rest = {})
{
    return command(what, number(id) + std::string{rest});
}

}  // namespace ask

/// The payloads of a stream of packets, with a check of their numbers where each message begins anew with `first`.
inline std::vector<std::string> payloads_of(bytes stream)
{
    std::vector<std::string> out;
    while (const auto size = whole_message_size(stream)) {
        std::string scratch;
        out.emplace_back(join_payload(stream.substr(0, *size), scratch));
        stream.remove_prefix(*size);
    }
    return out;
}

inline std::string numbers_of(bytes stream)
{
    std::string out;
    while (stream.size() >= header_size) {
        const auto header = load_header(stream);
        out.append(out.empty() ? "" : ",").append(std::to_string(header.sequence));
        stream.remove_prefix(std::min(header.frame_size(), stream.size()));
    }
    return out;
}

class exchange {
public:
    explicit exchange(capability_flags of_client = modern,
                      capability_flags of_servers = modern,
                      front_limits limits = {})
        : client{store, limits, startup(), 7}
    {
        client_identity who;
        who.capabilities = of_client;
        client.logged_in(who);
        for (auto& each : servers) {
            each = std::make_unique<back>(100);
            server_identity identity;
            identity.capabilities = of_servers;
            identity.status = server_status::autocommit;
            identity.parameters = {{"schema", "app"}};
            each->logged_in(identity);
            each->set_tracking(true);
        }
        server = servers[0].get();
    }
    static parameter_set_ptr startup() { return parameter_set::none(); }

    /// Octets of the client; what could not be taken is sent again with the next.
    front_need send(bytes octets)
    {
        pending.append(octets);
        for (;;) {
            outbox to_server{server_scratch};
            outbox to_client{client_scratch};
            const auto progress = client.consume(pending, server, to_server, to_client);
            server_got.append(to_server.contents());
            client_got.append(to_client.contents());
            to_server.clear();
            to_client.clear();
            pending.erase(0, progress.consumed);
            return progress.need;
        }
    }
    /// Octets of the server, cut in pieces of `piece`.
    advance_result answer(bytes octets, std::size_t piece = std::string::npos)
    {
        while (!octets.empty()) {
            const auto part = octets.substr(0, piece);
            std::string buffer = std::string(room_in_front, '\xaa').append(part);  // it is gone afterwards
            outbox to_client{client_scratch, edits ? std::span{buffer} : std::span<char>{}};
            const auto how = server->advance(bytes{buffer}.substr(room_in_front), client, to_client);
            client_got.append(to_client.contents());
            to_client.clear();
            if (how != advance_result::ok) {
                return how;
            }
            octets.remove_prefix(part.size());
        }
        return advance_result::ok;
    }
    advance_result reply(const std::vector<std::string>& payloads) { return answer(packets(payloads)); }
    bool settle()
    {
        outbox to_server{server_scratch};
        outbox to_client{client_scratch};
        const bool injected = client.settle(*server, to_server, to_client);
        server_got.append(to_server.contents());
        to_server.clear();
        return injected;
    }
    void move_to(std::size_t number) { server = servers[number].get(); }

    std::string sent_to_server() { return std::exchange(server_got, {}); }
    std::string sent_to_client() { return std::exchange(client_got, {}); }
    /// Payloads, as the server or the client got them since this was last asked.
    std::vector<std::string> asked() { return payloads_of(sent_to_server()); }
    std::vector<std::string> told() { return payloads_of(sent_to_client()); }
    /// A query and its whole answer, with all that is asked behind it answered by OK.
    void run(std::string_view text, const std::vector<std::string>& reply)
    {
        send(ask::query(text));
        this->reply(reply);
        while (settle()) {
            while (!server->is_quiet()) {
                this->reply({say::ok()});
            }
        }
        sent_to_server();
        sent_to_client();
    }

    statement_store store;
    front client;
    std::unique_ptr<back> servers[3];
    back* server = nullptr;
    std::string pending;
    std::string server_got;
    std::string client_got;
    /// In front of what servers send, as in a driver's buffers.
    static constexpr std::size_t room_in_front = 16;
    bool edits = true;  ///< what servers send is in a buffer that may be changed
    std::string server_scratch;
    std::string client_scratch;
};

}  // namespace penstock::mysql::test
