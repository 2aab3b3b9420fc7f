// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/errors.hpp"

#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/packet.hpp"

#include <algorithm>
#include <cstddef>

namespace penstock::mysql {

namespace {

constexpr std::size_t longest_text = 512;  // MYSQL_ERRMSG_SIZE

bool is_sqlstate(std::string_view text)
{
    const auto is_code_octet = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
    return text.size() == 5 && std::all_of(text.begin(), text.end(), is_code_octet);
}

}  // namespace

error_code code_of(error_kind kind)
{
    switch (kind) {
        case error_kind::protocol_violation: return {1835, "08S01"};
        case error_kind::unsupported_feature: return {1235, "42000"};
        case error_kind::invalid_authorization: return {1045, "28000"};
        case error_kind::wrong_password: return {1045, "28000"};
        case error_kind::unknown_database: return {1049, "42000"};
        case error_kind::tls_required: return {3159, "HY000"};
        case error_kind::too_many_clients: return {1040, "08004"};
        case error_kind::rate_limited: return {1226, "42000"};
        case error_kind::borrow_timeout: return {9501, "HY000"};
        case error_kind::server_unavailable: return {2003, "08001"};
        case error_kind::server_login_failed: return {1105, "08004"};
        case error_kind::server_lost: return {2006, "08S01"};
        case error_kind::outcome_unknown: return {2013, "08007"};
        case error_kind::shutting_down: return {1053, "08S01"};
        case error_kind::idle_timeout: return {4031, "HY000"};
        case error_kind::idle_transaction_timeout: return {4031, "25P03"};
        case error_kind::client_too_slow: return {1161, "08S01"};
        case error_kind::login_timeout: return {1159, "08S01"};
        case error_kind::settings_not_applied: return {1105, "08S01"};
        case error_kind::limit_exceeded: return {1153, "08S01"};
        case error_kind::read_only_admin: return {1227, "42000"};
        case error_kind::console_syntax: return {1064, "42000"};
        case error_kind::internal: return {1105, "HY000"};
    }
    return {1105, "HY000"};
}

std::string_view standard_text(error_kind kind)
{
    switch (kind) {
        case error_kind::protocol_violation: return "Malformed communication packet";
        case error_kind::unsupported_feature: return "This feature of the protocol is not supported";
        case error_kind::invalid_authorization: return "This user may not log in";
        case error_kind::wrong_password: return "Access denied";
        case error_kind::unknown_database: return "Unknown database";
        case error_kind::tls_required:
            return "Connections using insecure transport are prohibited: connect with ssl-mode=REQUIRED";
        case error_kind::too_many_clients: return "Too many connections";
        case error_kind::rate_limited: return "The limit of transactions in a second is reached";
        case error_kind::borrow_timeout: return "Timed-out waiting to acquire database connection";
        case error_kind::server_unavailable: return "No connection to the database server could be opened";
        case error_kind::server_login_failed: return "The database server refused the proxy's login";
        case error_kind::server_lost:
            return "The connection to the database server was lost; the request did not take effect";
        case error_kind::outcome_unknown:
            return "The connection to the database server was lost; whether the request took effect is not known";
        case error_kind::shutting_down: return "The proxy is shutting down";
        case error_kind::idle_timeout: return "The client was disconnected because of idle_client_timeout";
        case error_kind::idle_transaction_timeout:
            return "The client was disconnected because of idle_transaction_timeout";
        case error_kind::client_too_slow:
            return "The client was disconnected because it did not take its results in time";
        case error_kind::login_timeout: return "Login was not completed within client_login_timeout";
        case error_kind::settings_not_applied:
            return "The session's settings could not be applied to a server connection";
        case error_kind::limit_exceeded: return "A length or count exceeds its limit";
        case error_kind::read_only_admin: return "This command needs admin rights";
        case error_kind::console_syntax: return "Unknown console command";
        case error_kind::internal: return "Internal error of the proxy";
    }
    return "Internal error of the proxy";
}

told_error told_of(const client_error& error)
{
    auto code = code_of(error.kind);
    if (error.number != 0) {
        code.number = error.number;
    }
    if (is_sqlstate(error.sqlstate)) {
        code.sqlstate = error.sqlstate;
    }
    const std::string_view text = error.detail.empty() ? standard_text(error.kind) : error.detail;
    return {code, text.substr(0, longest_text)};
}

std::uint8_t encode_error(const client_error& error, std::string& out, std::uint8_t sequence)
{
    const auto told = told_of(error);
    return encode_err(told.code, told.text, out, sequence);
}

std::uint8_t encode_err(error_code code, std::string_view text, std::string& out, std::uint8_t sequence)
{
    const auto place = begin_packet(out);
    wire_writer{out}.u8(err_header).u16(code.number).u8('#').raw(code.sqlstate).raw(text.substr(0, longest_text));
    return end_packet(out, place, sequence);
}

}  // namespace penstock::mysql
