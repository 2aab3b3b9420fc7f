// SPDX-License-Identifier: Apache-2.0
//
// What SHOW WARNINGS and its like have to tell a client behind each of its commands, and which server knows it.
//
// What Penstock itself has answered with an error no server knows of. SHOW WARNINGS and its like are answered from what
// is kept, once a server has said how its columns are described; in front of any other question a SIGNAL puts the error
// where the server looks for it.
#include "protocols/mysql/front.hpp"

#include <algorithm>

namespace penstock::mysql {

namespace {

/// MySQL leaves the diagnostics, but the warnings that it tells of are no longer those.
bool counts_anew(const expected_reply& reply)
{
    return reply.client_statement != 0 || reply.kind == reply_kind::field_list;
}

/// What SIGNAL takes of a text, by both products.
constexpr std::size_t longest_message = 128;

std::string signal_of(const client_error& error)
{
    auto message = error.detail.substr(0, longest_message);
    std::replace_if(
        message.begin(), message.end(), [](char octet) { return octet < ' ' || octet > '~'; }, '?');
    return "SIGNAL SQLSTATE '" + error.sqlstate + "' SET MYSQL_ERRNO=" + std::to_string(error.number) +
           ",MESSAGE_TEXT=" + quote_value(message);
}

}  // namespace

/// What is there to be asked for by SHOW WARNINGS from now on. On MySQL a command that is no statement leaves what
/// there was, and where it fails adds its error to that.
void front::note_diagnostics(const expected_reply& reply, back& server)
{
    const bool forgets = reply.is_statement() || (reply.kind == reply_kind::prepare && !was_on_mariadb_);
    if (reply.failed && !forgets && !was_on_mariadb_) {
        add_diagnostics(reply, server);
        return;
    }
    if (!forgets && !reply.failed) {
        told_warnings_ = counts_anew(reply) ? 0 : told_warnings_;
        return;
    }
    told_warnings_ = reply.failed ? 1 : reply.warnings;
    if (reply.effects && reply.effects->reads_diagnostics) {
        return;
    }
    kept_.clear();
    own_error_.reset();
    warning_count_ = told_warnings_;
    diagnostics_ = warning_count_ > 0 ? diagnostics::server : diagnostics::none;
    diagnosed_ = sent_;
    server.diagnostics_of = {stamp_, diagnosed_};
    server.foreign_diagnostics = server.foreign_diagnostics && warning_count_ == 0;
    pin_diagnostics();
}

/// Who asks for more than can be kept stays with the server that has it.
void front::pin_diagnostics()
{
    if (!asks_.for_more || diagnostics_ != diagnostics::server) {
        end_diagnostics_pin();
    } else if (!pins_.has(pin_reason::diagnostics)) {
        pins_.add(pin_reason::diagnostics);
        pin_cause_ = nullptr;
    }
}

/// MySQL has none behind a statement that tells of none. MariaDB may still have those of an earlier one, for it forgets
/// them only where a statement uses a table, and no reply says so.
void front::end_diagnostics_pin()
{
    asks_.the_server = false;
    const bool has_any = asks_.for_more && diagnostics_ == diagnostics::server;
    if (!pins_.has(pin_reason::diagnostics) || asks_.for_counts || asks_.statements > 0 || has_any) {
        return;
    }
    asks_.the_server = asks_.for_more && was_on_mariadb_;
    if (!asks_.the_server) {
        pins_.remove(pin_reason::diagnostics);
    }
}

/// SHOW WARNINGS tells nothing from now on, whatever servers have.
void front::forget_diagnostics()
{
    kept_.clear();
    own_error_.reset();
    told_warnings_ = warning_count_ = 0;
    diagnostics_ = diagnostics::none;
    diagnosed_ = sent_;
}

/// Where the server has another session's, the error stands behind those, so only itself is taken.
void front::add_diagnostics(const expected_reply& reply, back& server)
{
    told_warnings_ = static_cast<std::uint16_t>(counts_anew(reply) ? 1 : told_warnings_ + 1);
    ++warning_count_;
    own_error_.reset();
    if (has_diagnostics(server)) {
        kept_.clear();
        diagnostics_ = diagnostics::server;
        pin_diagnostics();
        return;
    }
    kept_.add_error(reply.error_code, server.last_error().detail);
    diagnostics_ = diagnostics::kept;
    server.diagnostics_of = {};
}

/// Penstock itself answers the command at hand with this error.
void front::note_own_error(const told_error& error)
{
    ++sent_;  // the server that ran the last statement does not know of this one
    row_count_ = -1;
    forget_diagnostics();
    kept_.add_error(error.code.number, error.text);
    own_error_ = std::make_unique<const client_error>(
        client_error{{}, std::string{error.text}, std::string{error.code.sqlstate}, error.code.number});
    told_warnings_ = warning_count_ = 1;
    diagnostics_ = diagnostics::kept;
}

/// From then on it is this server that has it.
void front::signal_own_error(back& server, outbox& to_server)
{
    inject(purpose::own_error, reply_kind::ok, '\3' + signal_of(*own_error_), server, to_server);
    kept_.clear();
    diagnostics_ = diagnostics::server;
}

/// Any other error is a failure of what went in front of the command: KILL QUERY may hit it.
void front::on_signalled(const expected_reply& reply, const back& server)
{
    const bool is_there = reply.failed && own_error_ && reply.error_code == own_error_->number;
    if (!is_there) {
        injection_error_ = server.last_error();
        injection_error_->number = reply.error_code;
    }
}

/// The server is gone amid the client's command, and this is its answer.
void front::tell_lost(const client_error& why, const back& server, outbox& to_client)
{
    note_own_error(told_of(why));
    tell_error(why, &server, to_client.made());
}

}  // namespace penstock::mysql
