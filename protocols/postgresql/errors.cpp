// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/errors.hpp"

#include "protocols/postgresql/frame.hpp"

#include <algorithm>
#include <cstddef>

namespace penstock::postgresql {

namespace {

constexpr std::size_t longest_text = 4096;

void append_report(
    char type, std::string_view severity, std::string_view sqlstate, std::string_view text, std::string& out)
{
    const auto plain = text.substr(0, std::min(text.find('\0'), longest_text));
    const auto place = begin_frame(out, type);
    byte_writer{out}.u8('S').c_string(severity).u8('V').c_string(severity);
    byte_writer{out}.u8('C').c_string(sqlstate).u8('M').c_string(plain).u8(0);
    end_frame(out, place);
}

bool is_sqlstate(std::string_view text)
{
    const auto is_code_octet = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
    return text.size() == 5 && std::all_of(text.begin(), text.end(), is_code_octet);
}

void keep_first(std::string_view& field, std::string_view value)
{
    if (field.empty()) {
        field = value;
    }
}

}  // namespace

std::string_view sqlstate_of(error_kind kind)
{
    switch (kind) {
        case error_kind::protocol_violation: return "08P01";
        case error_kind::unsupported_feature: return "0A000";
        case error_kind::invalid_authorization: return "28000";
        case error_kind::wrong_password: return "28P01";
        case error_kind::unknown_database: return "3D000";
        case error_kind::tls_required: return "28000";
        case error_kind::too_many_clients: return "53300";
        case error_kind::rate_limited: return "53400";
        case error_kind::borrow_timeout: return "57P03";
        case error_kind::server_unavailable: return "08001";
        case error_kind::server_login_failed: return "08004";
        case error_kind::server_lost: return "08006";
        case error_kind::outcome_unknown: return "08007";
        case error_kind::shutting_down: return "57P01";
        case error_kind::idle_timeout: return "57P05";
        case error_kind::idle_transaction_timeout: return "25P03";
        case error_kind::client_too_slow: return "53400";
        case error_kind::login_timeout: return "57014";
        case error_kind::settings_not_applied: return "08006";
        case error_kind::limit_exceeded: return "54000";
        case error_kind::read_only_admin: return "42501";
        case error_kind::console_syntax: return "42601";
        case error_kind::internal: return "XX000";
    }
    return "XX000";
}

std::string_view standard_text(error_kind kind)
{
    switch (kind) {
        case error_kind::protocol_violation: return "a message broke the protocol";
        case error_kind::unsupported_feature: return "this feature of the protocol is not supported";
        case error_kind::invalid_authorization: return "this user may not log in";
        case error_kind::wrong_password: return "password authentication failed";
        case error_kind::unknown_database: return "there is no such database";
        case error_kind::tls_required:
            return "this server accepts encrypted connections only; connect with sslmode=require";
        case error_kind::too_many_clients: return "the limit of client connections is reached";
        case error_kind::rate_limited: return "the limit of transactions in a second is reached";
        case error_kind::borrow_timeout: return "no server connection became free within connection_borrow_timeout";
        case error_kind::server_unavailable: return "no connection to the database server could be opened";
        case error_kind::server_login_failed: return "the database server refused the proxy's login";
        case error_kind::server_lost:
            return "the connection to the database server was lost; the request did not take effect";
        case error_kind::outcome_unknown:
            return "the connection to the database server was lost; whether the request took effect is not known";
        case error_kind::shutting_down: return "terminating connection because the proxy is shutting down";
        case error_kind::idle_timeout: return "terminating connection because of idle_client_timeout";
        case error_kind::idle_transaction_timeout: return "terminating connection because of idle_transaction_timeout";
        case error_kind::client_too_slow: return "terminating connection because its results were not taken in time";
        case error_kind::login_timeout: return "login was not completed within client_login_timeout";
        case error_kind::settings_not_applied:
            return "the session's settings could not be applied to a server connection";
        case error_kind::limit_exceeded: return "a length or count exceeds its limit";
        case error_kind::read_only_admin: return "this command needs admin rights";
        case error_kind::console_syntax: return "unknown console command";
        case error_kind::internal: return "internal error of the proxy";
    }
    return "internal error of the proxy";
}

void encode_error(const client_error& error, std::string& out, bool fatal)
{
    const std::string_view code = is_sqlstate(error.sqlstate) ? error.sqlstate : sqlstate_of(error.kind);
    const std::string_view text = error.detail.empty() ? standard_text(error.kind) : error.detail;
    append_report(from_server::error_response, fatal ? "FATAL" : "ERROR", code, text, out);
}

void encode_notice(std::string_view severity, std::string_view sqlstate, std::string_view message, std::string& out)
{
    append_report(from_server::notice_response, severity, is_sqlstate(sqlstate) ? sqlstate : "00000", message, out);
}

error_report decode_error(bytes body)
{
    error_report report;
    std::string_view localised_severity;
    byte_reader in{body};
    while (const auto field = in.u8()) {
        const auto value = in.c_string();
        if (in.failed()) {
            break;
        }
        switch (field) {
            case 'S': keep_first(localised_severity, value); break;
            case 'V': keep_first(report.severity, value); break;
            case 'C': keep_first(report.sqlstate, is_sqlstate(value) ? value : std::string_view{}); break;
            case 'M': keep_first(report.message, value); break;
            case 'D': keep_first(report.detail, value); break;
            case 'H': keep_first(report.hint, value); break;
            case 'R': keep_first(report.routine, value); break;
            default: break;  // position, file, line and the like; later versions may add fields
        }
    }
    keep_first(report.severity, localised_severity);
    return report;
}

}  // namespace penstock::postgresql
