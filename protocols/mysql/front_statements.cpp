// SPDX-License-Identifier: Apache-2.0
//
// The COM_STMT_ family: ids of our own, prepared on whatever server the lease brings.
//
// A statement is prepared again under the schema, character set and sql_mode it was first prepared under, then the
// session's own come back. What a server remembers of one client statement (a cursor, long data) keeps the lease, and
// that instance from other statements with the same text.
#include "protocols/mysql/front.hpp"
#include "protocols/wire/pin_advice.hpp"

#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/errors.hpp"

namespace penstock::mysql {

namespace {

/// MariaDB: the statement that was prepared last.
constexpr std::uint32_t last_prepared_id = 0xffffffff;
/// In the context of a statement that is for one use alone.
constexpr std::string_view own_entry = "=own";

std::uint32_t id_in(bytes payload)
{
    wire_reader in{payload.substr(1)};
    return in.u32();
}

/// The command with the server's id in the place of the client's.
std::string with_id(bytes payload, std::uint32_t id)
{
    std::string made{payload};
    for (std::size_t place = 0; place < 4; ++place) {
        made[1 + place] = static_cast<char>(id >> (8 * place));
    }
    return made;
}

/// For what the statement before it has left, whatever that is when it is executed.
bool asks_of_earlier(const statement& what)
{
    return what.effects &&
           (what.effects->reads_row_count || what.effects->reads_found_rows || what.effects->reads_diagnostics);
}

}  // namespace

client_statement* front::find_statement(std::uint32_t& id)
{
    id = id == last_prepared_id ? last_prepared_ : id;
    if (recent_.id == id && recent_.what != nullptr) {
        return recent_.what;
    }
    const auto found = statements_.find(id);
    if (found == statements_.end()) {
        return nullptr;
    }
    recent_ = {.id = id, .what = &found->second};
    return recent_.what;
}

front_need front::unknown_statement(std::uint32_t id, std::string_view who, outbox& to_client)
{
    const auto text = "Unknown prepared statement handler (" + std::to_string(id) + ") given to " + std::string{who};
    return answer({1243, "HY000"}, text, to_client);
}

front_need front::prepare(bytes payload, back* server, outbox& to_server, outbox& to_client)
{
    if (statements_.size() >= limits_.statements ||
        statement_memory_ + payload.size() > std::max(limits_.statement_memory, payload.size())) {
        const auto count = std::to_string(statements_.size());
        return answer({1461, "42000"},
                      "Can't create more than max_prepared_stmt_count statements (current value: " + count + ")",
                      to_client);
    }
    if (const auto stop = get_ready(server, state_.current(), to_server, to_client)) {
        return *stop;
    }
    if (default_sql_mode_.empty()) {
        default_sql_mode_ = server->default_sql_mode();
    }
    expected_reply reply{reply_kind::prepare};
    reply.prepares = store_.intern(payload.substr(1), context_of(payload.substr(1)), reading());
    if (asks_of_earlier(*reply.prepares)) {
        pins_.add(pin_reason::diagnostics);
    }
    if (const auto& effects = reply.prepares->effects; effects && !refused_of(*effects).empty()) {
        return answer(refusal_of(refused_of(*effects)), to_client);
    }
    if (const auto& effects = reply.prepares->effects) {
        if (const auto wrong = wrong_route(*effects)) {
            return answer(*wrong, to_client);
        }
    }
    // A user variable's type is told by what it holds.
    if (const auto& effects = reply.prepares->effects;
        effects && !effects->other_variables.empty() && clean_for(*effects, *server, to_server)) {
        return front_need::answers;
    }
    ++counters_.client_parses;
    ++counters_.server_parses;
    counters_.evicted += server->close_excess(to_server.made(), 1);
    send({}, payload, std::move(reply), *server, to_server);
    return front_need::more;
}

/// What user variables hold is what state_ says: nothing has run that may have given them other values.
bool front::knows_variables() const
{
    return !pins_.has(pin_reason::user_variable) && !pins_.has(pin_reason::opaque) &&
           !pins_.has(pin_reason::state_change) && !pins_.has(pin_reason::sql_prepare) &&
           !pins_.has(pin_reason::large_statement) && !pins_.has(pin_reason::session_pooling);
}

/// What of the session decides what the text means. Where nobody here knows what its user variables hold, each
/// statement with some is prepared once and shared with no other.
parameter_set_ptr front::context_of(bytes text)
{
    if (text.find('@') == bytes::npos) {
        return state_.context({});
    }
    const auto& effects = store_.inspect_whole(text, reading());
    if (effects.other_variables.empty() || knows_variables()) {
        return state_.context(effects.other_variables);
    }
    return state_.context({})->with(own_entry, std::to_string(stamp_) + ' ' + std::to_string(sent_));
}

std::uint32_t front::on_prepared(expected_reply& reply, const prepared_header& header, back& server)
{
    server.statements.insert(reply.prepares, header.statement);
    if (const auto duplicate = server.statements.take_duplicate(*reply.prepares, header.statement)) {
        server.to_close.push_back(duplicate);
    }
    if (reply.why != purpose::client) {
        return 0;
    }
    do {
        ++last_id_;
    } while (last_id_ == 0 || last_id_ == last_prepared_id || statements_.contains(last_id_));
    client_statement made;
    made.what = reply.prepares;
    made.parameters = header.parameters;
    made.how = reading();
    statement_memory_ += made.cost();
    asks_.statements += asks_of_earlier(*made.what) ? 1 : 0;
    statements_.emplace(last_id_, std::move(made));
    last_prepared_ = last_id_;
    return last_id_;
}

/// Whether this server has the statement and the session's state; `found` is its instance there.
std::optional<front_need> front::get_statement_ready(std::uint32_t id,
                                                     client_statement& wanted,
                                                     bool answers,
                                                     back* server,
                                                     known_statements::instance*& found,
                                                     outbox& to_server,
                                                     outbox& to_client)
{
    if (server == nullptr || server->must_close) {
        return get_ready(server, state_.current(), to_server, to_client);
    }
    found = server->statements.find(*wanted.what, id);
    if (found != nullptr) {
        return get_ready(server, state_.current(), to_server, to_client);
    }
    if (std::exchange(prepare_failed_, false)) {
        return front_need::more;  // that was its answer
    }
    if (wanted.what->text.empty()) {
        return unknown_statement(id, "mysqld_stmt_execute", to_client);
    }
    const auto settings = with_context(state_.current(), *wanted.what->context, knows_variables());
    if (const auto stop = get_ready(server, settings, to_server, to_client)) {
        return *stop;
    }
    counters_.evicted += server->close_excess(to_server.made(), 1);
    append_packet(to_server.made(), 0, static_cast<char>(command::stmt_prepare) + wanted.what->text);
    expected_reply reply{reply_kind::prepare, purpose::prepare};
    reply.answers_client = answers;
    reply.client_sequence = command_sequence_;
    reply.prepares = wanted.what;
    server->announce(std::move(reply));
    return front_need::answers;
}

front_need front::execute(command what, bytes some, bool whole, back* server, outbox& to_server, outbox& to_client)
{
    if (some.size() < 10) {
        return whole ? answer({error_kind::protocol_violation, "malformed COM_STMT_EXECUTE", {}}, to_client)
                     : front_need::more;
    }
    auto id = id_in(some);
    auto* const wanted = find_statement(id);
    if (wanted == nullptr) {
        if (!whole) {
            drop_stream(client_error{error_kind::protocol_violation, "Unknown prepared statement handler", "HY000"});
            return front_need::more;
        }
        return unknown_statement(id, "mysqld_stmt_execute", to_client);
    }
    if (whole && server == nullptr && !refusal_) {
        return front_need::server;
    }
    execute_head head;
    const bool is_bulk = what == command::stmt_bulk_execute;
    if (!is_bulk) {
        const auto parsed = parse_execute(some, wanted->parameters, capabilities_, head);
        if (parsed == execute_parse::incomplete && !whole) {
            return front_need::more;
        }
        if (parsed != execute_parse::ok) {
            return whole ? answer({error_kind::protocol_violation, "malformed COM_STMT_EXECUTE", {}}, to_client)
                         : fail(error_kind::protocol_violation, "malformed COM_STMT_EXECUTE");
        }
    }
    if (const auto& asked = wanted->what->effects; asked && asked->kills) {
        if (whole) {
            return kill(asked->kill, to_client);
        }
        drop_stream(client_error{error_kind::unsupported_feature, "KILL with parameters", {}});
        return front_need::more;
    }
    if (server != nullptr && !is_bulk && !head.wants_cursor()) {
        retire_scrolled(id, *wanted, *server);
    }
    const auto& effects = wanted->what->effects;
    const auto& known = effects ? *effects : statement_store::plain();
    known_statements::instance* found = nullptr;
    if (const auto stop = get_statement_ready(id, *wanted, whole, server, found, to_server, to_client)) {
        if (!whole && *stop == front_need::more) {
            drop_stream(std::exchange(stream_error_, {}));
        }
        return bring_insert_id_along(*stop, wanted->what->text, known, server, to_server);
    }
    if (effects || lacks_insert_id(*server)) {
        if (const auto stop = get_ready_for_text(wanted->what->text, known, *server, to_server, to_client)) {
            if (!whole && *stop == front_need::more) {
                drop_stream(std::nullopt);  // it has its answer
            }
            return *stop;
        }
        found = server->statements.find(*wanted->what, id);
        if (lacks_gtid(known, *server) && forget_others_gtid(*server, to_server)) {
            return front_need::answers;
        }
    }
    if (!is_bulk && head.parameters > wanted->parameters && !has(server->agreed(), capability::query_attributes)) {
        const client_error why{error_kind::unsupported_feature, "this server takes no query attributes", {}};
        return whole ? answer(why, to_client) : fail(why.kind, why.detail);
    }
    expected_reply reply{reply_kind::execute};
    reply.effects = effects;
    auto& made = store_.scratch();
    if (is_bulk) {
        made = with_id(some.substr(0, 5), found->id);
    } else {
        fit_execute(head, *wanted, *found);
        if (whole) {
            reply.effects = with_lock_name(effects, *wanted, first_string(head, wanted->types, some.substr(head.size)));
        }
        encode_execute(head, server->agreed(), made);
    }
    const auto replaced = is_bulk ? 5 : head.size;
    ++counters_.queries;
    ++counters_.binds;
    reply.what = command::stmt_execute;
    reply.client_statement = id;
    reply.finds = wanted->what->finds;
    if (whole) {
        send(made, some.substr(replaced), std::move(reply), *server, to_server);
        return front_need::more;
    }
    start_stream(stream_kind::execute, made, replaced, std::move(reply), *server);
    return front_need::more;
}

/// MySQL (seen with 9.7.4) answers an execution without a cursor by definitions and OK, with no rows, where the
/// statement has had a cursor before. That may have been another session's, so such an instance is closed, and prepared
/// anew.
void front::retire_scrolled(std::uint32_t id, client_statement& wanted, back& server)
{
    if (!server.statements.any_had_cursor || server.is_mariadb() || wanted.has_long_data || wanted.what->text.empty()) {
        return;
    }
    auto* old = server.statements.find(*wanted.what, id);
    while (old != nullptr && old->had_cursor) {
        server.to_close.push_back(old->id);
        server.statements.erase(old->id);
        holding_ -= std::exchange(wanted.has_cursor, false) ? 1 : 0;  // its own was the first that was found
        old = server.statements.find(*wanted.what, id);
    }
}

/// The server's number, and the types where the client relies on a server that has not seen them.
void front::fit_execute(execute_head& head, client_statement& wanted, known_statements::instance& found)
{
    head.statement = found.id;
    if (head.has_types) {
        wanted.types = head.types;
        wanted.has_types = true;
    } else if (head.parameters > 0 && wanted.has_types && wanted.types.size() == head.parameters * 2 &&
               (!found.has_types || found.types != wanted.types)) {
        head.types = wanted.types;
        head.has_types = true;
    }
    if (head.has_types) {
        found.types = head.types;
        found.has_types = true;
    }
}

front_need front::fetch(bytes payload, back* server, outbox& to_server, outbox& to_client)
{
    if (payload.size() < 5) {
        return answer({error_kind::protocol_violation, "malformed COM_STMT_FETCH", {}}, to_client);
    }
    auto id = id_in(payload);
    const auto* const wanted = find_statement(id);
    if (wanted == nullptr) {
        return unknown_statement(id, "mysqld_stmt_fetch", to_client);
    }
    const auto* const found =
        server == nullptr || !wanted->has_cursor ? nullptr : server->statements.find(*wanted->what, id);
    if (found == nullptr) {
        return answer({1421, "HY000"}, "The statement (" + std::to_string(id) + ") has no open cursor.", to_client);
    }
    if (const auto stop = get_ready(server, state_.current(), to_server, to_client)) {
        return *stop;
    }
    expected_reply reply{reply_kind::fetch};
    reply.what = command::stmt_fetch;
    reply.client_statement = id;
    send({}, with_id(payload, found->id), std::move(reply), *server, to_server);
    return front_need::more;
}

front_need front::reset_statement(bytes payload, back* server, outbox& to_server, outbox& to_client)
{
    if (payload.size() != 5) {
        return answer({error_kind::protocol_violation, "malformed COM_STMT_RESET", {}}, to_client);
    }
    auto id = id_in(payload);
    const auto* const wanted = find_statement(id);
    if (wanted == nullptr) {
        return unknown_statement(id, "mysqld_stmt_reset", to_client);
    }
    const auto* const found =
        server == nullptr || !wanted->holds_server() ? nullptr : server->statements.find(*wanted->what, id);
    if (found == nullptr) {
        row_count_ = 0;
        told_warnings_ = 0;
        ++sent_;                      // no server knows of this
        return answer_ok(to_client);  // nothing of it is anywhere
    }
    expected_reply reply{reply_kind::ok};
    reply.what = command::stmt_reset;
    reply.client_statement = id;
    send({}, with_id(payload, found->id), std::move(reply), *server, to_server);
    return front_need::more;
}

/// No reply. What a server has prepared stays there for whoever asks next, unless it is of no use to others.
front_need front::close_statement(bytes payload, back* server, outbox& to_server)
{
    if (payload.size() != 5) {
        return front_need::more;
    }
    auto id = id_in(payload);
    const auto* const wanted = find_statement(id);
    if (wanted == nullptr) {
        return front_need::more;
    }
    if (server != nullptr) {
        const auto* const found = server->statements.find(*wanted->what, id);
        if (found != nullptr && (found->held_by == id || wanted->what->text.empty())) {
            server->to_close.push_back(found->id);
            server->statements.erase(found->id);
            counters_.evicted += server->close_excess(to_server.made(), 0);
        }
    }
    holding_ -= wanted->holds_server() ? 1 : 0;
    statement_memory_ -= std::min(statement_memory_, wanted->cost());
    asks_.statements -= asks_of_earlier(*wanted->what) ? 1 : 0;
    recent_ = {};
    statements_.erase(id);
    end_diagnostics_pin();
    return front_need::more;
}

/// No reply either: what goes wrong shows when the statement is executed.
front_need front::long_data(bytes some, bool whole, back* server, outbox& to_server, outbox& to_client)
{
    constexpr std::size_t head_size = 7;
    if (some.size() < head_size) {
        return front_need::more;
    }
    auto id = id_in(some);
    auto* const wanted = find_statement(id);
    known_statements::instance* found = nullptr;
    auto stop = std::optional{front_need::more};
    if (wanted != nullptr && (server != nullptr || !refusal_)) {
        stop = get_statement_ready(id, *wanted, false, server, found, to_server, to_client);
    }
    if (stop) {
        if (!whole && *stop == front_need::more) {
            drop_stream(std::nullopt);
        }
        return *stop;
    }
    holding_ += wanted->holds_server() ? 0 : 1;
    wanted->has_long_data = true;
    found->held_by = id;
    if (whole) {
        append_packet(to_server.made(), 0, with_id(some, found->id));
        return front_need::more;
    }
    start_stream(stream_kind::long_data,
                 with_id(some.substr(0, head_size), found->id),
                 head_size,
                 expected_reply{reply_kind::ok},
                 *server);
    return front_need::more;
}

/// What the end of a reply says about cursors and long data.
void front::on_statement_done(const expected_reply& reply, back& server)
{
    auto id = reply.client_statement;
    auto* const known = id != 0 ? find_statement(id) : nullptr;
    if (known == nullptr) {
        return;
    }
    auto& wanted = *known;
    const bool held = wanted.holds_server();
    switch (reply.what) {
        case command::stmt_execute:
            wanted.has_long_data = false;
            wanted.has_cursor = !reply.failed && reply.opened_cursor;
            wanted.fetched = 0;
            break;
        case command::stmt_fetch:
            wanted.has_cursor = !reply.failed && !reply.sent_last_row;
            wanted.fetched += reply.rows;
            if (reply.sent_last_row && asks_found_rows_ && found_by_ == reply.client_statement) {
                asks_found_rows_ = false;
                found_rows_ = wanted.fetched;
            }
            break;
        case command::stmt_reset:
            wanted.has_long_data = false;
            wanted.has_cursor = false;
            break;
        default: return;
    }
    if (!held && !wanted.holds_server()) {
        return;
    }
    if (auto* const instance = server.statements.find(*wanted.what, reply.client_statement)) {
        instance->held_by = wanted.holds_server() ? reply.client_statement : 0;
        instance->had_cursor = instance->had_cursor || reply.opened_cursor;
        server.statements.any_had_cursor = server.statements.any_had_cursor || reply.opened_cursor;
    }
    holding_ += (wanted.holds_server() ? 1U : 0U) - (held ? 1U : 0U);
}

}  // namespace penstock::mysql
