// SPDX-License-Identifier: Apache-2.0
//
// What a client gets of a server's packets: the same, in the form that client has agreed to.
//
// Where only the server deprecates EOF, the client gets one behind the definitions of a result; its status is known
// only with the next packet, for a cursor has no rows behind that EOF. Where only the client does, EOF behind
// definitions is dropped and EOF behind rows becomes OK. Each packet gets the number that the client counts.
#include "protocols/mysql/back.hpp"

#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/front.hpp"

namespace penstock::mysql {

/// A packet, or the beginning of a row, goes to the client with the number that comes next.
void back::relay(bytes whole, bool copied, outbox& to_client)
{
    const auto number = client_sequence_++;
    if (!copied && static_cast<std::uint8_t>(whole[3]) == number) {
        to_client.pass(whole);
        return;
    }
    auto& out = to_client.made();
    const auto place = out.size();
    out.append(whole);
    out.data()[place + 3] = static_cast<char>(number);
}

/// So many packets that are there whole: with the numbers that come next.
void back::relay_rows(bytes rows, std::uint64_t count, outbox& to_client)
{
    const auto first = static_cast<std::uint8_t>(rows[3]);
    if (first == client_sequence_ && !counts_frames_) {
        to_client.pass(rows);
        client_sequence_ = static_cast<std::uint8_t>(client_sequence_ + count);
        return;
    }
    if (auto* const place = to_client.editable(rows)) {
        client_sequence_ = number_packets({place, rows.size()}, client_sequence_);
        to_client.pass(rows);
        return;
    }
    auto& out = to_client.made();
    const auto place = out.size();
    out.append(rows);
    client_sequence_ = number_packets(std::span{out}.subspan(place), client_sequence_);
}

/// `at_end` is the result's own status, where its end has come.
void back::insert_eof(const front& client, outbox& to_client, std::optional<std::uint16_t> at_end)
{
    owes_eof_ = false;
    if (!relays() || has(client.capabilities(), capability::deprecate_eof)) {
        first_row_.clear();
        return;
    }
    const auto& effects = expected_.front().effects;
    const bool goes_on = effects && effects->runs_code;  // if only by the OK of the CALL
    const auto known = at_end.value_or(status_ & server_status::lasting) & server_status::of_definitions;
    const auto status = static_cast<std::uint16_t>(known | (goes_on ? server_status::more_results_exist : 0));
    client_sequence_ = encode_eof({.warnings = 0, .status = status}, to_client.made(), client_sequence_);
    if (!first_row_.empty()) {
        relay(std::exchange(first_row_, {}), true, to_client);
    }
}

/// An OK packet, in its own place or (ends_rows) in that of EOF.
advance_result back::on_ok(bytes whole, bool copied, bool ends_rows, front& client, outbox& to_client)
{
    auto ok = decode_ok(payload_of(whole), agreed_);
    if (ok && client.wishes().are_no_news(ok->changes)) {
        ok->changes = {};
    }
    if (!ok || !take_changes(*ok, client)) {
        return fault("a malformed OK packet");
    }
    const auto told_warnings = expected_.front().told_warnings;
    ok->warnings = told_warnings.value_or(ok->warnings);
    if (relays()) {
        const bool opens_cursor = (ok->status & server_status::cursor_exists) != 0 && owes_eof_;
        if (owes_eof_ && !opens_cursor) {
            insert_eof(client, to_client, ok->status);
        }
        owes_eof_ = false;
        const bool as_it_is = !told_warnings && !client.wishes().holds() &&
                              (ok->status & server_status::session_state_changed) == 0 &&
                              (!ends_rows || has(client.capabilities(), capability::deprecate_eof));
        if (as_it_is) {
            relay(whole, copied, to_client);
        } else {
            relay_end(*ok, ends_rows, client, to_client);
        }
    }
    end_result(*ok, client);
    return advance_result::ok;
}

/// An EOF packet of a server that does not deprecate them.
advance_result back::on_eof(bytes whole, bool copied, bool ends_rows, front& client, outbox& to_client)
{
    const auto eof = decode_eof(payload_of(whole));
    if (!eof) {
        return fault("a malformed EOF packet");
    }
    ok_packet end{};
    end.status = eof->status;
    const auto told_warnings = expected_.front().told_warnings;
    end.warnings = told_warnings.value_or(eof->warnings);
    const bool opens_cursor = !ends_rows && (eof->status & server_status::cursor_exists) != 0 &&
                              expected_.front().kind == reply_kind::execute;
    const bool keeps = !has(client.capabilities(), capability::deprecate_eof);
    const bool as_it_is = keeps && !told_warnings;
    if (relays() && as_it_is) {
        relay(whole, copied, to_client);
    } else if (relays() && (keeps || ends_rows || opens_cursor)) {
        relay_end(end, true, client, to_client);
    }
    if (ends_rows) {
        end_result(end, client);
        return advance_result::ok;
    }
    follower_.on_definitions_end(opens_cursor);
    if (opens_cursor) {
        expected_.front().opened_cursor = true;
    }
    status_ = static_cast<std::uint16_t>(eof->status);
    if (follower_.has_ended()) {
        complete(client);
    }
    return advance_result::ok;
}

/// OK or EOF, made anew for what this client has agreed to and asked for.
void back::relay_end(const ok_packet& ok, bool ends_rows, front& client, outbox& to_client)
{
    const auto agreed = client.capabilities();
    const bool tracks = has(agreed, capability::session_track);
    auto changes = ok.changes.empty() ? std::string{} : client.wishes().filter(ok.changes);
    auto& head = expected_.front();
    const auto unchanged = static_cast<std::uint16_t>(ok.status & ~server_status::session_state_changed);
    const auto changed = static_cast<std::uint16_t>(ok.status | server_status::session_state_changed);
    if (ends_rows && !has(agreed, capability::deprecate_eof)) {
        // MariaDB does that, and MySQL does not; within a CALL up to the next OK.
        const bool goes_on = head.is_flagged && head.effects && head.effects->runs_code;
        head.is_flagged = is_mariadb() && (!changes.empty() || goes_on);
        const auto status = head.is_flagged ? changed : unchanged;
        client_sequence_ = encode_eof({.warnings = ok.warnings, .status = status}, to_client.made(), client_sequence_);
        if (tracks && !changes.empty()) {
            client.wishes().hold(changes);
        }
        return;
    }
    auto told = ok;
    head.is_flagged = false;
    changes = tracks ? client.wishes().tell(changes, is_mariadb()) : std::string{};
    told.changes = changes;
    told.status = changes.empty() ? unchanged : changed;
    client_sequence_ = encode_ok(told, agreed, to_client.made(), client_sequence_, ends_rows ? eof_header : ok_header);
}

advance_result back::on_err(bytes whole, bool copied, front& client, outbox& to_client)
{
    const auto err = decode_err(payload_of(whole));
    if (!err) {
        return fault("a malformed ERR packet");
    }
    const bool is_unseen = is_replica ? !relayed_before_ : !relayed_;
    if (expected_.front().why == purpose::client && is_unseen) {
        doubt_ = client.doubt_by(*err, to_client.empty(), *this);
    }
    if (doubt_ != doubt::none) {
        doubtful_ = whole;
        beginning_ = to_client.contents();
        to_client.clear();
        return advance_result::ok;
    }
    end_in_error(*err, whole, copied, client, to_client);
    return advance_result::ok;
}

/// The reply under way ends so.
void back::end_in_error(const err_packet& why, bytes whole, bool copied, front& client, outbox& to_client)
{
    auto& head = expected_.front();
    head.failed = true;
    head.error_code = why.code;
    last_error_ = {error_kind::server_lost, std::string{why.message}, std::string{why.sqlstate}};
    follower_.on_err();
    head.moved = is_replica ? move_elsewhere(why, client, to_client) : repeat_elsewhere(why, client, to_client);
    if (!head.moved && head.why == purpose::client && client.has_repeated_a_write(why.code)) {
        if (owes_eof_) {
            insert_eof(client, to_client);
        }
        client_sequence_ = encode_error({error_kind::outcome_unknown, {}, {}}, to_client.made(), client_sequence_);
    } else if (!head.moved && (head.relayed || head.answers_client)) {
        if (owes_eof_) {
            insert_eof(client, to_client);
        }
        relay(whole, copied, to_client);
    }
    complete(client);
}

void back::settle_doubt(bool again, front& client, outbox& to_client)
{
    if (doubt_ == doubt::none) {
        return;
    }
    const auto why_doubted = std::exchange(doubt_, doubt::none);
    const auto whole = std::exchange(doubtful_, {});
    const auto beginning = std::exchange(beginning_, {});
    if (again && client.leave_doubted(why_doubted, *this)) {
        auto& head = expected_.front();
        head.failed = true;
        head.moved = true;
        complete(client);
        return;
    }
    to_client.made().append(beginning);
    if (const auto why = decode_err(payload_of(whole))) {
        end_in_error(*why, whole, true, client, to_client);
    }
}

/// A replica cannot do what it was asked, and the client has nothing of its answer: what of it was to go out with this
/// error is taken back.
bool back::move_elsewhere(const err_packet& why, front& client, outbox& to_client)
{
    const auto& head = expected_.front();
    if (head.why == purpose::prepare) {
        return client.leave_unprepared(why, head, *this);
    }
    if (head.why != purpose::client || !client.leave_replica(why, !relayed_before_, *this)) {
        return false;
    }
    to_client.clear();
    return true;
}

/// A primary is shut down amid a read.
bool back::repeat_elsewhere(const err_packet& why, front& client, outbox& to_client)
{
    if (expected_.front().why != purpose::client || !client.repeat_refused(why, *this)) {
        return false;
    }
    to_client.clear();
    return true;
}

advance_result back::on_column_count(bytes whole, bool copied, const front& client, outbox& to_client)
{
    const auto payload = payload_of(whole);
    if (!follower_.on_column_count(payload)) {
        return fault("an impossible number of columns");
    }
    expected_.front().rows = 0;
    owes_eof_ = false;
    if (!relays()) {
        return advance_result::ok;
    }
    const auto kinds = capability::optional_resultset_metadata | capability::mariadb_cache_metadata;
    const auto theirs = agreed_ & kinds;
    const auto clients = client.capabilities() & kinds;
    if (theirs == clients) {
        relay(whole, copied, to_client);
        return advance_result::ok;
    }
    wire_reader in{payload};
    const auto count = in.lenenc();
    auto& out = to_client.made();
    const auto place = begin_packet(out);
    wire_writer writer{out};
    writer.lenenc(count);
    if (clients != 0) {
        writer.u8(1);
    }
    client_sequence_ = end_packet(out, place, client_sequence_);
    return advance_result::ok;
}

advance_result back::on_definition(bytes whole, bool copied, front& client, outbox& to_client)
{
    follower_.on_definition();
    if (captures()) {
        client.on_captured_definition(payload_of(whole), expected_.front(), *this);
    }
    if (relays()) {
        const bool extended = has(agreed_, capability::mariadb_extended_metadata);
        const bool wanted = has(client.capabilities(), capability::mariadb_extended_metadata);
        if (extended == wanted) {
            relay(whole, copied, to_client);
        } else {
            wire_reader in{payload_of(whole)};
            const auto payload = payload_of(whole);
            for (int names = 0; names < 6; ++names) {
                in.lenenc_string();
            }
            const auto names = payload.size() - in.left();
            if (extended) {
                in.lenenc_string();
            }
            if (in.failed()) {
                return fault("a malformed column definition");
            }
            auto& out = to_client.made();
            const auto place = begin_packet(out);
            out.append(payload.substr(0, names));
            if (wanted) {
                out.push_back('\0');
            }
            out.append(in.remainder());
            client_sequence_ = end_packet(out, place, client_sequence_);
        }
    }
    if (follower_.is_behind_definitions()) {
        owes_eof_ = true;
        if (expected_.front().kind == reply_kind::prepare) {
            insert_eof(client, to_client);
        }
    }
    if (follower_.has_ended()) {
        complete(client);
    }
    return advance_result::ok;
}

advance_result back::on_prepared(bytes whole, front& client, outbox& to_client)
{
    const auto header = follower_.on_prepared(payload_of(whole));
    if (!header) {
        return fault("a malformed answer to COM_STMT_PREPARE");
    }
    const auto id = client.on_prepared(expected_.front(), *header, *this);
    if (relays()) {
        auto& out = to_client.made();
        const auto place = begin_packet(out);
        wire_writer writer{out};
        writer.u8(ok_header).u32(id).u16(header->columns).u16(header->parameters).u8(0).u16(header->warnings);
        if (has(client.capabilities(), capability::optional_resultset_metadata)) {
            writer.u8(header->has_metadata ? 1 : 0);
        }
        client_sequence_ = end_packet(out, place, client_sequence_);
    }
    if (follower_.has_ended()) {
        complete(client);
    }
    return advance_result::ok;
}

/// Takes notice of status and tracked changes. False where they are malformed.
bool back::take_changes(const ok_packet& ok, front& client)
{
    status_ = ok.status;
    if (ok.changes.empty()) {
        return true;
    }
    auto& head = expected_.front();
    bool explained = false;
    bool state_changed = false;
    session_change_reader reader{ok.changes};
    while (const auto change = reader.next()) {
        switch (change->kind) {
            case change_kind::system_variable:
                if (change->name == "statement_id") {
                    break;
                }
                [[fallthrough]];
            case change_kind::schema:
                explained = true;
                client.on_session_change(*change, head, *this);
                break;
            case change_kind::state_change: state_changed = true; break;
            case change_kind::transaction_characteristics: characteristics_ = !change->value.empty(); break;
            case change_kind::transaction_state:
                table_locks_ = change->value.size() == 8 && change->value[7] == 'L';
                break;
            case change_kind::gtids:
            case change_kind::unknown: break;
        }
    }
    head.reported_variables = head.reported_variables || explained;
    head.reported_state = head.reported_state || (state_changed && !explained);
    return !reader.failed();
}

/// A result has ended, and the reply with it unless another one follows.
void back::end_result(const ok_packet& ok, front& client)
{
    auto& head = expected_.front();
    const bool had_rows = follower_.is_among_rows();
    status_ = ok.status;
    head.has_result = true;
    head.warnings = ok.warnings;
    head.opened_cursor = head.opened_cursor || (ok.status & server_status::cursor_exists) != 0;
    head.sent_last_row = (ok.status & server_status::last_row_sent) != 0;
    head.had_rows = had_rows;
    head.affected_rows = ok.affected_rows;
    if (const auto found =
            found_rows_behind(head.finds, is_mariadb(), had_rows ? std::optional{head.rows} : std::nullopt, ok.info)) {
        head.found_rows = found;
    }
    if (ok.last_insert_id != 0) {
        head.last_insert_id = ok.last_insert_id;
    }
    owes_eof_ = false;
    follower_.on_end((ok.status & server_status::more_results_exist) != 0);
    if (follower_.has_ended()) {
        complete(client);
    }
}

}  // namespace penstock::mysql
