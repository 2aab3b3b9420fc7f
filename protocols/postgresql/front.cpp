// SPDX-License-Identifier: Apache-2.0
//
// Frames of the client: which are whole, which pass through in pieces, and when they may go. front_requests.cpp has
// what each request means, front_state.cpp what its reply changes.
#include "protocols/postgresql/front.hpp"

#include "protocols/postgresql/errors.hpp"

#include <algorithm>

namespace penstock::postgresql {

namespace {

/// Up to here every message is taken whole; beyond, those that can be long pass through in pieces.
constexpr std::size_t short_message = 16 * 1024;

/// Replies that may be owed before the client's next message waits; what is owed costs us memory and the client
/// nothing.
constexpr std::size_t most_outstanding = 16 * 1024;
/// And in a batch that lacks its Sync, where waiting might be for ever.
constexpr std::size_t most_unsynced = 1024 * 1024;

constexpr type_set known_types{"BCdcfDEHFPQSX"};
constexpr type_set long_types{"BdfFPQ"};
/// A server that is sent a body with these waits for a Sync nobody owes it, after its last ReadyForQuery.
constexpr type_set bodiless_types{"cHSX"};

/// As whoever has logged in.
bool is_superuser(const parameter_list* greeted)
{
    return greeted != nullptr && std::any_of(greeted->begin(), greeted->end(), [](const auto& each) {
               return each.first == "is_superuser" && each.second == "on";
           });
}

/// PostgreSQL takes a seed at the start of a session and sows nothing (check_random_seed), where set_config() would.
parameter_set_ptr without_seed(parameter_set_ptr startup)
{
    return startup->find("seed") == nullptr ? startup : startup->without("seed");
}

}  // namespace

front::front(statement_store& store, front_limits limits, parameter_set_ptr startup, std::uint64_t stamp)
    : store_{store},
      limits_{limits},
      stamp_{stamp},
      parameters_{without_seed(std::move(startup))},
      pins_{pins_of(*parameters_.current())}
{
}

front::~front()
{
    settle_meanings(false);  // a transaction that it has left may have been committed
}

front_progress front::consume(bytes input, back* server, outbox& to_server, outbox& to_client)
{
    std::size_t at = 0;
    while (at < input.size()) {
        const bytes rest{input.data() + at, input.size() - at};
        if (stream_left_ > 0) {
            const auto part = rest.substr(0, stream_left_);
            stream(part, to_server);
            at += part.size();
            continue;
        }
        if (rest.size() < header_size) {
            break;
        }
        const auto header = load_header(rest);
        if (!known_types.has(header.type)) {
            return {at,
                    fail(error_kind::protocol_violation,
                         "invalid frontend message type " + std::to_string(static_cast<unsigned char>(header.type)))};
        }
        if (!header.is_sound() || (header.frame_size() > short_message && !long_types.has(header.type))) {
            return {at,
                    fail(error_kind::protocol_violation,
                         std::string{"invalid length of message type "} + header.type + ": " +
                             std::to_string(header.length))};
        }
        if (header.length != 4 && bodiless_types.has(header.type)) {
            return {at, malformed(std::string{"body of a bodiless '"} + header.type + "'")};
        }
        const auto size = header.frame_size();
        if (routes_) {
            routes_->is_plain = false;
            const bool begins = server == nullptr || !server->is_unsynced() || header.type == from_client::parse;
            if (begins && size <= rest.size() && may_concern_us(header.type, {rest.data(), size}, server) &&
                run_locally(header, {rest.data(), size}, server, to_client)) {
                at += size;
                continue;
            }
            if (begins && (size <= rest.size() || size > whole_limit(header.type))) {
                if (const auto need = choose(header, rest, server); need != front_need::more) {
                    return {at, need};
                }
            }
        }
        if (size <= rest.size()) {
            const auto need = frame(header, bytes{rest.data(), size}, server, to_server, to_client);
            if (need != front_need::more) {
                return {at, need};
            }
            if (routes_ && (header.type == from_client::query || header.type == from_client::sync)) {
                routes_->records = false;
            }
            at += size;
            continue;
        }
        if (size <= whole_limit(header.type)) {
            break;
        }
        stream_taken_ = 0;
        const auto need = begin_stream(header, rest, server, to_server, to_client);
        if (need != front_need::more) {
            return {at, need};
        }
        if (stream_taken_ == 0) {
            break;  // its beginning has not come yet
        }
        at += stream_taken_;
        stream_left_ = size - stream_taken_;
    }
    return {at, front_need::more};
}

std::size_t front::whole_limit(char type) const
{
    switch (type) {
        case from_client::parse: return std::max(short_message, limits_.inspected_statement);
        case from_client::copy_data:
        case from_client::copy_fail: return 0;
        default: return short_message;
    }
}

front_need front::frame(const frame_header& header, bytes whole, back* server, outbox& to_server, outbox& to_client)
{
    switch (header.type) {
        case from_client::terminate: return front_need::leave;
        case from_client::copy_data:
        case from_client::copy_done:
        case from_client::copy_fail:
            // Outside COPY the server would ignore these; it may have failed while the client was still sending.
            if (server != nullptr && !server->is_quiet()) {
                to_server.pass(whole);
                note_copy(header.type, *server);
            }
            return front_need::more;
        case from_client::flush:
            if (server != nullptr && !server->is_quiet()) {
                to_server.pass(whole);
            }
            return front_need::more;
        case from_client::sync:
            if (server == nullptr || skipping_) {
                skipping_ = false;
                refused_block_.reset();
                append_ready(to_client.made(), status_without_server());
                return front_need::more;
            }
            if (server->takes_only_copy_data()) {
                to_server.pass(whole);
                server->note_sync_in_copy();
                return front_need::more;
            }
            break;
        default: break;
    }
    if (skipping_) {
        if (header.type == from_client::execute && refused_block_) {
            lost_ = std::move(refused_block_);
        }
        return front_need::more;
    }
    if (first_part_.octets > 0 && !first_part_.succeeded) {
        first_part_ = {};  // its error was the answer to all of this
        return front_need::more;
    }
    if (server == nullptr && (lost_ || refusal_)) {
        first_part_ = {};
    }
    if (server == nullptr && lost_) {
        return in_lost_transaction(header, whole, to_client);
    }
    if (server == nullptr && refusal_) {
        return answer_with_refusal(header.type, whole, to_client);
    }
    const auto need = prepare_to_forward(header.type, server, to_server, to_client);
    if (need != front_need::more) {
        return need;
    }
    if (server->is_skipping() && header.type != from_client::sync) {
        return front_need::more;  // it would discard this
    }
    record_batch(header.type, whole, *server);
    keep_request(header.type, whole, *server);
    const auto outcome = request(header, whole, *server, to_server, to_client);
    if (outcome == front_need::answers) {
        batch_state_ = batch_state::unfit;  // it will come here a second time
        server->request.drop();
    } else {
        first_part_ = {};
    }
    return outcome;
}

void front::note_copy(char type, back& server)
{
    if (type == from_client::copy_data) {
        server.note_copy_data();
    } else {
        server.note_copy_end();
    }
}

/// Whether the next request may go to the server now; brings the server up to the session's parameters if it is fresh.
front_need front::prepare_to_forward(char type, back* server, outbox& to_server, outbox& to_client)
{
    if (server == nullptr) {
        return front_need::server;
    }
    if (server->takes_only_copy_data()) {
        return fail(error_kind::protocol_violation,
                    std::string{"unexpected message type "} + type + " during COPY from stdin");
    }
    if (server->outstanding() >= (server->is_unsynced() ? most_unsynced : most_outstanding)) {
        return server->is_unsynced() ? fail(error_kind::limit_exceeded, "too many messages without a Sync")
                                     : front_need::answers;
    }
    if (!healed_batch_.empty()) {
        return front_need::answers;  // it goes first
    }
    if (server->withholds_ready()) {
        settle(*server, to_server, to_client);
        return front_need::answers;
    }
    if (server->is_quiet()) {
        holding_ = false;
        settle(*server, to_server, to_client);
        if (server->transaction_status() == 'I' && server->is_quiet()) {
            take_over(*server, to_server, to_client);
            catch_up(*server, to_server, to_client);
        }
        if (type != from_client::sync) {
            batch_state_ = batch_state::none;
            server->forget_relayed();
            begin_request(*server);
        }
        holding_ = repeats_reading_;  // nothing else runs under its settings
        if (routes_ && routes_->block == begun::held) {
            begin_block(*server, to_server, to_client);
            return front_need::answers;
        }
    } else if (holding_ && !server->is_unsynced() && type != from_client::sync) {  // which a server may be waiting for
        return front_need::answers;
    }
    return front_need::more;
}

bool front::catch_up(back& server, outbox& to_server, outbox& to_client)
{
    const bool must_not_write = repeats_reading_ && !server.is_replica;
    return must_not_write
               ? bring_to(parameters_.current()->with(read_only_parameter, "on"), server, to_server, to_client)
               : bring_to(parameters_.current(), server, to_server, to_client);
}

bool front::bring_to(const parameter_set_ptr& wanted, back& server, outbox& to_server, outbox& to_client)
{
    if (same_parameters(server.parameters, wanted)) {
        server.parameters = wanted;
        return false;
    }
    const auto text =
        without_waiting(catch_up_query(*server.parameters, *wanted, client_encoding()), *server.parameters);
    meets_others_settings_ = !server.parameters->empty() || server.had_temporary;
    pins_.add(pins_of(*wanted));  // where they were excused
    server.parameters = wanted;   // were it refused, the server would end the connection
    ++counters_.catch_ups;
    inject(purpose::catch_up, text, server, to_server, to_client);
    return true;
}

bool front::settle(back& server, outbox& to_server, outbox& to_client)
{
    if (is_mid_message()) {
        return false;  // COPY data that has come too late: nothing may go into its middle
    }
    bool injected = false;
    if (parameters_.has_reapply()) {
        if (parameters_.take_discarded()) {
            injected = catch_up(server, to_server, to_client);
        }
        if (parameters_.take_doubted() && server.transaction_status() != 'E') {
            const auto text = restore_query(*parameters_.startup(), *parameters_.current(), client_encoding());
            inject(purpose::reapply, text, server, to_server, to_client);
            injected = true;
        }
        const auto values = parameters_.take_reapply();
        if (!values.empty() && server.transaction_status() != 'E') {
            inject(purpose::reapply, reapply_query(values, client_encoding()), server, to_server, to_client);
            injected = true;
        }
    }
    if (server.transaction_status() == 'I' && parameters_.needs_probe()) {
        ++counters_.probes;
        const auto names = parameters_.begin_probe();
        if (!is_superuser(greeted_.get()) && std::any_of(names.begin(), names.end(), is_privileged)) {
            pins_.add(pin_reason::unknown_setting);
        }
        inject(purpose::probe,
               without_waiting(probe_query(names, client_encoding()), *server.parameters, names),
               server,
               to_server,
               to_client);
        injected = true;
    }
    return injected;
}

void front::inject(purpose why, std::string_view text, back& server, outbox& to_server, outbox& to_client)
{
    append_query(to_server.made(), text);
    server.unnamed_stamp = 0;
    expected_reply reply{reply_kind::query, reply_disposition::swallow, why};
    server.announce(std::move(reply), *this, to_client);
}

front_need front::begin_stream(
    const frame_header& header, bytes some, back* server, outbox& to_server, outbox& to_client)
{
    stream_dropped_ = false;
    stream_inspected_ = false;
    if (header.type == from_client::copy_data || header.type == from_client::copy_fail) {
        stream_dropped_ = server == nullptr || server->is_quiet();
        if (!stream_dropped_) {
            to_server.pass(some);
            note_copy(header.type, *server);
        }
        stream_taken_ = some.size();
        return front_need::more;
    }
    if (skipping_ || (server == nullptr && (lost_ || refusal_))) {
        if (!skipping_) {
            lost_ ? refuse_in_lost(header.type, to_client) : answer_with_refusal(header.type, some, to_client);
        }
        stream_dropped_ = true;
        stream_taken_ = some.size();
        return front_need::more;
    }
    const auto need = prepare_to_forward(header.type, server, to_server, to_client);
    if (need != front_need::more) {
        return need;
    }
    if (server->is_skipping()) {
        stream_dropped_ = true;
        stream_taken_ = some.size();
        return front_need::more;
    }
    batch_state_ = batch_state::unfit;
    server->request.drop();
    stream_server_ = server;
    switch (header.type) {
        case from_client::bind: return begin_long_bind(some, *server, to_server, to_client);
        case from_client::parse: return begin_long_parse(some, *server, to_server, to_client);
        case from_client::function_call:
            if (some.size() >= header_size + 4) {
                function_call(some, *server, to_client);
                to_server.pass(some);
                stream_taken_ = some.size();
            }
            return front_need::more;
        default: break;
    }
    if (statements_.size() > 0) {
        constexpr std::size_t enough = 1024;
        if (some.size() < enough) {
            return front_need::more;
        }
        const auto after = peek_at_names(some, *server, to_server, to_client);
        if (after != front_need::more || stream_dropped_) {
            return after;
        }
    }
    ++counters_.queries;
    expected_reply reply{reply_kind::query};
    replace_unnamed(reply, *server);
    server->announce(std::move(reply), *this, to_client);
    stream_inspected_ = true;
    collector_ = std::make_unique<effects_collector>();
    collector_->begin(mode_);
    collector_->feed(body_of(some));
    to_server.pass(some);
    stream_taken_ = some.size();
    return front_need::more;
}

void front::stream(bytes part, outbox& to_server)
{
    if (!stream_dropped_) {
        to_server.pass(part);
    }
    stream_left_ -= part.size();
    if (stream_inspected_) {
        collector_->feed(stream_left_ == 0 && !part.empty() && part.back() == '\0' ? part.substr(0, part.size() - 1)
                                                                                   : part);
    }
    if (stream_left_ == 0) {
        end_stream();
    }
}

void front::end_stream()
{
    if (!stream_inspected_) {
        return;
    }
    auto effects = collector_->finish();
    add_executed(effects);
    auto* const reply = stream_server_->newest();
    if (reply != nullptr) {
        reply->block = effects.block;
    }
    if (routes_) {  // too long to be looked at
        routes_->defined = routes_->defined || effects.statements > 1 || effects.first_verb == statement_verb::create ||
                           effects.first_verb == statement_verb::do_block;
    }
    if (reply != nullptr && counts(effects)) {
        announce_effects(*reply, std::make_shared<const text_effects>(effects), *stream_server_);
    }
    collector_.reset();
    stream_inspected_ = false;
}

front_need front::fail(error_kind kind, std::string detail)
{
    error_ = {kind, std::move(detail)};
    return front_need::close;
}

front_need front::malformed(std::string_view message)
{
    return fail(error_kind::protocol_violation, "malformed " + std::string{message} + " message");
}

/// Whether the batch under way, of which a copy is kept, may have to be sent again after a stale plan.
void front::record_batch(char type, bytes whole, const back& server)
{
    switch (batch_state_) {
        case batch_state::none:
            if (type != from_client::bind || server.transaction_status() != 'I') {
                batch_state_ = batch_state::unfit;
                return;
            }
            batch_state_ = batch_state::recording;
            batch_describes_ = false;
            batch_is_sent_ = routes_ && routes_->records;
            batch_octets_ = 0;
            break;
        case batch_state::recording:
            if (type == from_client::bind) {
                batch_state_ = batch_state::unfit;
                return;
            }
            break;
        case batch_state::complete:
        case batch_state::unfit: batch_state_ = batch_state::unfit; return;
    }
    batch_octets_ += whole.size();
    if (batch_octets_ > kept_request::longest || type == from_client::parse || type == from_client::close ||
        (type == from_client::execute && !batch_describes_)) {
        batch_state_ = batch_state::unfit;
        return;
    }
    batch_describes_ = batch_describes_ || type == from_client::describe;
    if (type == from_client::sync) {
        batch_state_ = batch_state::complete;
    }
}

}  // namespace penstock::postgresql
