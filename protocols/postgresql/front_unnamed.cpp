// SPDX-License-Identifier: Apache-2.0
//
// The client's unnamed statement, which has to be where the client is.
//
// A server holds one unnamed statement, that of whoever prepared one last; a simple query destroys it. back says whose
// it is and in which version; where that is not certainly this client's, it is prepared again, or closed if the client
// has none. An unnamed Parse in a batch that may have failed before it is certain only for what follows in the same
// batch.
#include "protocols/postgresql/front.hpp"
#include "protocols/wire/pin_advice.hpp"

namespace penstock::postgresql {

front_need front::parse_unnamed(
    bytes whole, bytes text, bytes definition, back& server, outbox& to_server, outbox& to_client)
{
    const auto& effects = store_.inspect_whole(text, mode_);
    if (is_refused(effects)) {
        return refuse_parse(refusal_of(refused_of(effects)), server, to_server, to_client);
    }
    switch (guard_sequences(&effects, server, to_server, to_client)) {
        case sequence_guard::pass: break;
        case sequence_guard::wait: return front_need::answers;
        case sequence_guard::refuse: return refuse_parse(unknown_sequences(), server, to_server, to_client);
    }
    if (const auto need = leave_used_buffers(effects, server); need != front_need::more) {
        return need;
    }
    ensure_executed(&effects, server, to_server, to_client);
    expected_reply reply{reply_kind::parse};
    replace_unnamed(reply, server);
    auto& unnamed = statements_.unnamed();
    unnamed.kept = statements_.memory() + definition.size() <= limits_.statement_memory;
    unnamed.exists = true;
    if (!unnamed.kept) {
        pins_.add(pin_reason::large_statement);  // no other server could be given it
    }
    unnamed.version = reply.unnamed_version;
    unnamed.verb = effects.first_verb;
    unnamed.block = effects.block;
    unnamed.effects = effects.changes_nothing() ? nullptr : std::make_shared<const text_effects>(effects);
    unnamed.definition.assign(unnamed.kept ? definition : bytes{});
    to_server.pass(whole);
    ++counters_.server_parses;
    unnamed_is_now(server);
    server.announce(std::move(reply), *this, to_client);
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
    expected_reply reply{reply_kind::parse};
    replace_unnamed(reply, server);
    auto& unnamed = statements_.unnamed();
    unnamed = {.exists = true, .kept = false, .version = reply.unnamed_version, .definition = {}, .effects = {}};
    pins_.add(pin_reason::large_statement);  // no other server could be given it, and nobody knows what it does
    ++counters_.client_parses;
    ++counters_.server_parses;
    unnamed_is_now(server);
    server.announce(std::move(reply), *this, to_client);
    to_server.pass(some);
    stream_taken_ = some.size();
    return front_need::more;
}

/// The unnamed statement becomes another, or none. What it was is kept if the server may skip this.
void front::replace_unnamed(expected_reply& reply, back& server)
{
    if (!statements_.has_unnamed() && reply.kind != reply_kind::parse) {
        return;
    }
    auto& unnamed = statements_.unnamed();
    reply.unnamed_version = statements_.next_version();
    if (server.may_skip()) {
        reply.extra().change.unnamed_before = std::make_unique<unnamed_statement>(std::exchange(unnamed, {}));
    }
    unnamed.exists = false;
    unnamed.version = reply.unnamed_version;
    unnamed.effects.reset();
    if (unnamed.definition.capacity() > 4096) {
        std::string{}.swap(unnamed.definition);  // assignment would keep the memory
    }
}

/// What was just sent makes the server's unnamed statement this client's.
void front::unnamed_is_now(back& server)
{
    server.unnamed_stamp = unnamed_stamp();
    server.unnamed_batch = server.may_skip() ? server.batch() : 0;
}

/// Whether what the client now calls its unnamed statement depends on answers that can be waited for.
bool front::is_unnamed_uncertain(const back& server) const
{
    return server.unnamed_batch != 0 && server.unnamed_batch != server.batch() && server.outstanding() > 0 &&
           !server.is_unsynced();
}

void front::ensure_unnamed(back& server, outbox& to_server, outbox& to_client)
{
    if (server.unnamed_stamp == unnamed_stamp() &&
        (server.unnamed_batch == 0 || server.unnamed_batch == server.batch())) {
        return;
    }
    const auto& unnamed = statements_.unnamed();
    const bool can_prepare = unnamed.exists && unnamed.kept;
    if (can_prepare) {
        append_parse(to_server.made(), {}, unnamed.definition);
        count_prepared(true);
    } else {
        append_frame(to_server.made(), from_client::close, bytes{"S\0", 2});
    }
    expected_reply reply{
        can_prepare ? reply_kind::parse : reply_kind::close, reply_disposition::swallow_success, purpose::prepare};
    reply.unnamed_version = unnamed.version;
    unnamed_is_now(server);
    server.announce(std::move(reply), *this, to_client);
}

std::uint64_t front::stamp_of(std::uint64_t unnamed_version) const
{
    return stamp_ << 24 | (unnamed_version & 0xffffff);
}

std::uint64_t front::unnamed_stamp()
{
    return stamp_of(statements_.unnamed().version);
}

void front::undo_unnamed(statement_change& change, std::uint64_t version)
{
    if (change.unnamed_before && statements_.unnamed().version == version) {
        statements_.unnamed() = std::move(*change.unnamed_before);
    }
}

void front::on_unnamed_refused(std::uint64_t version)
{
    if (statements_.unnamed().version == version) {
        statements_.unnamed().exists = false;
    }
}

}  // namespace penstock::postgresql
