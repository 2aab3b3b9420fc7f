// SPDX-License-Identifier: Apache-2.0
//
// Both halves of an exchange without sockets: one front, any number of backs, and what each side was sent.
//
// A test feeds the client's bytes and the servers' bytes, in whatever pieces it likes, and looks at what comes out.
// Builders for messages of both sides and a reader of what was sent ("P(a) B E S") keep the tests short.
#pragma once

#include "protocols/postgresql/front.hpp"

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::test {

/// Messages as they stand on the wire.
namespace wire {

inline std::string frame(char type, bytes body)
{
    std::string out;
    postgresql::append_frame(out, type, body);
    return out;
}

inline std::string c_string(std::string_view text)
{
    return std::string{text} + '\0';
}

inline std::string number(std::uint32_t value)
{
    std::string out(4, '\0');
    store_u32(out.data(), value);
    return out;
}

inline std::string short_number(std::size_t value)
{
    return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

// --- a client's ---

inline std::string query(std::string_view text)
{
    return frame('Q', c_string(text));
}
inline std::string parse(std::string_view name, std::string_view text)
{
    return frame('P', c_string(name) + c_string(text) + short_number(0));
}
inline std::string bind(std::string_view portal,
                        std::string_view name,
                        std::initializer_list<std::string_view> values = {})
{
    std::string body = c_string(portal) + c_string(name) + short_number(0) + short_number(values.size());
    for (const auto value : values) {
        body += number(static_cast<std::uint32_t>(value.size())) + std::string{value};
    }
    return frame('B', body + short_number(0));
}
inline std::string describe(char what, std::string_view name)
{
    return frame('D', what + c_string(name));
}
inline std::string execute(std::string_view portal = {}, std::uint32_t rows = 0)
{
    return frame('E', c_string(portal) + number(rows));
}
inline std::string close(char what, std::string_view name)
{
    return frame('C', what + c_string(name));
}
inline std::string sync()
{
    return frame('S', {});
}
inline std::string flush()
{
    return frame('H', {});
}
inline std::string copy_data(std::string_view row)
{
    return frame('d', row);
}
inline std::string copy_done()
{
    return frame('c', {});
}
inline std::string copy_fail(std::string_view why)
{
    return frame('f', c_string(why));
}
inline std::string function_call(std::uint32_t oid)
{
    return frame('F', number(oid) + short_number(0) + short_number(0) + short_number(0));
}

// --- a server's ---

inline std::string ready(char status = 'I')
{
    return frame('Z', {&status, 1});
}
inline std::string parse_complete()
{
    return frame('1', {});
}
inline std::string bind_complete()
{
    return frame('2', {});
}
inline std::string close_complete()
{
    return frame('3', {});
}
inline std::string no_data()
{
    return frame('n', {});
}
inline std::string command_complete(std::string_view tag)
{
    return frame('C', c_string(tag));
}
inline std::string empty_query()
{
    return frame('I', {});
}
inline std::string portal_suspended()
{
    return frame('s', {});
}
inline std::string parameter_description()
{
    return frame('t', short_number(0));
}
inline std::string row_description(std::size_t columns)
{
    std::string body = short_number(columns);
    for (std::size_t column = 0; column < columns; ++column) {
        body += c_string("c") + number(0) + short_number(0) + number(25) + short_number(0xffff) + number(0xffffffff) +
                short_number(0);
    }
    return frame('T', body);
}
inline std::string data_row(const std::vector<const std::string*>& values)
{
    std::string body = short_number(values.size());
    for (const auto* value : values) {
        body += value == nullptr ? number(0xffffffff) : number(static_cast<std::uint32_t>(value->size())) + *value;
    }
    return frame('D', body);
}
inline std::string data_row(std::string_view value)
{
    const std::string held{value};
    return data_row({&held});
}
inline std::string error(std::string_view sqlstate,
                         std::string_view message = "refused",
                         std::string_view severity = "ERROR")
{
    return frame('E',
                 "S" + c_string(severity) + "V" + c_string(severity) + "C" + c_string(sqlstate) + "M" +
                     c_string(message) + '\0');
}
inline std::string notice(std::string_view message)
{
    return frame('N', "M" + c_string(message) + '\0');
}
inline std::string notification(std::string_view channel)
{
    return frame('A', number(7) + c_string(channel) + c_string(""));
}
inline std::string parameter_status(std::string_view name, std::string_view value)
{
    return frame('S', c_string(name) + c_string(value));
}
inline std::string copy_in_response()
{
    return frame('G', '\0' + short_number(0));
}
inline std::string copy_out_response()
{
    return frame('H', '\0' + short_number(0));
}

/// What a server says to SELECT of one row with one value, from RowDescription on.
inline std::string rows(std::string_view value)
{
    return row_description(1) + data_row(value) + command_complete("SELECT 1");
}

/// The answer to an injected catch-up or reapply.
inline std::string set_config_answer()
{
    return command_complete("SET") + rows("1") + command_complete("SET") + ready();
}

}  // namespace wire

/// The frames of `stream`; a remainder that is no whole frame becomes the last.
inline std::vector<std::string> frames_of(bytes stream)
{
    std::vector<std::string> frames;
    while (stream.size() >= postgresql::header_size) {
        const auto size = postgresql::load_header(stream).frame_size();
        if (size > stream.size()) {
            break;
        }
        frames.emplace_back(stream.substr(0, size));
        stream.remove_prefix(size);
    }
    if (!stream.empty()) {
        frames.emplace_back(stream);
    }
    return frames;
}

/// The types of the frames, as one word: "12TDCZ".
inline std::string types_of(bytes stream)
{
    std::string types;
    for (const auto& frame : frames_of(stream)) {
        types.push_back(frame[0]);
    }
    return types;
}

/// A session's half and its servers'.
class exchange {
public:
    explicit exchange(parameter_list startup = {}, front_limits limits = {}, std::size_t server_statements = 100)
        : client{store, limits, parameter_set::of(startup), 1}, server_statements_{server_statements}
    {
        add_server();
        server = backs[0].get();
    }

    postgresql::back& add_server()
    {
        backs.push_back(std::make_unique<postgresql::back>(server_statements_));
        return *backs.back();
    }

    /// Goes on with another server, which is made where it does not exist.
    void move_to(std::size_t place)
    {
        while (backs.size() <= place) {
            add_server();
        }
        server = backs[place].get();
    }

    /// The client sends. What consume() did not take stays for the next call.
    front_need send(bytes octets)
    {
        input_.append(octets);
        std::string server_scratch;
        std::string client_scratch;
        outbox to_server_box{server_scratch};
        outbox to_client_box{client_scratch};
        const auto progress = client.consume(input_, server, to_server_box, to_client_box);
        to_server.append(to_server_box.contents());
        to_client.append(to_client_box.contents());
        input_.erase(0, progress.consumed);
        return progress.need;
    }

    /// The server answers.
    advance_result answer(bytes octets)
    {
        std::string scratch;
        outbox box{scratch};
        const auto outcome = server->advance(octets, client, box);
        to_client.append(box.contents());
        return outcome;
    }

    /// Injects what is due now that the server owes nothing.
    bool settle()
    {
        std::string server_scratch;
        std::string client_scratch;
        outbox to_server_box{server_scratch};
        outbox to_client_box{client_scratch};
        const bool injected = client.settle(*server, to_server_box, to_client_box);
        to_server.append(to_server_box.contents());
        to_client.append(to_client_box.contents());
        return injected;
    }

    /// Asks whether the pins are over, where they may be.
    bool probe_pins()
    {
        std::string scratch;
        std::string client_scratch;
        outbox to_server_box{scratch};
        outbox to_client_box{client_scratch};
        const bool asked = client.probe_pins(*server, to_server_box, to_client_box);
        to_server.append(to_server_box.contents());
        return asked;
    }

    bool lose_server(const client_error& why)
    {
        std::string scratch;
        outbox box{scratch};
        const bool told = client.on_server_lost(*server, why, box);
        to_client.append(box.contents());
        server = nullptr;
        return told;
    }

    /// What was sent since the last call.
    std::string sent_to_server() { return std::exchange(to_server, {}); }
    std::string sent_to_client() { return std::exchange(to_client, {}); }
    [[nodiscard]] const std::string& unconsumed() const { return input_; }

    postgresql::statement_store store;
    postgresql::front client;
    std::vector<std::unique_ptr<postgresql::back>> backs;
    postgresql::back* server = nullptr;
    std::string to_server;
    std::string to_client;

private:
    std::size_t server_statements_;
    std::string input_;
};

}  // namespace penstock::test
