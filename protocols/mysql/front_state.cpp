// SPDX-License-Identifier: Apache-2.0
//
// What the end of a reply tells about the session, and what happens when a server disappears.
#include "protocols/mysql/front.hpp"

#include "protocols/mysql/errors.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace penstock::mysql {

namespace {

constexpr std::uint16_t er_parse_error = 1064, er_unknown_character_set = 1115, er_unknown_collation = 1273;

std::uint64_t to_number(std::string_view text)
{
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// With the server's own codes.
client_error error_of(const expected_reply& reply, const back& server)
{
    auto why = server.last_error();
    why.number = reply.error_code;
    return why;
}

/// By "@@name =", of which MariaDB says nothing.
bool sets_collation_unreported(const text_effects& effects)
{
    return std::any_of(effects.unscoped.begin(), effects.unscoped.end(), [](const auto& name) {
        return name == "collation_connection" || name == "character_set_connection";
    });
}

}  // namespace

bool front::must_stay() const
{
    return !pins_.empty() || holding_ > 0 || keeps_server_ || keeps_found_rows_ || must_flush_ || may_owe_report_ ||
           asks_role_ || !unreported_.empty() || state_.must_ask_for_collation() || wishes_.must_be_restored();
}

void front::on_done(expected_reply& reply, back& server)
{
    if (reply.moved) {
        return;  // another server will have answered
    }
    switch (reply.why) {
        case purpose::client: on_client_done(reply, server); break;
        case purpose::prepare:
            prepare_failed_ = reply.failed;
            if (reply.failed && !reply.answers_client) {
                stream_error_ = error_of(reply, server);
            } else if (reply.failed) {
                note_own_error(told_of(error_of(reply, server)));
            }
            ++counters_.server_parses;
            ++counters_.reprepared;
            break;
        case purpose::begin:
        case purpose::tracking:
        case purpose::late_report:
        case purpose::catch_up:
            if (!reply.failed && reply.why == purpose::begin) {
                on_block_begun(server);
            }
            if (reply.failed) {
                server.must_close = true;
                catch_up_error_ = server.last_error();
                catch_up_failures_ += is_about_collation(reply, server) ? 0 : 1;
            }
            break;
        case purpose::ask_variables:
        case purpose::collation:
            if (reply.failed) {
                pins_.add(pin_reason::unknown_setting);
            }
            break;
        case purpose::ask_tracking:
        case purpose::housekeeping: server.must_close = server.must_close || reply.failed; break;
        case purpose::insert_id:
            if (reply.failed) {  // killed, perhaps: what the server has is another session's, so the command must not
                                 // run
                server.has_untold_insert_id(0);
                injection_error_ = error_of(reply, server);
            }
            break;
        case purpose::own_error: on_signalled(reply, server); break;
        case purpose::ask_isolation:
            server.isolation = reply.failed ? "SERIALIZABLE" : server.isolation;  // so none begins here
            break;
        case purpose::ask_role:
        case purpose::check_role: on_role_asked(reply, server); break;
        case purpose::ask_insert_id:
            if (!std::exchange(insert_id_is_exact_, true)) {  // it does not tell
                server.has_untold_insert_id(0);
            }
            break;
        case purpose::ask_locks:
        case purpose::ask_found_rows: break;
        case purpose::ask_warnings:
            if (!reply.failed && !asks_.server_has_any) {
                pins_.remove(pin_reason::diagnostics);
            }
            break;
        case purpose::warnings:
            if (!kept_.can_answer()) {
                kept_.clear();  // they are not asked for again
            } else if (kept_.is_empty()) {
                own_error_.reset();
            }
            break;
    }
}

/// The server does not know the collation that the client named by number. Its like is not asked again.
bool front::is_about_collation(const expected_reply& refused, const back& server)
{
    const auto number = std::string{state_.numbered_collation()};
    const bool unknown = refused.error_code == er_unknown_character_set || refused.error_code == er_unknown_collation;
    const bool is_that = server.last_error().detail.find("'" + number + "'") != std::string::npos;
    if (!unknown || !is_that || !state_.forget_numbered_collation()) {
        return false;
    }
    store_.note_unknown_collation(server.version(), number);
    return true;
}

/// Before the session's first command runs on a server.
void front::check_collation(const back& server)
{
    if (!std::exchange(collation_is_checked_, true) &&
        store_.is_unknown_collation(server.version(), state_.numbered_collation())) {
        state_.forget_numbered_collation();
    }
}

void front::on_client_done(expected_reply& reply, back& server)
{
    if (routing_) {
        routing_->moves = 0;
    }
    if (repeats_ > 0) {
        end_repeats(server);
    }
    refusals_ = 0;
    status_ = server.status() & server_status::lasting;
    was_on_mariadb_ = server.is_mariadb();
    if (reply.what == command::reset_connection && !reply.failed) {
        forget_session(&server);
        return;
    }
    on_statement_done(reply, server);
    note_diagnostics(reply, server);
    if (reply.is_statement()) {
        row_count_ = reply.failed || reply.had_rows ? -1 : static_cast<std::int64_t>(reply.affected_rows);
        keeps_found_rows_ = !reply.failed && reply.effects && reply.effects->calculates_found_rows;
        note_found_rows(reply);
        const bool is_told = keeps_found_rows_ || (!reply.failed && reply.opened_cursor) ||
                             (reply.effects && runs_code(*reply.effects, server));
        server.found_rows_of = is_told || (!reply.failed && reply.found_rows) ? stamp_ : server.found_rows_of;
    } else if (reply.failed || reply.what == command::set_option) {
        row_count_ = -1;
    } else if (reply.what == command::init_db || reply.what == command::ping || reply.what == command::stmt_reset) {
        row_count_ = 0;
    }
    note_insert_id(reply, server);
    const auto pins_before = pins_;
    apply(reply, server);
    if (reply.effects || !pins_.empty()) {
        note_lasting(reply, server);
    }
    if (pins_ != pins_before) {
        pin_cause_ = reply.effects ? reply.effects->shape : nullptr;
    }
    const auto agreed = server.agreed();
    if (!has(agreed, capability::session_track)) {
        pins_.add(pin_reason::opaque);  // such a server tells nothing of what a session becomes
    }
    keeps_server_ = server.has_table_locks() || (server.has_characteristics() && !server.in_transaction());
}

/// How many rows a cursor has, and how many there are beyond a LIMIT, the server knows. What is read to its end tells.
void front::note_found_rows(const expected_reply& reply)
{
    if (reply.failed) {
        return;
    }
    // A result that was cut off so tells less than there are.
    if (limits_of_ != state_.current()) {
        limits_of_ = state_.current();
        limits_rows_ = limits_of_->find("sql_select_limit") != nullptr;
    }
    const bool is_limited = limits_rows_ && reply.had_rows && reply.found_rows;
    if (keeps_found_rows_ || reply.opened_cursor || is_limited) {
        asks_found_rows_ = true;
        found_by_ = keeps_found_rows_ || is_limited ? 0 : reply.client_statement;
    } else if (reply.found_rows) {
        asks_found_rows_ = false;
        found_rows_ = *reply.found_rows;
    }
}

/// What the text says beyond the server's reports.
void front::apply(const expected_reply& reply, back& server)
{
    static const text_effects nothing{};
    if (!reply.effects && !reply.failed) {
        has_left_ = false;
        static_cast<void>(state_.take_recollated());
        pins_.add(state_.note_user_variables(nothing, false));
        if (reply.reported_state) {
            pins_.add(pin_reason::state_change);
        }
        return;
    }
    const auto& effects = reply.effects ? *reply.effects : nothing;
    if (effects.sets_tracking) {
        wishes_.must_ask();
        if (effects.sets || effects.statements > 1) {
            pins_.add(pin_reason::unknown_setting);  // what else it said was perhaps not reported either
        }
    }
    has_left_ = effects.releases && !reply.failed;
    server.must_close = server.must_close || has_left_;  // the server ends it as well
    note_unreported(effects, reply.failed, server);
    note_held(effects, reply);
    const bool recollated = state_.take_recollated() || sets_collation_unreported(effects);
    const bool has_code = runs_code(effects, server);
    if (has_code) {
        pins_.add(pin_reason::opaque);
        server.note_code();
    }
    if (reply.failed) {
        const bool in_part = effects.statements > 1;
        if (in_part) {
            pins_.add(effects.pins);
        } else if (effects.pins.has(pin_reason::advisory_lock) && effects.held.begun_backups == no_backup) {
            pins_.add(pin_reason::advisory_lock);
        }
        const bool may_write = !effects.user_variables.empty() || effects.pins.has(pin_reason::user_variable);
        const bool has_run = in_part || has_code || reply.error_code != er_parse_error;
        if (may_write && has_run) {  // even where no value was set, its type may have been
            pins_.add(pin_reason::user_variable);
            for (const auto& [name, literal] : effects.user_variables) {
                server.claim_variable(name);
            }
        }
        if (effects.runs_code) {
            pins_.add(pin_reason::state_change);
        }
        late_schema_ = has_code || (reply.kind == reply_kind::execute && is_of_another_schema(reply.client_statement));
        must_flush_ =
            effects.runs_code || effects.sets || !effects.for_one.empty() || (late_schema_ && server.is_mariadb());
        may_owe_report_ = may_owe_report_ || (reply.is_statement() && reply.error_code != er_parse_error);
        return;
    }
    if (effects.unlocks && !effects.held.may_be_passed_over) {
        pins_.remove(pin_reason::table_lock);
    }
    pins_.add(effects.pins);
    end_counted_pins(effects);
    pins_.add(state_.note_user_variables(effects, recollated));
    if (effects.names_collation && state_.must_ask_for_collation()) {
        state_.note_names_collation();
    }
    if (!effects.user_variables.empty()) {
        server.parameters = state_.current();
    }
    if (effects.begins_xa || effects.ends_xa) {
        server.set_xa(effects.begins_xa);
    }
    const bool is_explained = !effects.pins.empty() || effects.held.dropped_temporary > 0 ||
                              !effects.user_variables.empty() || effects.sets_tracking;
    if (reply.reported_state && !is_explained) {
        pins_.add(pin_reason::state_change);
    }
    if (effects.sets && !reply.reported_variables && unreported_.empty()) {
        pins_.add(pin_reason::unknown_setting);
    }
}

void front::on_session_change(const session_change& change, const expected_reply& during, back& server)
{
    const bool is_variable = change.kind == change_kind::system_variable;
    if (is_variable && change.name == "last_gtid") {
        last_gtid_ = server.last_gtid = change.value;
        return;
    }
    const bool is_own = during.why == purpose::client || during.why == purpose::catch_up;
    if (is_variable && note_recording(change, during, server)) {
        return;
    }
    if (!is_variable && !is_own && std::exchange(late_schema_, false)) {
        wishes_.hold(has(capabilities_, capability::session_track) ? wishes_.filter(change.block) : std::string{});
        return;
    }
    switch (during.why) {
        case purpose::client:
            if (is_variable && wishes_.note(change.name, change.value)) {
                return;
            }
            pins_.add(state_.note(change, during.effects.get()));
            server.parameters = state_.current();
            server.is_guarded = server.is_guarded && !change.name.ends_with("_read_only");
            break;
        case purpose::tracking:
            if (is_variable && change.name == "sql_mode") {
                if (server.parameters->find("sql_mode") == nullptr) {
                    note_default_sql_mode(change.value, server);
                }
            } else if (is_variable && !change.name.starts_with("session_track_")) {
                note_late(change, server);
            }
            break;
        case purpose::late_report:
        case purpose::warnings:
        case purpose::ask_found_rows:
        case purpose::ask_insert_id:
            if (is_variable && !change.name.starts_with("session_track_") && !is_known_mode(change, server)) {
                note_late(change, server);
            }
            break;
        case purpose::ask_variables:
            pins_.add(state_.note(change, nullptr));
            server.parameters = state_.current();
            break;
        case purpose::collation:
            if (is_variable && change.name == "collation_connection") {
                state_.learn_collation(change.value);
                server.parameters = state_.current();
            }
            break;
        default: break;
    }
}

void front::on_captured_definition(bytes payload, const expected_reply& during, const back& server)
{
    if (during.why == purpose::warnings) {
        kept_.take_definition(payload, has(server.agreed(), capability::mariadb_extended_metadata));
    }
}

void front::on_captured_row(bytes payload, const expected_reply& during, back& server)
{
    if (during.why == purpose::warnings) {
        if (keeps_rows_) {
            kept_.take_row(payload);
        }
        return;
    }
    if (during.why == purpose::ask_warnings) {
        asks_.server_has_any = true;
        return;
    }
    if (during.why == purpose::ask_locks) {
        wire_reader answer{payload};
        if (const auto count = answer.nullable_string(); !answer.failed() && count == "0") {
            held_.locks.clear();
            pins_.remove(pin_reason::advisory_lock);
        }
        return;
    }
    if (during.why == purpose::ask_found_rows) {
        wire_reader in{payload};
        found_rows_ = to_number(in.nullable_string().value_or(""));
        return;
    }
    if (during.why == purpose::ask_isolation) {
        wire_reader answer{payload};
        server.isolation = answer.nullable_string().value_or("");
        server.isolation = answer.failed() || server.isolation.empty() ? "SERIALIZABLE" : server.isolation;
        return;
    }
    if (during.why == purpose::ask_role || during.why == purpose::check_role) {
        on_role(payload, during, server);
        return;
    }
    if (during.why == purpose::ask_tracking) {
        server.must_close = server.must_close || !wishes_.learn(payload);
        return;
    }
    wire_reader in{payload};
    const auto value = in.nullable_string();
    if (value && !in.failed()) {
        insert_id_ = to_number(*value);
        insert_id_is_exact_ = true;
        server.has_insert_id(insert_id_);
    }
}

/// The session is as after its login; its schema stays, and with both products so does what FOUND_ROWS() gives.
void front::forget_session(back* server)
{
    recent_ = {};
    statements_.clear();
    statement_memory_ = 0;
    holding_ = 0;
    last_prepared_ = 0;
    const bool session_pooling = pins_.has(pin_reason::session_pooling);
    pins_ = session_pooling ? pin_set{pin_reason::session_pooling} : pin_set{};
    held_ = {};
    state_.reset();
    wishes_.reset();
    insert_id_ = 0;
    last_gtid_.clear();
    insert_id_is_exact_ = true;
    row_count_ = 0;
    ++sent_;
    forget_diagnostics();
    asks_.for_more = asks_.for_counts = asks_.the_server = false;
    asks_.statements = 0;
    keeps_found_rows_ = false;
    keeps_server_ = false;
    must_flush_ = may_owe_report_ = false;
    unreported_.clear();
    if (routing_) {
        routing_->block = {};
    }
    status_ = server != nullptr ? status_ : login_status_;
    if (server != nullptr) {
        state_.on_server(server->is_mariadb());
        server->was_reset();
        keep_lasting(*server);
    }
}

bool front::on_server_lost(back& server, const client_error& error, outbox& to_client)
{
    insert_id_is_exact_ = true;  // nobody is left to be asked
    may_owe_report_ = false;
    asks_found_rows_ = false;
    if (server.is_replica && server.owes_client() && !server.has_relayed() && send_again()) {
        routing_->block.held = routing_->block.was_begun && server.in_transaction();
        ++counters_.lost_with_replica;
        prepare_failed_ = false;
        return true;
    }
    if (repeat(server)) {
        return true;
    }
    if (server.owes_client()) {
        repeats_ = refusals_ = 0;
        repeats_reading_ = false;
    }
    if (server.is_mid_relay() || server.wants_file() || server.has_xa() || must_stay()) {
        return false;
    }
    if (server.in_transaction()) {
        return lose_transaction(server, error, to_client);
    }
    if (stream_begun_) {
        drop_stream(error);
        return true;
    }
    if (server.owes_client()) {
        tell_lost(error, server, to_client);
    }
    prepare_failed_ = false;
    return true;
}

}  // namespace penstock::mysql
