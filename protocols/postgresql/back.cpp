// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/back.hpp"

#include "protocols/postgresql/errors.hpp"
#include "protocols/postgresql/front.hpp"

#include <cstring>

namespace penstock::postgresql {

namespace {

/// Frames that have to be whole to be judged are held up to here; row data and COPY data never are.
constexpr std::size_t longest_held = 16 * 1024 * 1024;

bool is_extended(reply_kind kind)
{
    switch (kind) {
    case reply_kind::parse:
    case reply_kind::bind:
    case reply_kind::describe_statement:
    case reply_kind::describe_portal:
    case reply_kind::execute:
    case reply_kind::close: return true;
    case reply_kind::query:
    case reply_kind::sync:
    case reply_kind::function_call: return false;
    }
    return false;
}

/// Bodies that nobody but the client reads and that end nothing.
bool is_hopped_over(char type)
{
    return type == from_server::data_row || type == from_server::copy_data || type == from_server::notice_response ||
           type == from_server::notification_response;
}

}  // namespace

expected_reply* back::announce(expected_reply reply, front& client, outbox& to_client)
{
    if (reply.kind == reply_kind::sync) {
        unsynced_ = false;
        skipping_ = false;
    } else if (skipping_) {
        undo(reply, client);
        return nullptr;
    } else if (is_extended(reply.kind)) {
        unsynced_ = unsynced_ || reply.why == purpose::client;
    } else {
        unsynced_ = false;
    }
    const bool made_up = reply.how == reply_disposition::synthesise;
    auto* const entry = &expected_.push(std::move(reply));
    if (made_up && expected_.size() == 1) {
        make_up_replies(client, to_client);
        return nullptr;
    }
    return entry;
}

bool back::ensure_known(const statement_ptr& wanted,
                        front& client,
                        outbox& to_server,
                        outbox& to_client,
                        reply_disposition on_reply)
{
    if (statements.touch(wanted)) {
        return false;
    }
    make_room(client, to_server, to_client);
    auto& out = to_server.made();
    const auto place = begin_frame(out, from_client::parse);
    out.append(wanted->server_name).push_back('\0');
    out.append(wanted->definition);
    end_frame(out, place);
    statements.insert(wanted);
    expected_reply reply{.kind = reply_kind::parse, .how = on_reply, .why = purpose::prepare};
    reply.prepares = wanted;
    announce(std::move(reply), client, to_client);
    return true;
}

void back::make_room(front& client, outbox& to_server, outbox& to_client)
{
    while (const auto excess = statements.take_excess(statement_limit_ > 0 ? statement_limit_ - 1 : 0)) {
        auto& out = to_server.made();
        const auto place = begin_frame(out, from_client::close);
        out.append("S").append(excess->server_name).push_back('\0');
        end_frame(out, place);
        expected_reply reply{.kind = reply_kind::close, .how = reply_disposition::swallow, .why = purpose::evict};
        reply.prepares = excess;
        announce(std::move(reply), client, to_client);
    }
}

advance_result back::advance(bytes chunk, front& client, outbox& to_client)
{
    while (!chunk.empty()) {
        if (frame_left_ > 0) {
            const auto part = chunk.substr(0, frame_left_);
            if (relaying_frame_) {
                to_client.pass(part);
            }
            frame_left_ -= part.size();
            chunk.remove_prefix(part.size());
            continue;
        }
        if (!held_.empty()) {
            const auto wanted = held_.size() < header_size ? header_size : load_header(held_).frame_size();
            const auto part = chunk.substr(0, wanted - held_.size());
            held_.append(part);
            chunk.remove_prefix(part.size());
            if (held_.size() < header_size) {
                return advance_result::ok;
            }
            const auto header = load_header(held_);
            if (!header.is_sound()) {
                return fault("a message of an impossible length");
            }
            if (is_hopped_over(header.type) && !must_hold(header.type)) {
                const auto start = std::exchange(held_, {});
                const auto outcome = begin_hop(header, start, client, to_client, true);
                if (outcome != advance_result::ok) {
                    return outcome;
                }
                continue;
            }
            if (header.frame_size() > longest_held) {
                return fault("a message longer than what is held");
            }
            if (held_.size() < header.frame_size()) {
                held_.reserve(header.frame_size());
                continue;
            }
            const auto whole = std::exchange(held_, {});
            const auto outcome = frame(header, whole, client, to_client, true);
            if (outcome != advance_result::ok) {
                return outcome;
            }
            continue;
        }
        if (chunk.size() < header_size) {
            held_ = chunk;
            return advance_result::ok;
        }
        const auto header = load_header(chunk);
        if (!header.is_sound()) {
            return fault("a message of an impossible length");
        }
        const auto size = header.frame_size();
        auto outcome = advance_result::ok;
        if (size <= chunk.size()) {
            outcome = frame(header, chunk.substr(0, size), client, to_client, false);
            chunk.remove_prefix(size);
        } else if (is_hopped_over(header.type) && !must_hold(header.type)) {
            outcome = begin_hop(header, chunk, client, to_client, false);
            chunk = {};
        } else {
            held_ = chunk;
            chunk = {};
            if (size > longest_held) {
                return fault("a message longer than what is held");
            }
        }
        if (outcome != advance_result::ok) {
            return outcome;
        }
    }
    return advance_result::ok;
}

bool back::advance_idle(bytes chunk)
{
    while (chunk.size() >= header_size) {
        const auto header = load_header(chunk);
        if (!header.is_sound() || header.frame_size() > chunk.size()) {
            return false;
        }
        byte_reader body{chunk.substr(header_size, header.body_size())};
        if (header.type == from_server::parameter_status) {
            const auto name = body.c_string();
            const auto value = body.c_string();
            reported[std::string{name}] = value;
        } else if (header.type != from_server::notice_response) {
            return false;
        }
        chunk.remove_prefix(header.frame_size());
    }
    return chunk.empty();
}

bool back::owes_client() const
{
    for (std::size_t place = 0; place < expected_.size(); ++place) {
        if (expected_[place].why == purpose::client) {
            return true;
        }
    }
    return unsynced_;
}

/// A hopped-over frame that all the same has to be whole: the rows of a probe.
bool back::must_hold(char type)
{
    return type == from_server::data_row && !expected_.empty() && expected_.front().why == purpose::probe;
}

advance_result back::begin_hop(const frame_header& header, bytes start, front& client, outbox& to_client, bool copied)
{
    if (!fits(header.type)) {
        return fault("a message out of order");
    }
    relaying_frame_ = is_relayed(header.type);
    frame_left_ = header.frame_size() - start.size();
    if (relaying_frame_) {
        relay(start, to_client, copied);
    }
    static_cast<void>(client);
    return advance_result::ok;
}

bool back::is_relayed(char type)
{
    if (expected_.empty() || type == from_server::notification_response) {
        return true;
    }
    return expected_.front().how == reply_disposition::relay;
}

void back::relay(bytes octets, outbox& to_client, bool copied)
{
    relayed_ = true;
    if (copied) {
        to_client.made().append(octets);
    } else {
        to_client.pass(octets);
    }
}

advance_result back::frame(const frame_header& header, bytes whole, front& client, outbox& to_client, bool copied)
{
    const auto body = whole.substr(header_size);
    if (header.type == from_server::error_response) {
        return on_error(body, whole, client, to_client, copied);
    }
    if (header.type == from_server::parameter_status) {
        return on_parameter_status(body, whole, client, to_client, copied);
    }
    if (!fits(header.type)) {
        return fault("a message out of order");
    }
    if (header.type == from_server::ready_for_query) {
        if (body != "I" && body != "T" && body != "E") {
            return fault("a ReadyForQuery with an unknown status");
        }
        transaction_status_ = body[0];
    }
    if (header.type == from_server::copy_in_response) {
        copying_in_ = true;
        if (expected_.front().kind == reply_kind::execute) {
            forget_swallowed_syncs();
        }
    } else if (header.type == from_server::command_complete) {
        copying_in_ = false;
    }
    if (header.type == from_server::data_row && expected_.front().why == purpose::probe &&
        !client.on_probe_row(body, *this)) {
        return fault("an answer that was not asked for");
    }
    if (is_relayed(header.type)) {
        relay(whole, to_client, copied);
    }
    if (ends(header.type)) {
        complete(client, to_client);
    }
    return advance_result::ok;
}

advance_result back::on_parameter_status(bytes body, bytes whole, front& client, outbox& to_client, bool copied)
{
    byte_reader reader{body};
    const auto name = reader.c_string();
    const auto value = reader.c_string();
    if (!reader.finished_cleanly() || reported.size() > 1000) {
        return fault("a malformed ParameterStatus");
    }
    reported[std::string{name}] = value;
    const auto during = expected_.empty() ? purpose::client : expected_.front().why;
    if (client.on_parameter_status(name, value, during)) {
        relay(whole, to_client, copied);
    }
    return advance_result::ok;
}

advance_result back::on_error(bytes body, bytes whole, front& client, outbox& to_client, bool copied)
{
    const auto report = decode_error(body);
    last_error_ = {error_kind::server_lost, std::string{report.message}, std::string{report.sqlstate}};
    if (report.severity == "FATAL" || report.severity == "PANIC") {
        return advance_result::lost;
    }
    if (expected_.empty()) {
        return fault("an error that answers nothing");
    }
    auto& head = expected_.front();
    head.failed = true;
    copying_in_ = false;
    const bool stale = report.sqlstate == "0A000" && head.kind == reply_kind::bind &&
                       report.message == "cached plan must not change result type";
    if (stale && client.heal(batch_is_alone())) {
        mute_batch();
    } else if (head.how == reply_disposition::relay || head.how == reply_disposition::swallow_success) {
        relay(whole, to_client, copied);
    } else {
        client.on_injected_failure(head.why, *this);
    }
    if (is_extended(head.kind)) {
        skip_to_sync(client);
        make_up_replies(client, to_client);
    }
    return advance_result::ok;
}

/// Whether a message of this type may come now.
bool back::fits(char type) const
{
    if (type == from_server::notice_response || type == from_server::notification_response) {
        return true;
    }
    if (expected_.empty()) {
        return false;
    }
    const auto& head = expected_.front();
    if (head.failed && !is_extended(head.kind)) {
        return type == from_server::ready_for_query;
    }
    const auto one_of = [type](const char* types) { return std::strchr(types, type) != nullptr; };
    switch (head.kind) {
    case reply_kind::query: return one_of("CITDHdcGZ");
    case reply_kind::parse: return type == from_server::parse_complete;
    case reply_kind::bind: return type == from_server::bind_complete;
    case reply_kind::describe_statement: return one_of("tTn");
    case reply_kind::describe_portal: return one_of("Tn");
    case reply_kind::execute: return one_of("CDIsHdcG");
    case reply_kind::close: return type == from_server::close_complete;
    case reply_kind::sync: return type == from_server::ready_for_query;
    case reply_kind::function_call: return one_of("VZ");
    }
    return false;
}

/// Whether a fitting message of this type is the last of the reply that is due.
bool back::ends(char type) const
{
    if (expected_.empty()) {
        return false;
    }
    switch (expected_.front().kind) {
    case reply_kind::query:
    case reply_kind::sync:
    case reply_kind::function_call: return type == from_server::ready_for_query;
    case reply_kind::parse: return type == from_server::parse_complete;
    case reply_kind::bind: return type == from_server::bind_complete;
    case reply_kind::close: return type == from_server::close_complete;
    case reply_kind::describe_statement:
    case reply_kind::describe_portal: return type == from_server::row_description || type == from_server::no_data;
    case reply_kind::execute:
        return type == from_server::command_complete || type == from_server::empty_query_response ||
               type == from_server::portal_suspended;
    }
    return false;
}

void back::complete(front& client, outbox& to_client)
{
    auto done = expected_.pop();
    client.on_done(done, *this);
    if (!expected_.empty() && expected_.front().how == reply_disposition::synthesise) {
        make_up_replies(client, to_client);
    }
}

/// After an error the server discards messages until the next Sync; what was announced up to there is undone, newest first.
void back::skip_to_sync(front& client)
{
    std::size_t skipped = 0;
    while (skipped < expected_.size() && expected_[skipped].kind != reply_kind::sync) {
        ++skipped;
    }
    skipping_ = skipped == expected_.size();
    for (std::size_t place = skipped; place > 0; --place) {
        auto& reply = expected_[place - 1];
        undo(reply, client);
        if (place == 1) {
            client.on_done(reply, *this);
        }
    }
    for (; skipped > 0; --skipped) {
        expected_.pop();
    }
}

/// The server ignores a Sync that comes while it reads COPY data; "COPY Operations" in the PostgreSQL manual.
void back::forget_swallowed_syncs()
{
    while (expected_.size() > 1 && expected_[1].kind == reply_kind::sync) {
        expected_[1] = std::move(expected_[0]);
        expected_.pop();
        unsynced_ = expected_.size() == 1;
    }
}

/// The batch under way is the last one sent, its Sync included, and the client has nothing of its answer.
bool back::batch_is_alone() const
{
    if (relayed_) {
        return false;
    }
    for (std::size_t place = 0; place + 1 < expected_.size(); ++place) {
        if (expected_[place].kind == reply_kind::sync) {
            return false;
        }
    }
    return expected_[expected_.size() - 1].kind == reply_kind::sync;
}

/// The client gets nothing of the batch at the front: it will be sent again.
void back::mute_batch()
{
    for (std::size_t place = 0; place < expected_.size(); ++place) {
        expected_[place].how = reply_disposition::swallow;
        if (expected_[place].kind == reply_kind::sync) {
            return;
        }
    }
}

void back::make_up_replies(front& client, outbox& to_client)
{
    while (!expected_.empty() && expected_.front().how == reply_disposition::synthesise) {
        auto reply = expected_.pop();
        const char type = reply.kind == reply_kind::parse ? from_server::parse_complete : from_server::close_complete;
        append_frame(to_client.made(), type, {});
        relayed_ = true;
        client.on_done(reply, *this);
    }
}

void back::undo(expected_reply& skipped, front& client)
{
    skipped.failed = true;
    if (skipped.why == purpose::evict) {
        statements.insert(skipped.prepares);  // the server still has it
    } else if (skipped.prepares) {
        statements.erase(skipped.prepares);
    }
    if (skipped.change) {
        client.undo(*skipped.change);
    }
    if (skipped.kind == reply_kind::parse) {
        unnamed_stamp = 0;  // if it was the unnamed one; else it costs one Parse
    }
}

advance_result back::fault(std::string what)
{
    last_error_ = {error_kind::server_lost, "the server sent " + std::move(what), "08P01"};
    return advance_result::violation;
}

}  // namespace penstock::postgresql
