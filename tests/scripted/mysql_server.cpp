// SPDX-License-Identifier: Apache-2.0
#include "tests/scripted/mysql_server.hpp"

#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/packet.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace penstock::test {

namespace {

using namespace mysql;

constexpr auto offers = capability::long_password | capability::protocol_41 | capability::connect_with_db |
                        capability::transactions | capability::secure_connection | capability::multi_statements |
                        capability::multi_results | capability::ps_multi_results | capability::plugin_auth |
                        capability::session_track | capability::local_files;

std::string greeting(capability_flags offered)
{
    std::string out;
    wire_writer to{out};
    to.u8(10).c_string("8.4.0").u32(7).raw("abcdefgh").u8(0).u16(static_cast<std::uint16_t>(offered)).u8(45);
    to.u16(server_status::autocommit).u16(static_cast<std::uint16_t>(offered >> 16)).u8(21).zeros(10);
    to.raw("ijklmnopqrst").u8(0).c_string("mysql_native_password");
    return out;
}

std::string variable(std::string_view name, std::string_view value)
{
    std::string pair;
    wire_writer{pair}.lenenc_string(name).lenenc_string(value);
    std::string out;
    wire_writer{out}.u8(0).lenenc_string(pair);
    return out;
}

}  // namespace

mysql_server_end::mysql_server_end(int descriptor, server_plan plan, capability_flags offered)
    : wire_{descriptor}, plan_{std::move(plan)}, offered_{offered}
{
    std::string first;
    append_packet(first, 0, greeting(offered_));
    counting_ = plan_.from_login;
    say(first);
}

void mysql_server_end::follow(server_plan plan)
{
    plan_ = std::move(plan);
    said_.clear();
    heard_.clear();
}

bool mysql_server_end::serve()
{
    bool moved = wire_.pump();
    while (take()) {
        moved = true;
    }
    if (wire_.ended() && wire_.is_open()) {
        wire_.close();
    }
    return moved;
}

bool mysql_server_end::take()
{
    const auto size = whole_message_size(wire_.received);
    if (!size) {
        return false;
    }
    std::string scratch;
    const std::string payload{join_payload(bytes{wire_.received}.substr(0, *size), scratch)};
    number_ = static_cast<std::uint8_t>(wire_.received[3] + 1);
    if (state_ == state::response) {
        wire_reader in{payload};
        agreed_ = in.u32() & offered_;
        state_ = state::ready;
        std::string welcome;
        ok(welcome);
        say(welcome);
        counting_ = true;
    } else {
        heard_.append(wire_.received, 0, *size);
        take_command(payload);
    }
    wire_.received.erase(0, *size);
    return true;
}

void mysql_server_end::take_command(std::string_view payload)
{
    if (state_ == state::file) {
        if (payload.empty()) {
            state_ = state::ready;
            std::string out;
            ok(out);
            say(out);
        }
        return;
    }
    const auto what = static_cast<command>(payload[0]);
    std::string out;
    switch (what) {
        case command::quit: wire_.close(); return;
        case command::query: say(answer_text(payload.substr(1))); return;
        case command::stmt_close:
        case command::stmt_send_long_data: return;
        case command::stmt_prepare:
        case command::stmt_execute:
        case command::stmt_fetch: say(on_statement(what, payload)); return;
        case command::set_option: end_rows(out); break;
        case command::reset_connection:
            status_ = server_status::autocommit;
            has_temporary_ = false;
            [[fallthrough]];
        default: ok(out); break;
    }
    say(out);
}

std::string mysql_server_end::answer_text(std::string_view text)
{
    std::string out;
    while (true) {
        const auto end = text.find(';');
        const bool more = end != std::string_view::npos;
        out += statement(text.substr(0, end), more);
        if (!more || text.substr(0, end).find("BAD") != std::string_view::npos) {
            return out;
        }
        text.remove_prefix(end + 1);
    }
}

std::string mysql_server_end::statement(std::string_view text, bool more)
{
    std::string out;
    if (text.find("BAD") != std::string_view::npos) {
        encode_err({1064, "42000"}, "that was bad", out, number_);
    } else if (read_only && text.starts_with("INSERT")) {
        encode_err({1290, "HY000"}, "The MySQL server is running with the --super-read-only option", out, number_);
    } else if (breaks_off != 0 && text.starts_with("SELECT")) {
        encode_err({breaks_off, "70100"}, "It was broken off", out, number_);
    } else if (text.starts_with("LOAD DATA LOCAL")) {
        packet(out, "\xfb/a/file");
        state_ = state::file;
    } else if (text.starts_with("SELECT ") || text.starts_with("SHOW ")) {
        packet(out, "\1");
        column(out, "x");
        if (!has(agreed_, capability::deprecate_eof)) {
            end_rows(out);
        }
        std::string row;
        wire_writer{row}.lenenc_string(text.substr(5));
        packet(out, row);
        end_rows(out, more ? server_status::more_results_exist : 0);
    } else {
        has_temporary_ = has_temporary_ || text.starts_with("CREATE TEMPORARY");
        const auto before = status_;
        status_ = text == "BEGIN"                          ? before | server_status::in_transaction
                  : text == "COMMIT" || text == "ROLLBACK" ? before & ~server_status::in_transaction
                                                           : before;
        const auto equals = text.find(" = ");
        const bool is_variable = text.starts_with("SET ") && equals != std::string_view::npos;
        ok(out, more, is_variable ? variable(text.substr(4, equals - 4), text.substr(equals + 3)) : std::string{});
    }
    return out;
}

std::string mysql_server_end::on_statement(command what, std::string_view payload)
{
    const bool is_old = !has(agreed_, capability::deprecate_eof);
    std::string out;
    if (what == command::stmt_prepare) {
        if (payload.find("BAD") != std::string_view::npos) {
            encode_err({1064, "42000"}, "that was bad", out, number_);
            return out;
        }
        const auto parameters = static_cast<std::uint16_t>(std::count(payload.begin(), payload.end(), '?'));
        std::string header;
        wire_writer{header}.u8(0).u32(++statements_).u16(1).u16(parameters).u8(0).u16(0);
        packet(out, header);
        for (int each = 0; each < parameters; ++each) {
            column(out, "?");
        }
        if (parameters > 0 && is_old) {
            end_rows(out);
        }
        column(out, "x");
        if (is_old) {
            end_rows(out);
        }
        return out;
    }
    if (what == command::stmt_execute) {
        const bool cursor = payload[5] != 0;
        packet(out, "\1");
        column(out, "x");
        if (is_old) {
            end_rows(out, cursor ? server_status::cursor_exists : 0);
        }
        if (cursor) {
            if (!is_old) {
                end_rows(out, server_status::cursor_exists);
            }
            return out;
        }
    }
    const std::string row{'\0', '\0', '\3', 'o', 'n', 'e'};
    packet(out, row);
    packet(out, row);
    end_rows(out, what == command::stmt_fetch ? server_status::last_row_sent | server_status::cursor_exists : 0);
    return out;
}

void mysql_server_end::packet(std::string& out, std::string_view payload)
{
    number_ = append_packet(out, number_, payload);
}

void mysql_server_end::ok(std::string& out, bool more, std::string_view changes)
{
    ok_packet made{};
    made.status = static_cast<std::uint16_t>(status_ | (more ? server_status::more_results_exist : 0) |
                                             (changes.empty() ? 0 : server_status::session_state_changed));
    made.changes = changes;
    number_ = encode_ok(made, agreed_, out, number_);
}

/// EOF, or OK in its place.
void mysql_server_end::end_rows(std::string& out, std::uint16_t more_status)
{
    const auto status = static_cast<std::uint16_t>(status_ | more_status);
    if (has(agreed_, capability::deprecate_eof)) {
        ok_packet made{};
        made.status = status;
        number_ = encode_ok(made, agreed_, out, number_, eof_header);
    } else {
        number_ = encode_eof({.warnings = 0, .status = status}, out, number_);
    }
}

void mysql_server_end::column(std::string& out, std::string_view name)
{
    std::string made;
    wire_writer to{made};
    to.lenenc_string("def").lenenc_string("").lenenc_string("").lenenc_string("").lenenc_string(name);
    to.lenenc_string("").u8(12).u16(45).u32(4).u8(0xfd).u16(0).u8(0).u16(0);
    packet(out, made);
}

void mysql_server_end::say(std::string_view octets)
{
    if (!withheld_.empty() || erred_) {
        withheld_.append(octets);
        return;
    }
    if (!counting_ || plan_.what == fault::none) {
        said_.append(counting_ ? octets : bytes{});
        wire_.send(octets);
        return;
    }
    const auto before = octets.substr(0, plan_.after - std::min(plan_.after, said_.size()));
    said_.append(before);
    wire_.send(before);
    withheld_ = octets.substr(before.size());
    if (said_.size() >= plan_.after) {
        err();
    }
}

void mysql_server_end::err()
{
    const auto what = plan_.what;
    erred_ = what != fault::piece;
    if (what == fault::garbage) {
        wire_.send(std::string(200, '\xfd'));
    } else if (what == fault::fatal) {
        std::string out;
        encode_err({1053, "08S01"}, "Server shutdown in progress", out, 0);
        wire_.send(out);
    }
    if (what == fault::garbage || what == fault::fatal || what == fault::close) {
        wire_.close();
    }
}

bool mysql_server_end::resume()
{
    if (!is_open() || (plan_.what != fault::pause && plan_.what != fault::piece)) {
        return false;
    }
    const bool paused = erred_ || !withheld_.empty();
    erred_ = false;
    plan_.after = plan_.what == fault::piece ? said_.size() + 1 : plan_.after;
    plan_.what = plan_.what == fault::piece ? fault::piece : fault::none;
    const auto rest = std::exchange(withheld_, {});
    say(rest);
    return paused;
}

mysql_server::mysql_server(bool deprecates_eof)
    : listener_{socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)}, deprecates_eof_{deprecates_eof}
{
    sockaddr_un nameless{};
    nameless.sun_family = AF_UNIX;
    const auto* as_address = reinterpret_cast<const sockaddr*>(&nameless);
    EXPECT_EQ(bind(listener_, as_address, sizeof nameless.sun_family), 0);  // the kernel finds an abstract name
    EXPECT_EQ(listen(listener_, 64), 0);
    where_.size = sizeof where_.address;
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&where_.address), &where_.size), 0);
}

bool mysql_server::serve()
{
    bool moved = false;
    for (int accepted = 0; listener_ >= 0 && accepted >= 0;) {
        accepted = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) {
            server_plan next{};
            if (!plans_.empty()) {
                next = std::move(plans_.front());
                plans_.pop_front();
            }
            const auto offered = offers | (deprecates_eof_ ? capability::deprecate_eof : 0);
            connections.push_back(std::make_unique<mysql_server_end>(accepted, std::move(next), offered));
            connections.back()->read_only = refuses_writes;
            moved = true;
        }
    }
    for (const auto& each : connections) {
        moved = each->serve() || moved;
    }
    return moved;
}

bool mysql_server::resume()
{
    bool any = false;
    for (const auto& each : connections) {
        any = each->resume() || any;
    }
    return any;
}

void mysql_server::stop()
{
    if (listener_ >= 0) {
        ::close(std::exchange(listener_, -1));
    }
    for (const auto& each : connections) {
        each->close();
    }
}

std::size_t mysql_server::open_connections() const
{
    return static_cast<std::size_t>(
        std::count_if(connections.begin(), connections.end(), [](const auto& each) { return each->is_open(); }));
}

}  // namespace penstock::test
