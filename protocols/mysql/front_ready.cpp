// SPDX-License-Identifier: Apache-2.0
//
// What goes in front of a command: a server, brought to the session's state. Each step is confirmed before the command
// follows, for a server would run it all the same where a step failed; the steps of one round go out together.
#include "protocols/mysql/front.hpp"

#include "protocols/mysql/builtin_functions.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/user_variables.hpp"

#include <algorithm>
#include <utility>

namespace penstock::mysql {

namespace {

/// So many servers may refuse the session's state before the client is told.
constexpr std::uint32_t most_failures = 2;

/// What servers say to LOAD DATA LOCAL by a client that sends no files.
constexpr std::pair<error_code, std::string_view> no_local_files_on_mysql{
    {3948, "42000"}, "Loading local data is disabled; this must be enabled on both the client and server sides"};
constexpr std::pair<error_code, std::string_view> no_local_files_on_mariadb{
    {4166, "HY000"},
    "The used command is not allowed because the MariaDB server or client has disabled the local infile capability"};

/// What a statement has changed that failed, MySQL tells with whatever it answers next; MariaDB with the next OK packet
/// that has a change to tell anyhow.
bool tells_with_rows(const back& server)
{
    return !server.is_mariadb() && has(server.agreed(), capability::deprecate_eof);
}

}  // namespace

/// Whether a command may go to the server now, under these settings.
std::optional<front_need> front::get_ready(back* server,
                                           const parameter_set_ptr& wanted,
                                           outbox& to_server,
                                           outbox& to_client)
{
    if (server == nullptr) {
        repeats_ = refusal_ ? 0 : repeats_;
        repeats_reading_ = repeats_reading_ && !refusal_;
        refusals_ = refusal_ ? 0 : refusals_;
        return refusal_ ? answer(*std::exchange(refusal_, {}), to_client) : front_need::server;
    }
    if (server->must_close && (server->in_transaction() || must_stay())) {
        return fail(error_kind::server_lost, "the server refused what had to go in front of a command");
    }
    if (server->must_close) {
        if (catch_up_failures_ <= most_failures) {
            return front_need::server;  // another one
        }
        catch_up_failures_ = 0;
        return answer({error_kind::settings_not_applied, catch_up_error_.detail, {}}, to_client);
    }
    const bool is_late = repeats_reading_ ? inject_catch_up(settings_on(*server, wanted), *server, to_server)
                                          : inject_catch_up(wanted, *server, to_server);
    if (is_late && server->is_quiet()) {
        return front_need::server;
    }
    if (guard(*server, to_server) || is_late || begin_block(*server, to_server)) {
        return front_need::answers;
    }
    catch_up_failures_ = 0;
    return std::nullopt;
}

/// True where something was sent, or (and the server is quiet) where this server cannot be brought there.
bool front::inject_catch_up(const parameter_set_ptr& wanted, back& server, outbox& to_server)
{
    bool injected = false;
    if (!server.tracks()) {
        server.set_tracking(true);
        inject(purpose::tracking, reply_kind::ok, '\3' + std::string{tracking_statement()}, server, to_server);
        if (store_.has_code() && !server.login_role && !server.may_have_role) {
            inject(purpose::ask_role, reply_kind::query, role_query, server, to_server);
        }
        injected = true;
    }
    if (same_parameters(server.parameters, wanted)) {
        server.parameters = wanted;
        return injected;
    }
    const auto commands = catch_up_commands(
        *server.parameters, *wanted, {.initial_schema = server.initial_schema(), .is_mariadb = server.is_mariadb()});
    if (!commands) {
        server.must_close = true;
        return true;
    }
    server.parameters = wanted;  // were it refused, the connection would be closed
    counters_.catch_ups += commands->empty() ? 0 : 1;
    for (const auto& each : *commands) {
        server.is_guarded = server.is_guarded && each.find("_read_only") == std::string::npos;
        const bool is_eof = static_cast<command>(each[0]) == command::set_option;
        inject(purpose::catch_up, is_eof ? reply_kind::eof : reply_kind::ok, each, server, to_server);
        injected = true;
    }
    return injected;
}

bool front::catch_up(back& server, outbox& to_server, outbox&)
{
    return inject_catch_up(state_.current(), server, to_server);
}

void front::inject(purpose why, reply_kind kind, bytes payload, back& server, outbox& to_server)
{
    const bool shows = why == purpose::warnings || why == purpose::ask_warnings;
    const bool leaves_found_rows = shows || why == purpose::ask_found_rows;
    const bool are_all_found = found_by_ == 0 || server.is_mariadb();  // MySQL finds a cursor's as they are read
    if (!leaves_found_rows && asks_found_rows_ && are_all_found && server.found_rows_of == stamp_) {  // now or never
        asks_found_rows_ = false;
        inject(purpose::ask_found_rows, reply_kind::query, "\3SELECT FOUND_ROWS()", server, to_server);
    }
    auto& out = to_server.made();
    const bool is_query = static_cast<command>(payload[0]) == command::query;
    if (is_query && has(server.agreed(), capability::query_attributes)) {
        std::string prefixed{'\3', '\0', '\1'};
        prefixed.append(payload.substr(1));
        append_packet(out, 0, prefixed);
    } else {
        append_packet(out, 0, payload);
    }
    server.announce(expected_reply{kind, why});
    if (why == purpose::late_report && server.is_mariadb()) {  // it uses no table, so the diagnostics stay
        server.found_rows_of = 0;
        server.last_statement = {stamp_, 0};
    } else if (!shows) {
        server.found_rows_of = 0;
        server.forget_last_statement();  // its diagnostics are those of this now
    } else {
        server.showed_warnings = true;
    }
}

/// What a text asks of what earlier statements left: it has to be found on this server.
std::optional<front_need> front::get_ready_for_text(
    bytes text, const text_effects& effects, back& server, outbox& to_server, outbox& to_client)
{
    if (effects.load_local && !has(capabilities_, capability::local_files)) {
        const auto [code, why] = server.is_mariadb() ? no_local_files_on_mariadb : no_local_files_on_mysql;
        return answer(code, why, to_client);
    }
    if (injection_error_) {
        return answer(*std::exchange(injection_error_, {}), to_client);
    }
    const bool cleans = clean_for(effects, server, to_server);
    if (bring_insert_id(text, effects, server, to_server) || cleans) {
        return front_need::answers;
    }
    const bool is_fresh = !has_diagnostics(server) || server.foreign_diagnostics;
    if (effects.reads_diagnostics && is_fresh) {
        asks_.for_more = asks_.for_more || !kept_.is_empty();  // from now on its server will be the one that has them
        if (own_error_) {
            signal_own_error(server, to_server);
        } else {
            // Not its last user's. MariaDB forgets them only for a statement that uses a table, be it a derived one.
            inject(purpose::housekeeping, reply_kind::query, "\3SELECT 1 FROM (SELECT 1) d", server, to_server);
        }
        server.last_statement = {stamp_, sent_};
        server.diagnostics_of = {stamp_, diagnosed_};
        server.foreign_diagnostics = false;
        return front_need::answers;
    }
    return std::nullopt;
}

/// Whether the server is reset in front of such a text.
bool front::is_reset_for(const text_effects& effects, const back& server) const
{
    const auto& names = effects.other_variables;
    const bool may_find_any = runs_code(effects, server) || std::find(names.begin(), names.end(), "") != names.end();
    return may_find_any && !server.is_clean_for(stamp_) && !server.in_transaction() && !must_stay() &&
           diagnostics_ != diagnostics::server;
}

/// Stored code may have left here what nobody has reported. Whoever runs such code gets a connection that is as new,
/// and a user variable that this session has not set is NULL, as it would be on a connection of its own.
bool front::clean_for(const text_effects& effects, back& server, outbox& to_server)
{
    if (server.is_clean_for(stamp_)) {
        return false;
    }
    if (is_reset_for(effects, server)) {
        if (!ask_insert_id(server, to_server)) {
            inject(purpose::housekeeping, reply_kind::ok, bytes{"\x1f", 1}, server, to_server);
            server.was_reset();
        }
        return true;
    }
    const auto& names = effects.other_variables;
    server.note_user(stamp_);
    if (server.ran_code() || server.has_xa()) {
        return false;
    }
    std::string text;
    const auto add = [&](const std::string& assignments) {
        text.append(text.empty() ? "\3SET " : ",").append(assignments);
    };
    const auto is_carried = [&](const std::string& name) {
        return name.empty() || state_.current()->find("@" + name) != nullptr;
    };
    for (const auto& name : names) {
        if (!is_carried(name) && server.claim_variable(name)) {
            add(clear_variable(name));
        }
    }
    if (!effects.user_variables.empty() && effects.statements == 1) {
        // Of one statement only: several may be a syntax error, which leaves variables as they are.
        const bool may_fail = effects != text_effects{.statements = 1, .user_variables = effects.user_variables};
        for (const auto& [name, literal] : effects.user_variables) {
            if (may_fail && !is_carried(name) && server.begin_variable(name, knows_variables())) {
                add(begin_variable(name, literal, server.is_mariadb()));
            }
        }
    }
    if (!text.empty()) {
        inject(purpose::housekeeping, reply_kind::ok, text, server, to_server);
    }
    return !text.empty();
}

bool front::runs_code(const text_effects& effects, const back& server)
{
    const auto unknown = server.is_mariadb() ? unknown_to_mariadb : unknown_to_mysql;
    return effects.runs_code || (effects.calls_unknown & unknown) != 0;
}

/// Sends a whole command of the client's, in two parts, and announces its reply.
void front::send(bytes head, bytes rest, expected_reply&& reply, back& server, outbox& to_server)
{
    auto& out = to_server.made();
    counters_.evicted += server.close_excess(out, 0);
    reply.client_sequence = command_sequence_;
    reply.server_sequence = append_packet(out, 0, head, rest);
    server.note_user(stamp_);
    note_statement(server);
    server.announce(std::move(reply));
}

/// The next statement goes to this server.
void front::note_statement(back& server)
{
    server.foreign_diagnostics = server.foreign_diagnostics || server.last_statement.first != stamp_;
    server.last_statement = {stamp_, ++sent_};
    server.showed_warnings = false;
}

void front::forward(command what, reply_kind kind, bytes payload, back& server, outbox& to_server)
{
    expected_reply reply{kind};
    reply.what = what;
    const bool tells_of_earlier = what == command::ping || what == command::init_db || what == command::set_option;
    const bool knows = has_diagnostics(server) && !server.showed_warnings && told_warnings_ > 0;
    if (tells_of_earlier && !knows) {  // MySQL counts those of the last
        reply.told_warnings = server.is_mariadb() ? std::uint16_t{0} : told_warnings_;
    }
    send({}, payload, std::move(reply), server, to_server);
}

/// Now that the server owes nothing: what has to be known before somebody else gets it.
bool front::settle(back& server, outbox& to_server, outbox&)
{
    if (is_mid_message() || !server.is_quiet()) {
        return false;
    }
    if (server.must_close) {
        may_owe_report_ = false;
        insert_id_is_exact_ = true;  // as exact as it will be: the next server's is another session's
        return false;
    }
    counters_.evicted += server.close_excess(to_server.made(), 0);
    bool injected = false;
    const auto ask = [&](purpose why, reply_kind kind, std::string_view text) {
        inject(why, kind, '\3' + std::string{text}, server, to_server);
        injected = true;
    };
    const bool leaves = server.is_idle() && pins_.empty() && holding_ == 0 && !keeps_server_ && !keeps_found_rows_;
    const bool disturbs = wishes_.must_be_restored() || state_.must_ask_for_collation() || !unreported_.empty() ||
                          must_flush_ || asks_role_;  // what follows is a statement, too
    if ((leaves || disturbs) && diagnostics_ == diagnostics::server) {
        diagnostics_ = diagnostics::kept;
        if (warning_count_ > 0) {
            keeps_rows_ = true;
            may_owe_report_ = may_owe_report_ && !tells_with_rows(server);
            ask(purpose::warnings, reply_kind::query, "SHOW WARNINGS");
        }
    } else if (diagnostics_ == diagnostics::kept && !kept_.is_empty() && !kept_.can_answer() && !own_error_) {
        keeps_rows_ = false;  // these are others', but how they are described holds for any
        ask(purpose::warnings, reply_kind::query, "SHOW WARNINGS");
    }
    if (leaves && std::exchange(asks_found_rows_, false)) {
        ask(purpose::ask_found_rows, reply_kind::query, "SELECT FOUND_ROWS()");
    }
    if (leaves && ask_insert_id(server, to_server)) {
        injected = true;
    }
    if (wishes_.take_question()) {
        ask(purpose::ask_tracking, reply_kind::query, wishes_query());
    }
    if (wishes_.must_be_restored()) {
        wishes_.restored();
        ask(purpose::tracking, reply_kind::ok, tracking_statement());
    }
    if (state_.must_ask_for_collation()) {
        state_.collation_asked();
        ask(purpose::collation, reply_kind::ok, "SET collation_connection=@@collation_connection");
    }
    if (!unreported_.empty()) {
        ask(purpose::ask_variables, reply_kind::ok, "SET " + std::exchange(unreported_, {}));
    }
    if (must_flush_ || (leaves && may_owe_report_)) {
        must_flush_ = may_owe_report_ = false;
        ask(purpose::late_report, reply_kind::ok, "SET sql_mode=@@sql_mode");
    }
    if (std::exchange(asks_role_, false)) {
        inject(purpose::ask_role, reply_kind::query, role_query, server, to_server);
        injected = true;
    }
    return injected;
}

}  // namespace penstock::mysql
