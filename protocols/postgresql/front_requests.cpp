// SPDX-License-Identifier: Apache-2.0
//
// What each request of a client means: which statement it names, what it announces, and how it goes to the server.
#include "protocols/postgresql/front.hpp"

namespace penstock::postgresql {

namespace {

/// The frame of a Parse of our own making.
void append_parse(std::string& out, std::string_view name, bytes definition)
{
    const auto place = begin_frame(out, from_client::parse);
    out.append(name).push_back('\0');
    out.append(definition);
    end_frame(out, place);
}

/// The type octet of Describe and Close.
enum class target : char { statement = 'S', portal = 'P' };

/// Large-object calls keep nothing in the session beyond their transaction; other functions called by number may.
/// Numbers are those of pg_proc.dat: lo_open, lo_close, loread, lowrite, lo_lseek, lo_creat, lo_create, lo_tell, lo_unlink,
/// lo_truncate and the 64-bit forms.
bool is_large_object_function(std::uint32_t oid)
{
    switch (oid) {
    case 952: case 953: case 954: case 955: case 956: case 957: case 715: case 958: case 964: case 1004:
    case 3170: case 3171: case 3172: return true;
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
        server.announce({.kind = reply_kind::sync}, *this, to_client);
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
    byte_reader body{whole.substr(header_size)};
    const auto text = body.c_string();
    if (!body.finished_cleanly()) {
        return malformed("Query");
    }
    ++counters_.queries;
    const auto& effects = store_.inspect_whole(text, mode_);
    expected_reply reply{.kind = reply_kind::query};
    bool rewritten = false;
    if (!effects.leaves_nothing()) {
        reply.effects = keep(effects);
        holding_ = holding_ || parameters_.will_reapply(effects);
        if (effects.single() && effects.first_verb == statement_verb::deallocate) {
            if (const auto known = statements_.find(effects.deallocate_name)) {
                if (server.ensure_known(known, *this, to_server, to_client, reply_disposition::swallow)) {
                    append_frame(to_server.made(), from_client::sync, {});
                    expected_reply ending{.kind = reply_kind::sync, .how = reply_disposition::swallow};
                    server.announce(std::move(ending), *this, to_client);
                }
                append_query(to_server.made(), "DEALLOCATE \"" + known->server_name + "\"");
                rewritten = true;
            }
        }
    }
    if (!rewritten) {
        to_server.pass(whole);
    }
    server.unnamed_stamp = 0;
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

front_need front::parse(bytes whole, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{whole.substr(header_size)};
    const auto name = body.c_string();
    const auto definition = body.remainder();
    byte_reader inner{definition};
    inner.c_string();
    inner.take(std::size_t{inner.u16()} * 4);
    if (body.failed() || !inner.finished_cleanly()) {
        return malformed("Parse");
    }
    ++counters_.client_parses;
    if (name.empty()) {
        return parse_unnamed(whole, definition, server, to_server, to_client);
    }
    const auto existing = statements_.find(name);
    if (existing && server.outstanding() > 0 && !server.is_unsynced()) {
        return front_need::answers;  // whether the name is taken depends on them
    }
    if (!existing && (statements_.size() >= limits_.statements ||
                      statements_.memory() + definition.size() > limits_.statement_memory)) {
        return fail(error_kind::limit_exceeded, "too many prepared statements in this session");
    }
    auto made = store_.intern(definition, mode_);
    if (existing) {
        // The server is brought to say itself that the name is taken.
        server.ensure_known(made, *this, to_server, to_client);
        append_parse(to_server.made(), made->server_name, definition);
        server.announce({.kind = reply_kind::parse}, *this, to_client);
        return front_need::more;
    }
    expected_reply reply{.kind = reply_kind::parse};
    reply.change = std::make_unique<name_change>(name_change{std::string{name}, nullptr});
    const bool leaves_transaction = made->verb == statement_verb::rollback || made->verb == statement_verb::commit;
    if (server.statements.touch(made) && (server.transaction_status() != 'E' || leaves_transaction)) {
        reply.how = reply_disposition::synthesise;
    } else if (server.statements.touch(made)) {
        append_parse(to_server.made(), made->server_name, definition);
    } else {
        ++counters_.server_parses;
        server.make_room(*this, to_server, to_client);
        append_parse(to_server.made(), made->server_name, definition);
        server.statements.insert(made);
        reply.prepares = made;
    }
    statements_.set(name, std::move(made));
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

front_need front::parse_unnamed(bytes whole, bytes definition, back& server, outbox& to_server, outbox& to_client)
{
    auto& unnamed = statements_.unnamed();
    const auto text = definition.substr(0, definition.find('\0'));
    const auto& effects = store_.inspect_whole(text, mode_);
    unnamed.exists = true;
    unnamed.kept = true;
    ++unnamed.version;
    unnamed.verb = effects.first_verb;
    unnamed.effects = effects.leaves_nothing() ? nullptr : keep(effects);
    const auto known = effects.first_verb == statement_verb::deallocate && effects.single()
                           ? statements_.find(effects.deallocate_name)
                           : nullptr;
    if (known) {
        unnamed.definition = "DEALLOCATE \"" + known->server_name + "\"";
        unnamed.definition.append(definition.substr(text.size()));
        append_parse(to_server.made(), {}, unnamed.definition);
    } else {
        unnamed.definition.assign(definition);
        to_server.pass(whole);
    }
    ++counters_.server_parses;
    server.unnamed_stamp = unnamed_stamp();
    server.announce({.kind = reply_kind::parse}, *this, to_client);
    return front_need::more;
}

front_need front::begin_long_parse(bytes some, back& server, outbox& to_server, outbox& to_client)
{
    const auto name_end = some.find('\0', header_size);
    if (name_end == bytes::npos) {
        return some.size() > whole_limit(from_client::bind) ? malformed("Parse") : front_need::more;
    }
    if (name_end != header_size) {
        return fail(error_kind::limit_exceeded,
                    "a named prepared statement is longer than " + std::to_string(limits_.inspected_statement) +
                        " octets (max_inspected_statement)");
    }
    auto& unnamed = statements_.unnamed();
    unnamed = {.exists = true, .kept = false, .version = unnamed.version + 1, .definition = {}, .effects = {}};
    pins_.add(pin_reason::large_statement);  // no other server could be given it, and nobody knows what it does
    ++counters_.client_parses;
    ++counters_.server_parses;
    server.unnamed_stamp = unnamed_stamp();
    server.announce({.kind = reply_kind::parse}, *this, to_client);
    to_server.pass(some);
    stream_taken_ = some.size();
    return front_need::more;
}

front_need front::bind(bytes whole, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{whole.substr(header_size)};
    const auto portal = body.c_string();
    const auto name = body.c_string();
    if (body.failed()) {
        return malformed("Bind");
    }
    ++counters_.binds;
    if (name.empty()) {
        ensure_unnamed(server, to_server, to_client);
        set_portal_effects(portal, statements_.has_unnamed() ? statements_.unnamed().effects : nullptr);
        to_server.pass(whole);
    } else if (const auto found = statements_.find(name)) {
        if (batch_state_ == batch_state::recording) {
            batch_name_ = name;
        }
        server.ensure_known(found, *this, to_server, to_client);
        set_portal_effects(portal, found->effects);
        auto& out = to_server.made();
        const auto place = begin_frame(out, from_client::bind);
        out.append(portal).push_back('\0');
        out.append(found->server_name).push_back('\0');
        out.append(body.remainder());
        end_frame(out, place);
    } else {
        set_portal_effects(portal, nullptr);
        to_server.pass(whole);  // the server says that there is none
    }
    server.announce({.kind = reply_kind::bind}, *this, to_client);
    return front_need::more;
}

front_need front::begin_long_bind(bytes some, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{some.substr(header_size)};
    const auto portal = body.c_string();
    const auto name = body.c_string();
    if (body.failed()) {
        return some.size() > whole_limit(from_client::bind) ? malformed("Bind") : front_need::more;
    }
    ++counters_.binds;
    const auto found = statements_.find(name);
    if (name.empty()) {
        ensure_unnamed(server, to_server, to_client);
    } else if (found) {
        server.ensure_known(found, *this, to_server, to_client);
    }
    set_portal_effects(portal, found ? found->effects : name.empty() && statements_.has_unnamed() ? statements_.unnamed().effects : nullptr);
    if (found) {
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
    server.announce({.kind = reply_kind::bind}, *this, to_client);
    stream_taken_ = some.size();
    return front_need::more;
}

front_need front::describe(bytes whole, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{whole.substr(header_size)};
    const auto what = static_cast<target>(body.u8());
    const auto name = body.c_string();
    if (!body.finished_cleanly() || (what != target::statement && what != target::portal)) {
        return malformed("Describe");
    }
    const auto found = what == target::statement && !name.empty() ? statements_.find(name) : nullptr;
    if (found) {
        server.ensure_known(found, *this, to_server, to_client);
        append_frame(to_server.made(), from_client::describe, "S" + found->server_name + '\0');
    } else {
        if (what == target::statement && name.empty()) {
            ensure_unnamed(server, to_server, to_client);
        }
        to_server.pass(whole);
    }
    const auto kind = what == target::statement ? reply_kind::describe_statement : reply_kind::describe_portal;
    server.announce({.kind = kind}, *this, to_client);
    return front_need::more;
}

front_need front::execute(bytes whole, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{whole.substr(header_size)};
    const auto portal = body.c_string();
    body.u32();
    if (!body.finished_cleanly()) {
        return malformed("Execute");
    }
    ++counters_.queries;
    expected_reply reply{.kind = reply_kind::execute};
    reply.effects = portal_effects(portal);
    if (reply.effects) {
        holding_ = holding_ || parameters_.will_reapply(*reply.effects);
        if (const auto known = statements_.find(reply.effects->deallocate_name)) {
            server.ensure_known(known, *this, to_server, to_client);
        }
    }
    to_server.pass(whole);
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

front_need front::close(bytes whole, back& server, outbox& to_server, outbox& to_client)
{
    byte_reader body{whole.substr(header_size)};
    const auto what = static_cast<target>(body.u8());
    const auto name = body.c_string();
    if (!body.finished_cleanly() || (what != target::statement && what != target::portal)) {
        return malformed("Close");
    }
    expected_reply reply{.kind = reply_kind::close};
    if (what == target::statement && !name.empty()) {
        reply.how = reply_disposition::synthesise;  // other sessions go on using the server's copy
        if (auto before = statements_.find(name)) {
            reply.change = std::make_unique<name_change>(name_change{std::string{name}, std::move(before)});
            statements_.erase(name);
        }
    } else {
        if (what == target::statement && statements_.has_unnamed()) {
            statements_.unnamed().exists = false;
            server.unnamed_stamp = 0;
        }
        to_server.pass(whole);
    }
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

front_need front::function_call(bytes some, back& server, outbox& to_client)
{
    ++counters_.queries;
    expected_reply reply{.kind = reply_kind::function_call};
    if (!is_large_object_function(load_u32(some.data() + header_size))) {
        auto effects = std::make_shared<text_effects>();
        effects->statements = 1;
        effects->pins.add(pin_reason::opaque);
        reply.effects = std::move(effects);
    }
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

/// The server may hold another session's unnamed statement, or none since the last simple query.
void front::ensure_unnamed(back& server, outbox& to_server, outbox& to_client)
{
    if (!statements_.has_unnamed() || server.unnamed_stamp == unnamed_stamp() || !statements_.unnamed().kept) {
        return;
    }
    append_parse(to_server.made(), {}, statements_.unnamed().definition);
    server.unnamed_stamp = unnamed_stamp();
    ++counters_.server_parses;
    expected_reply reply{.kind = reply_kind::parse, .how = reply_disposition::swallow_success, .why = purpose::prepare};
    server.announce(std::move(reply), *this, to_client);
}

std::uint64_t front::unnamed_stamp()
{
    return stamp_ << 24 | (statements_.unnamed().version & 0xffffff);
}

void front::set_portal_effects(std::string_view portal, std::shared_ptr<const text_effects> effects)
{
    if (portal.empty()) {
        unnamed_portal_effects_ = std::move(effects);
        return;
    }
    std::erase_if(portal_effects_, [portal](const auto& each) { return each.first == portal; });
    if (effects) {
        portal_effects_.emplace_back(portal, std::move(effects));
    }
}

std::shared_ptr<const text_effects> front::portal_effects(std::string_view portal) const
{
    if (portal.empty()) {
        return unnamed_portal_effects_;
    }
    for (const auto& [name, effects] : portal_effects_) {
        if (name == portal) {
            return effects;
        }
    }
    return nullptr;
}

std::shared_ptr<const text_effects> front::keep(const text_effects& effects)
{
    return std::make_shared<const text_effects>(effects);
}

}  // namespace penstock::postgresql
