// SPDX-License-Identifier: Apache-2.0
//
// Reads on replicas: which commands are proved reads, and what is sent a second time.
//
// A command is judged when it is at hand for the first time, before a server is asked for: a text, or the execution of
// what was prepared. A server that is a replica gets nothing but what was judged to be a read, under SET SESSION
// TRANSACTION READ ONLY, so that it refuses writes whatever its account may do. What it has under way is kept, so that
// it can be sent elsewhere where the replica refuses it, or is lost, before anything of the answer has gone out.
#include "protocols/mysql/front.hpp"

#include "protocols/mysql/builtin_functions.hpp"
#include "protocols/mysql/plain_text.hpp"
#include "protocols/mysql/user_variables.hpp"

#include <algorithm>
#include <array>

namespace penstock::mysql {

namespace {

/// Longer commands are not kept.
constexpr std::size_t longest_kept = 16 * 1024;
/// A command that so many replicas have lost goes to the primary.
constexpr std::uint8_t most_moves = 2;
/// In COM_STMT_EXECUTE: all that asks for a cursor.
constexpr std::uint8_t cursor_flags = 7;

constexpr std::uint16_t er_option_prevents_statement = 1290, er_read_only_transaction = 1792, er_read_only_mode = 1836;

/// A replica's servers say these when they end, or leave their cluster.
constexpr std::array<std::uint16_t, 4> leaving{
    1047,  // not prepared (Galera)
    1053,  // shutdown in progress
    1077,  // normal shutdown
    1927,  // the connection was killed (MariaDB)
};

/// The first of these errors names an option, and that is not translated.
bool is_read_only(std::uint16_t code, std::string_view message)
{
    return code == er_read_only_transaction || code == er_read_only_mode ||
           (code == er_option_prevents_statement && message.find("read-only") != std::string_view::npos);
}

}  // namespace

void front::route_by(read_judge& judge, session_wishes wishes, bool patient, bool only_replicas)
{
    judge_ = &judge;
    routing_ = std::make_unique<routing>(
        routing{.judge = &judge, .wishes = std::move(wishes), .patient = patient, .only_replicas = only_replicas});
}

void front::forget_written()
{
    if (routing_) {
        routing_->wrote = routing_->defined = false;
    }
}

/// What @penstock_route says.
route_hint front::route_setting() const
{
    const auto* const entry = state_.current()->find("@penstock_route");
    const auto value = entry != nullptr ? read_carried(*entry) : carried_variable{.is_null = true};
    return value.is_null ? route_hint::none : route_of_literal(value.literal).value_or(route_hint::none);
}

/// What is told of a text that would set @penstock_route to what is no route.
std::optional<client_error> front::wrong_route(const text_effects& effects) const
{
    for (const auto& [name, literal] : effects.user_variables) {
        if (routing_ && name == route_variable && !route_of_literal(literal)) {
            client_error why{error_kind::limit_exceeded,
                             "Variable '@penstock_route' can't be set to the value of " + literal +
                                 ": it says where Penstock sends reads, and is 'primary', 'replica', 'auto' or NULL",
                             "42000"};
            why.number = 1231;  // ER_WRONG_VALUE_FOR_VAR
            return why;
        }
    }
    return std::nullopt;
}

/// Judges the command at hand, unless that was done before, and says whether the server at hand may have it.
front_need front::choose(command what, bytes payload, bool whole, back* server)
{
    auto& own = *routing_;
    const bool anew = !std::exchange(own.is_judged, true);
    if (server != nullptr) {
        learn_from(*server);
    }
    if (anew) {
        own.sent.clear();
        if (server == nullptr && !own.block.held) {
            own.block = {};
        }
        look_at(what, payload, whole);
    }
    if (server == nullptr) {
        return front_need::more;
    }
    if (!server->is_replica) {
        own.wrote = own.wrote || own.writes;
        own.defined = own.defined || own.defines;
        if (anew && own.block.is_watched && server->in_transaction()) {
            watch(what);
        }
        return front_need::more;
    }
    if (own.only_replicas) {
        return front_need::more;
    }
    if (own.block.held || server->in_transaction() || begins_unsaid()) {
        return choose_in_block(what, anew, *server);
    }
    const bool needs_none = what == command::ping || what == command::stmt_close || what == command::process_kill;
    const bool must_choose = anew && (own.patient || own.facts.hint == route_hint::node);
    const bool may_have_it = own.facts.reads() && !must_choose;
    if (pins_.empty() && (may_have_it || needs_none)) {
        return front_need::more;
    }
    server->must_close = server->must_close || !pins_.empty();  // nobody else meets what it was that pins
    return front_need::server;
}

/// What decides how texts are read, and whose functions are the server's own.
void front::learn_from(const back& server)
{
    auto& own = *routing_;
    if (server.tracks()) {
        default_sql_mode_ = default_sql_mode_.empty() ? std::string{server.default_sql_mode()} : default_sql_mode_;
        own.has_met_server = true;
    }
    own.unknown_names = server.is_mariadb() ? unknown_to_mariadb : unknown_to_mysql;
}

/// The command has been taken, or waits, or has to go to another server.
void front::note_outcome(front_need need, bytes whole, const back* server)
{
    auto& own = *routing_;
    if (need == front_need::answers) {
        return;
    }
    if (need == front_need::server) {
        if (server != nullptr && server->is_replica && !own.only_replicas && !server->is_ending) {
            // That cannot be brought to the session's state.
            own.facts = {.verdict = read_verdict::refused};
        }
        return;
    }
    own.is_judged = false;
    if (need == front_need::more && server != nullptr && server->is_replica && server->owes_client() &&
        whole.size() <= longest_kept && !own.facts.no_retry && may_be_moved(*server)) {
        own.sent = whole;
    }
}

/// What it answers now another server could answer as well.
bool front::may_be_moved(const back& server) const
{
    return !server.in_transaction() || routing_->block.is_first || isolation_on(server) == isolation::committed;
}

void front::look_at(command what, bytes payload, bool whole)
{
    auto& own = *routing_;
    own.facts = {.verdict = read_verdict::session};
    own.writes = own.defines = false;
    own.text = {};
    own.how = reading();
    const bool is_healed = std::exchange(own.again_on_primary, false);
    if (own.only_replicas) {
        own.facts = {.verdict = read_verdict::read,
                     .hint = route_hint::replica,
                     .by = wish_source::listener,
                     .no_retry = true,
                     .text = read_verdict::read};
        own.writes = true;  // where it is the primary that serves
        return;
    }
    switch (what) {
        case command::query:
            if (const auto text = whole ? query_text(payload) : std::nullopt) {
                own.text = *text;
                own.facts = judge_text(*text, reading());
                own.writes = may_write(*text, nullptr);
            } else {
                own.facts = {};
                own.writes = true;
            }
            break;
        case command::stmt_prepare:
            own.text = whole ? payload.substr(1) : bytes{};
            own.facts = whole ? judge_text(own.text, reading()) : request_facts{};
            break;
        case command::stmt_execute: look_at_execution(payload, whole); break;
        case command::stmt_bulk_execute:
        case command::create_db:
        case command::drop_db:
            own.facts = {.verdict = read_verdict::writes};
            own.writes = true;
            break;
        case command::stmt_send_long_data: own.facts = {.verdict = read_verdict::lasting}; break;
        default: break;
    }
    own.defines = own.writes && may_define_routines(own.text);
    counters_.wrong_hints += own.facts.wrong_hint ? 1 : 0;
    own.wishes.setting = route_setting();
    own.facts = own.wishes.apply(own.facts, own.judge->rules(), own.judge->version(), application_name_);
    if (is_healed || own.moves >= most_moves) {
        own.facts = {.verdict = read_verdict::refused};
        own.writes = own.writes || is_healed;
    } else if (own.facts.reads() && stays_on_primary()) {
        own.facts = {.verdict = read_verdict::session};
    } else if (own.facts.reads() && (own.block.held || begins_unsaid()) && !may_begin_on_replica()) {
        own.facts.verdict = read_verdict::transaction;
    }
}

/// A command with a long value is not looked at, nor one that leaves a cursor.
void front::look_at_execution(bytes payload, bool whole)
{
    auto& own = *routing_;
    wire_reader in{payload.substr(1)};
    auto id = in.u32();
    const auto flags = in.u8();
    auto* const wanted = whole && !in.failed() ? find_statement(id) : nullptr;
    if (wanted == nullptr) {
        own.facts = {};
        own.writes = !whole;  // else it is answered with an error
        return;
    }
    own.text = wanted->what->text;
    own.how = wanted->how;
    own.facts = judge_prepared(*wanted);
    own.writes = may_write(wanted->what->text, wanted->what.get());
    if (own.facts.text == read_verdict::read && ((flags & cursor_flags) != 0 || wanted->holds_server())) {
        own.facts.verdict = own.facts.text = read_verdict::lasting;
    }
}

/// Transactions that may write without a statement that begins them, and writes that no replica ever gets.
bool front::stays_on_primary()
{
    auto& own = *routing_;
    if (const auto* const logs = state_.current()->find("sql_log_bin")) {
        own.has_unlogged = own.has_unlogged || !(*logs == "ON" || *logs == "1");
    }
    return own.has_unlogged || asks_.for_more || ((status_ & server_status::autocommit) == 0 && !reads_by_default());
}

/// Before the first server is met nobody knows how it reads quotes and backslashes.
request_facts front::judge_text(bytes text, const sql_reading& how)
{
    const auto& own = *routing_;
    const bool is_certain = own.has_met_server || text.find_first_of("\"\\") == bytes::npos;
    if (!is_certain) {
        return {};
    }
    auto facts = own.judge->judge(text, how);
    if (facts.text == read_verdict::read && !facts.is_plain && !is_plain_text(text) &&
        calls_stored_code(store_.inspect_whole(text, how))) {
        facts.verdict = facts.reads() ? read_verdict::lasting : facts.verdict;
        facts.text = read_verdict::lasting;
        facts.is_harmless = false;  // what it is declared to be nobody makes it keep to
    }
    return facts;
}

request_facts front::judge_prepared(client_statement& wanted)
{
    if (wanted.what->text.empty()) {
        return {};
    }
    auto& memory = wanted.judged;
    const auto& judge = *routing_->judge;
    if (memory.by != &judge || memory.version != judge.version()) {
        memory.facts = judge_text(wanted.what->text, wanted.how);
        memory.by = &judge;
        memory.version = judge.version();
    }
    return memory.facts;
}

/// What such code leaves behind pins the session, and a replica is nothing to be pinned to.
bool front::calls_stored_code(const text_effects& effects) const
{
    return effects.runs_code || (effects.calls_unknown & routing_->unknown_names) != 0;
}

/// A statement, prepared before or not.
bool front::may_write(bytes text, const statement* prepared)
{
    const auto& facts = routing_->facts;
    const auto verdict = facts.text;
    if (facts.is_harmless) {
        return false;
    }
    if (verdict != read_verdict::session && verdict != read_verdict::server_state) {
        return true;
    }
    if (prepared != nullptr) {
        return !changes_nothing(text, prepared->effects ? *prepared->effects : statement_store::plain(), verdict);
    }
    return !changes_nothing(text, store_.inspect_whole(text, reading()), verdict);
}

/// Once for each connection, and again when the session's own settings may have undone it. True where it was sent.
bool front::guard(back& server, outbox& to_server)
{
    if (!server.is_replica || std::exchange(server.is_guarded, true)) {
        return false;
    }
    inject(purpose::catch_up, reply_kind::ok, "\3SET SESSION TRANSACTION READ ONLY", server, to_server);
    return true;
}

bool front::leave_replica(const err_packet& why, bool unseen, back& server)
{
    const bool writes = is_read_only(why.code, why.message);
    const bool leaves = std::find(leaving.begin(), leaving.end(), why.code) != leaving.end();
    if (!routing_ || !(writes || leaves)) {
        return false;
    }
    auto& own = *routing_;
    server.must_close = server.must_close || leaves;
    server.is_ending = server.is_ending || leaves;
    if (server.in_transaction() || own.only_replicas) {
        return false;  // in a transaction that only reads the primary would refuse it, too
    }
    if (writes) {
        note_refused();
    }
    if (!unseen || !send_again()) {
        return false;
    }
    own.again_on_primary = writes;
    ++(writes ? counters_.refused_by_replica : counters_.lost_with_replica);
    return true;
}

/// A replica cannot prepare again what the client has prepared before, be it for what it does or because the replica
/// lacks a table yet. The command waits for that, so it goes to the primary; nothing was told.
bool front::leave_unprepared(const err_packet& why, const expected_reply& reply, const back& server)
{
    if (!routing_ || routing_->only_replicas || !may_be_moved(server)) {
        return false;
    }
    auto& own = *routing_;
    own.block.held = own.block.was_begun && server.in_transaction();
    own.block.needs_primary = true;
    own.facts = {.verdict = read_verdict::refused};
    if (is_read_only(why.code, why.message)) {
        own.judge->note_refused(reply.prepares->text, reading());
        own.writes = true;
        ++counters_.refused_by_replica;
    }
    return true;
}

/// The command under way goes to another server.
bool front::send_again()
{
    if (!may_send_again() || !healed_.empty()) {
        return false;
    }
    healed_ = std::exchange(routing_->sent, {});
    ++routing_->moves;
    return true;
}

/// The text that was under way, or was prepared before.
void front::note_refused()
{
    const auto& own = *routing_;
    if (own.sent.size() <= header_size) {
        return;
    }
    const auto payload = bytes{own.sent}.substr(header_size);
    const auto what = static_cast<command>(payload[0]);
    if (what == command::query) {
        if (const auto text = query_text(payload)) {
            own.judge->note_refused(*text, reading());
        }
        return;
    }
    if (what == command::stmt_prepare) {
        return own.judge->note_refused(payload.substr(1), reading());
    }
    wire_reader in{payload.substr(1)};
    auto id = in.u32();
    const auto* const named = what == command::stmt_execute && !in.failed() ? find_statement(id) : nullptr;
    if (named != nullptr) {
        own.judge->note_refused(named->what->text, named->how);
    }
}

}  // namespace penstock::mysql
