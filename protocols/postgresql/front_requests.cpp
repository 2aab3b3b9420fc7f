// SPDX-License-Identifier: Apache-2.0
//
// What each request of a client means: which statement it names, what it announces, and how it goes to the server.
#include "protocols/postgresql/front.hpp"
#include "protocols/wire/pin_advice.hpp"

namespace penstock::postgresql {

namespace {

/// A name that the client has given nothing. It goes to the server all the same, for PREPARE of SQL may have; but no
/// client is to reach another's statements by the names that servers know them by.
void append_unknown_name(std::string& out, std::string_view name)
{
    if (name.starts_with(server_name_prefix)) {
        out.append("unknown ");
    }
    out.append(name).push_back('\0');
}

/// The type octet of Describe and Close.
enum class target : char { statement = 'S', portal = 'P' };

/// Large-object calls keep nothing in the session beyond their transaction; other functions called by number may.
/// Numbers are those of pg_proc.dat: lo_open, lo_close, loread, lowrite, lo_lseek, lo_creat, lo_create, lo_tell,
/// lo_unlink, lo_truncate and the 64-bit forms.
bool is_large_object_function(std::uint32_t oid)
{
    switch (oid) {
        case 952:
        case 953:
        case 954:
        case 955:
        case 956:
        case 957:
        case 715:
        case 958:
        case 964:
        case 1004:
        case 3170:
        case 3171:
        case 3172: return true;
        default: return false;
    }
}

}  // namespace

front_need front::request(const frame_header& header, bytes whole, back& server, outbox& to_server, outbox& to_client)
{
    switch (header.type) {
        case from_client::query: return query(whole, server, to_server, to_client);
        case from_client::parse: return parse(whole, server, to_server, to_client);
        case from_client::bind: return bind(whole, server, to_server, to_client);
        case from_client::describe: return describe(whole, server, to_server, to_client);
        case from_client::execute: return execute(whole, server, to_server, to_client);
        case from_client::close: return close(whole, server, to_server, to_client);
        case from_client::sync:
            to_server.pass(whole);
            server.announce(expected_reply{reply_kind::sync}, *this, to_client);
            return front_need::more;
        default:
            if (whole.size() < header_size + 4) {
                return malformed("FunctionCall");
            }
            to_server.pass(whole);
            return function_call(whole, server, to_client);
    }
}

front_need front::query(bytes whole, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    auto text = body.c_string();
    if (!body.finished_cleanly()) {
        return malformed("Query");
    }
    std::string rest;
    if (first_part_.octets > 0) {
        rest = rest_of(text);
        text = rest;
        server.request.drop();  // it cannot be sent again as the client sent it
    }
    const bool is_plain = routes_ && routes_->is_plain;
    const auto& found = is_plain ? statement_store::of_plain_read() : store_.inspect_whole(text, mode_);
    const auto resolved = found.names.empty() ? nullptr : std::make_unique<const text_effects>(resolve(text, found));
    const auto& effects = resolved ? *resolved : found;
    if (routes_ && !is_plain && is_about_route(text, effects, server)) {
        return refuse_route(from_client::query, server, to_server, to_client);
    }
    if (is_refused(effects)) {
        return refuse_query(refusal_of(refused_of(effects)), server, to_server, to_client);
    }
    switch (guard_sequences(&effects, server, to_server, to_client)) {
        case sequence_guard::pass: break;
        case sequence_guard::wait: return front_need::answers;
        case sequence_guard::refuse: return refuse_query(unknown_sequences(), server, to_server, to_client);
    }
    if (const auto need = leave_used_buffers(effects, server); need != front_need::more) {
        return need;
    }
    const auto known = resolved ? deallocated_by_digest(effects, server) : nullptr;
    if (resolved && !known) {
        if (auto why = refusal_of_names(effects)) {
            return refuse_query(std::move(*why), server, to_server, to_client);
        }
        if (may_leave_failure(effects) && !server.is_unsynced()) {
            if (server.outstanding() > 0) {
                return front_need::answers;  // they tell whether the transaction has failed
            }
            if (server.transaction_status() == 'E' && send_first_part(text, server, to_server, to_client)) {
                return front_need::answers;
            }
        }
        if (ensure_names_for_query(effects, server, to_server, to_client)) {
            return front_need::answers;
        }
    }
    if (routes_ && !is_plain) {
        note_definitions(text, effects.first_verb, effects.statements);
    }
    ++counters_.queries;
    expected_reply reply{reply_kind::query};
    reply.block = effects.block;
    if (known) {
        // It is the server's to give the answer, so the server has to have the statement.
        if (server.ensure_known(
                known, effects.deallocate_name, *this, to_server, to_client, reply_disposition::swallow)) {
            append_frame(to_server.made(), from_client::sync, {});
            expected_reply ending{reply_kind::sync, reply_disposition::swallow, purpose::prepare};
            server.announce(std::move(ending), *this, to_client);
        }
        append_query(to_server.made(), "DEALLOCATE \"" + known->server_name + "\"");
        server.statements.doubt(known);
        reply.prepares = known;
    } else if (!rest.empty()) {
        append_query(to_server.made(), rest);
    } else {
        to_server.pass(whole);
    }
    replace_unnamed(reply, server);
    unnamed_is_now(server);
    if (counts(effects)) {
        announce_effects(reply, std::make_shared<const text_effects>(effects), server);
    }
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

front_need front::parse(bytes whole, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto name = body.c_string();
    const auto definition = body.remainder();
    byte_reader inner{definition};
    const auto text = inner.c_string();
    inner.take(std::size_t{inner.u16()} * 4);
    if (body.failed() || !inner.finished_cleanly()) {
        return malformed("Parse");
    }
    if (routes_ && may_be_local(text) && is_about_route(text, store_.inspect_whole(text, mode_), server)) {
        return refuse_route(from_client::parse, server, to_server, to_client);
    }
    ++counters_.client_parses;
    if (name.empty()) {
        return parse_unnamed(whole, text, definition, server, to_server, to_client);
    }
    const auto existing = statements_.find(name);
    if (existing && server.outstanding() > 0 && !server.is_unsynced()) {
        return front_need::answers;  // whether the name is taken depends on them
    }
    const bool is_unknown = existing && existing->origin == statement_origin::server;
    if (!existing && !has_room_for(definition)) {
        client_error why{error_kind::limit_exceeded, "too many prepared statements in this session", {}};
        return refuse_parse(std::move(why), server, to_server, to_client);
    }
    auto made = intern(definition);
    if (made->effects && is_refused(*made->effects)) {
        return refuse_parse(refusal_of(refused_of(*made->effects)), server, to_server, to_client);
    }
    switch (guard_sequences(made->effects.get(), server, to_server, to_client)) {
        case sequence_guard::pass: break;
        case sequence_guard::wait: return front_need::answers;
        case sequence_guard::refuse: return refuse_parse(unknown_sequences(), server, to_server, to_client);
    }
    ensure_executed(made->effects.get(), server, to_server, to_client);
    if (is_unknown) {
        return parse_over_unknown(whole, name, made, server, to_server, to_client);
    }
    if (existing) {
        // The server is brought to say itself that the name is taken.
        server.ensure_known(made, {}, *this, to_server, to_client);
        append_parse(to_server.made(), made->server_name, definition);
        server.announce(expected_reply{reply_kind::parse}, *this, to_client);
        return front_need::more;
    }
    expected_reply reply{reply_kind::parse};
    reply.extra().change.name = name;
    if (server.statements.knows(made, server.batch()) && server.transaction_status() != 'E') {
        reply.how = reply_disposition::synthesise;
    } else {
        // In a failed transaction the server has to say itself whether it takes a Parse.
        ++counters_.server_parses;
        server.make_way(made, *this, to_server, to_client);
        append_parse(to_server.made(), made->server_name, definition);
        server.statements.insert(made, server.batch());
        reply.prepares = made;
    }
    statements_.set(name, std::move(made));
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

bool front::has_room_for(bytes definition) const
{
    return statements_.size() < limits_.statements &&
           statements_.memory() + definition.size() <= limits_.statement_memory;
}

/// An error of ours in the place of a reply: the server is given something that it refuses, so that it skips to the
/// Sync and ends the transaction as it would after an error of its own; the client is told our reason instead.
front_need front::refuse_parse(client_error why, back& server, outbox& to_server, outbox& to_client)
{
    append_parse(to_server.made(), "penstock_refused", bytes{"?\0\0\0", 4});
    expected_reply reply{reply_kind::parse};
    reply.extra().instead = std::move(why);
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

/// The same for a simple query. Outside of a transaction the server need not know of it.
front_need front::refuse_query(client_error why, back& server, outbox& to_server, outbox& to_client)
{
    if (server.is_idle()) {
        encode_error(why, to_client.made(), false);
        append_ready(to_client.made(), 'I');
        return front_need::more;
    }
    append_query(to_server.made(), "penstock_refused");
    expected_reply reply{reply_kind::query};
    reply.extra().instead = std::move(why);
    replace_unnamed(reply, server);
    unnamed_is_now(server);
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

front_need front::bind(bytes whole, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto portal = body.c_string();
    const auto name = body.c_string();
    const auto values = body.remainder();
    if (body.failed()) {
        return malformed("Bind");
    }
    if (!name.empty() && server.outstanding() > 0 && !server.is_unsynced() && !statements_.find(name)) {
        return front_need::answers;  // an error may yet undo the Close that took the name away
    }
    if (name.empty() && is_unnamed_uncertain(server)) {
        return front_need::answers;
    }
    const auto& wanted = statements_.find(name);  // null for the unnamed one
    auto effects = with_bound(effects_of_bound(name, wanted), values);
    if (effects && is_refused(*effects)) {
        return refuse_parse(refusal_of(refused_of(*effects)), server, to_server, to_client);
    }
    switch (guard_sequences(effects.get(), server, to_server, to_client)) {
        case sequence_guard::pass: break;
        case sequence_guard::wait: return front_need::answers;
        case sequence_guard::refuse: return refuse_parse(unknown_sequences(), server, to_server, to_client);
    }
    ++counters_.binds;
    if (routes_) {
        routes_->portal.reset();
        if (wanted || name.empty()) {
            note_bound(wanted.get());
        }
    }
    ensure_executed(effects.get(), server, to_server, to_client);
    expected_reply reply{reply_kind::bind};
    set_portal_effects(portal, std::move(effects));
    if (name.empty()) {
        ensure_unnamed(server, to_server, to_client);
        set_portal_block(portal, statements_.has_unnamed() ? statements_.unnamed().block : transaction_effect{});
        to_server.pass(whole);
    } else if (wanted && wanted->origin != statement_origin::protocol) {
        ensure_name(name, server, to_server, to_client);
        set_portal_block(portal, {});
        to_server.pass(whole);
    } else if (wanted) {
        if (batch_state_ == batch_state::recording) {
            batch_name_ = name;
        }
        server.ensure_known(wanted, name, *this, to_server, to_client);
        set_portal_block(portal, wanted->block);
        auto& out = to_server.made();
        const auto place = begin_frame(out, from_client::bind);
        out.append(portal).push_back('\0');
        out.append(wanted->server_name).push_back('\0');
        out.append(values);
        end_frame(out, place);
        reply.prepares = wanted;
    } else {
        ensure_name(name, server, to_server, to_client);
        set_portal_block(portal, {});
        auto& out = to_server.made();  // the server says that there is none
        const auto place = begin_frame(out, from_client::bind);
        out.append(portal).push_back('\0');
        append_unknown_name(out, name);
        out.append(values);
        end_frame(out, place);
    }
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

front_need front::begin_long_bind(bytes some, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{body_of(some)};
    const auto portal = body.c_string();
    const auto name = body.c_string();
    if (body.failed()) {
        return some.size() > whole_limit(from_client::bind) ? malformed("Bind") : front_need::more;
    }
    if (name.empty() && is_unnamed_uncertain(server)) {
        return front_need::answers;
    }
    const auto found = statements_.find(name);
    if (!found && name.starts_with(server_name_prefix)) {
        return fail(error_kind::protocol_violation, "unknown prepared statement in a long Bind");
    }
    ++counters_.binds;
    auto effects = with_bound(effects_of_bound(name, found), {});
    ensure_executed(effects.get(), server, to_server, to_client);
    const bool has_digest = found && found->origin == statement_origin::protocol;
    if (name.empty()) {
        ensure_unnamed(server, to_server, to_client);
    } else if (has_digest) {
        server.ensure_known(found, name, *this, to_server, to_client);
    } else {
        ensure_name(name, server, to_server, to_client);
    }
    set_portal_effects(portal, std::move(effects));
    set_portal_block(portal, {});  // what is as long as this is no BEGIN and no COMMIT
    if (has_digest) {
        auto& out = to_server.made();
        out.push_back(from_client::bind);
        out.append(4, '\0');
        const auto length = load_u32(some.data() + 1) - name.size() + found->server_name.size();
        store_u32(out.data() + out.size() - 4, static_cast<std::uint32_t>(length));
        out.append(portal).push_back('\0');
        out.append(found->server_name).push_back('\0');
        out.append(body.remainder());
    } else {
        to_server.pass(some);
    }
    expected_reply reply{reply_kind::bind};
    reply.prepares = has_digest ? found : nullptr;
    server.announce(std::move(reply), *this, to_client);
    stream_taken_ = some.size();
    return front_need::more;
}

front_need front::describe(bytes whole, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto what = static_cast<target>(body.u8());
    const auto name = body.c_string();
    if (!body.finished_cleanly() || (what != target::statement && what != target::portal)) {
        return malformed("Describe");
    }
    if (what == target::statement && name.empty() && is_unnamed_uncertain(server)) {
        return front_need::answers;
    }
    const auto found = what == target::statement && !name.empty() ? statements_.find(name) : nullptr;
    const bool has_digest = found && found->origin == statement_origin::protocol;
    if (what == target::statement) {
        ensure_executed(effects_of_bound(name, found).get(), server, to_server, to_client);
    }
    if (has_digest) {
        server.ensure_known(found, name, *this, to_server, to_client);
        append_frame(to_server.made(), from_client::describe, "S" + found->server_name + '\0');
    } else if (found) {
        ensure_name(name, server, to_server, to_client);
        to_server.pass(whole);
    } else {
        if (what == target::statement && name.empty()) {
            ensure_unnamed(server, to_server, to_client);
            to_server.pass(whole);
        } else if (what == target::portal) {
            to_server.pass(whole);
        } else {
            ensure_name(name, server, to_server, to_client);
            auto& out = to_server.made();
            const auto place = begin_frame(out, from_client::describe);
            out.push_back(static_cast<char>(what));
            append_unknown_name(out, name);
            end_frame(out, place);
        }
    }
    expected_reply reply{what == target::statement ? reply_kind::describe_statement : reply_kind::describe_portal};
    reply.prepares = has_digest ? found : nullptr;
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

/// Of executing the statement that has this name, with those of what it names itself; null: none. `named` is null where
/// the name is none or the empty one.
std::shared_ptr<const text_effects> front::effects_of_bound(std::string_view name, const statement_ptr& named) const
{
    const bool is_unnamed = name.empty() && statements_.has_unnamed();
    const auto* const found = named ? &named->effects : is_unnamed ? &statements_.unnamed().effects : nullptr;
    return found != nullptr && *found ? resolve_shared(name, *found) : nullptr;
}

front_need front::execute(bytes whole, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto portal = body.c_string();
    body.u32();
    if (!body.finished_cleanly()) {
        return malformed("Execute");
    }
    ++counters_.queries;
    expected_reply reply{reply_kind::execute};
    reply.block = portal_block(portal);
    auto effects = portal_effects(portal);
    if (effects && !effects->names.empty()) {
        if (!ensure_names_for_execute(*effects, server, to_server, to_client)) {
            return front_need::more;
        }
        auto sum = std::make_shared<text_effects>(*effects);
        add_executed(*sum);
        fold(sum->block, reply.block);
        effects = std::move(sum);
    }
    if (effects && counts(*effects)) {
        announce_effects(reply, std::move(effects), server);
    }
    to_server.pass(whole);
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

front_need front::close(bytes whole, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto what = static_cast<target>(body.u8());
    const auto name = body.c_string();
    if (!body.finished_cleanly() || (what != target::statement && what != target::portal)) {
        return malformed("Close");
    }
    expected_reply reply{reply_kind::close};
    statement_ptr gone;
    if (what == target::statement && !name.empty()) {
        auto before = statements_.find(name);
        gone = before;
        if (before && before->origin == statement_origin::server) {
            to_server.pass(whole);
        } else {
            reply.how = reply_disposition::synthesise;  // other sessions go on using the server's copy
        }
        if (before) {
            auto& change = reply.extra().change;
            change.name = name;
            change.before = std::move(before);
            statements_.erase(name);
        }
    } else {
        if (what == target::statement) {
            replace_unnamed(reply, server);
            unnamed_is_now(server);
        }
        to_server.pass(whole);
    }
    server.announce(std::move(reply), *this, to_client);
    if (gone && gone->is_private) {
        server.forget(gone, *this, to_server, to_client);
    }
    return front_need::more;
}

front_need front::function_call(bytes some, back& server, outbox& to_client)
{
    ++counters_.queries;
    expected_reply reply{reply_kind::function_call};
    if (!is_large_object_function(load_u32(some.data() + header_size))) {
        auto effects = std::make_shared<text_effects>();
        effects->statements = 1;
        effects->pins.add(pin_reason::opaque);
        reply.extra().effects = std::move(effects);
    }
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

}  // namespace penstock::postgresql
