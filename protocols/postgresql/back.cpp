// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/back.hpp"

#include "protocols/postgresql/errors.hpp"
#include "protocols/postgresql/front.hpp"

#include <array>
#include <string_view>

namespace penstock::postgresql {

reply_extras::~reply_extras() = default;

namespace {

/// Frames that have to be whole to be judged are held up to here; row data and COPY data never are.
constexpr std::size_t longest_held = 16 * 1024 * 1024;

/// Bodies that nobody but the client reads and that end nothing.
bool is_hopped_over(char type)
{
    return type == from_server::data_row || type == from_server::copy_data || type == from_server::notice_response ||
           type == from_server::notification_response || type == from_server::function_call_response;
}

/// What comes at any time.
constexpr type_set unasked{"NA"};

/// What a reply is made of.
struct reply_grammar {
    type_set members;
    type_set last;
};

/// By reply_kind.
constexpr std::array grammars{
    reply_grammar{.members = type_set{"CITDHdcGZNA"}, .last = type_set{"Z"}},   // query
    reply_grammar{.members = type_set{"1NA"}, .last = type_set{"1"}},           // parse
    reply_grammar{.members = type_set{"2NA"}, .last = type_set{"2"}},           // bind
    reply_grammar{.members = type_set{"tTnNA"}, .last = type_set{"Tn"}},        // describe_statement
    reply_grammar{.members = type_set{"TnNA"}, .last = type_set{"Tn"}},         // describe_portal
    reply_grammar{.members = type_set{"CDIsHdcGNA"}, .last = type_set{"CIs"}},  // execute
    reply_grammar{.members = type_set{"3NA"}, .last = type_set{"3"}},           // close
    reply_grammar{.members = type_set{"ZNA"}, .last = type_set{"Z"}},           // sync
    reply_grammar{.members = type_set{"VZNA"}, .last = type_set{"Z"}},          // function_call
};
static_assert(grammars.size() == static_cast<std::size_t>(reply_kind::function_call) + 1);

/// A failed one that is not of the extended protocol goes on as a Sync's does.
const reply_grammar& grammar_of(const expected_reply& reply)
{
    const auto kind = reply.failed && !is_extended(reply.kind) ? reply_kind::sync : reply.kind;
    return grammars[static_cast<std::size_t>(kind)];
}

}  // namespace

void back::announce(expected_reply&& reply, front& client, outbox& to_client)
{
    reply.batch = batch_;
    if (reply.kind == reply_kind::sync) {
        ++batch_;
        reply.failed = skipping_;  // its batch has been told
        unsynced_ = false;
        in_batch_ = false;
        skipping_ = false;
    } else if (is_extended(reply.kind)) {
        unsynced_ = unsynced_ || reply.why == purpose::client;
        in_batch_ = true;
    } else {
        unsynced_ = false;
    }
    expected_.push(std::move(reply));
    if (has_to_make_up() && expected_.size() == 1) {
        make_up_replies(client, to_client);
    }
}

bool back::ensure_known(const statement_ptr& wanted,
                        std::string_view name,
                        front& client,
                        outbox& to_server,
                        outbox& to_client,
                        reply_disposition on_reply)
{
    if (statements.knows(wanted, batch_) || is_being_prepared(wanted, name)) {
        return false;
    }
    make_way(wanted, client, to_server, to_client);
    append_parse(to_server.made(), wanted->server_name, wanted->definition);
    client.count_prepared(!name.empty());
    statements.insert(wanted, batch_);
    expected_reply reply{reply_kind::parse, on_reply, purpose::prepare};
    reply.prepares = wanted;
    announce(std::move(reply), client, to_client);
    return true;
}

/// The client's own Parse of it, under this name, is under way: if that fails, what uses the name has to fail as well.
bool back::is_being_prepared(const statement_ptr& wanted, std::string_view name) const
{
    for (std::size_t place = expected_.size(); place > 0 && !name.empty(); --place) {
        const auto& owed = expected_[place - 1];
        if (const auto* const change = owed.change(); change != nullptr && change->name == name) {
            return owed.prepares == wanted && statements.was_sent_in(wanted, owed.batch);
        }
    }
    return false;
}

void back::make_way(const statement_ptr& wanted, front& client, outbox& to_server, outbox& to_client)
{
    forget(wanted, client, to_server, to_client);
    while (const auto excess = statements.take_excess(statement_limit_ > 0 ? statement_limit_ - 1 : 0)) {
        send_close(excess, client, to_server, to_client);
        client.count_evicted();
    }
}

void back::forget(const statement_ptr& gone, front& client, outbox& to_server, outbox& to_client)
{
    if (statements.may_hold(gone)) {
        statements.erase(gone);
        send_close(gone, client, to_server, to_client);
    }
}

void back::send_close(const statement_ptr& leaving, front& client, outbox& to_server, outbox& to_client)
{
    auto& out = to_server.made();
    const auto place = begin_frame(out, from_client::close);
    out.append("S").append(leaving->server_name).push_back('\0');
    end_frame(out, place);
    statements.begin_close(leaving);
    expected_reply reply{reply_kind::close, reply_disposition::swallow, purpose::evict};
    reply.prepares = leaving;
    announce(std::move(reply), client, to_client);
}

advance_result back::take(bytes chunk, front& client, outbox& to_client)
{
    while (!chunk.empty()) {
        if (frame_left_ > 0) {
            const auto part = chunk.substr(0, frame_left_);
            if (relaying_frame_) {
                to_client.pass(part);
            }
            frame_left_ -= part.size();
            chunk.remove_prefix(part.size());
            if (frame_left_ == 0 && has_to_make_up()) {
                make_up_replies(client, to_client);
            }
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
                const auto outcome = begin_hop(header, start, to_client, true);
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
            const auto outcome = frame(header.type, whole, client, to_client, true);
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
            outcome = frame(header.type, bytes{chunk.data(), size}, client, to_client, false);
            chunk.remove_prefix(size);
        } else if (is_hopped_over(header.type) && !must_hold(header.type)) {
            outcome = begin_hop(header, chunk, to_client, false);
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
    const bool is_allowed = take_idle(chunk);
    if (!is_allowed) {
        last_error_ = {error_kind::server_lost, "the server said what an idle one does not say", {}};
    }
    return is_allowed;
}

bool back::take_idle(bytes chunk)
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
            if (!body.finished_cleanly() || !note_reported(name, value)) {
                return false;
            }
        } else if (header.type != from_server::notice_response) {
            return false;
        }
        chunk.remove_prefix(header.frame_size());
    }
    return chunk.empty();
}

bool back::note_reported(std::string_view name, std::string_view value)
{
    constexpr std::size_t most_names = 1000;
    constexpr std::size_t longest_value = 64 * 1024;
    const auto known = reported.find(name);
    if (value.size() > longest_value || (known == reported.end() && reported.size() >= most_names)) {
        return false;
    }
    if (known != reported.end()) {
        known->second = value;
    } else {
        reported.emplace(name, value);
    }
    return true;
}

bool back::owes_client() const
{
    for (std::size_t place = 0; place < expected_.size(); ++place) {
        if (expected_[place].why == purpose::client) {
            return true;
        }
    }
    return unsynced_ || ready_withheld_;
}

/// A hopped-over frame that all the same has to be whole: the rows of what we ask for ourselves.
bool back::must_hold(char type)
{
    return type == from_server::data_row && !expected_.empty() &&
           (expected_.front().why == purpose::probe || expected_.front().why == purpose::pins ||
            expected_.front().why == purpose::begin);
}

advance_result back::begin_hop(const frame_header& header, bytes start, outbox& to_client, bool copied)
{
    if (!fits(header.type)) {
        return fault("a message out of order");
    }
    relaying_frame_ = is_relayed(header.type);
    frame_left_ = header.frame_size() - start.size();
    if (relaying_frame_) {
        relay(start, to_client, copied);
    }
    return advance_result::ok;
}

bool back::is_relayed(char type) const
{
    if (expected_.empty() || type == from_server::notification_response) {
        return true;
    }
    return expected_.front().how == reply_disposition::relay;
}

/// An error of the first part of a query ends all of it.
bool back::is_ready_relayed() const
{
    const bool is_first_part = expected_.front().goes_on && !expected_.front().failed;
    return is_relayed(from_server::ready_for_query) && !is_first_part;
}

/// `octets` begin with the frame's type.
void back::relay(bytes octets, outbox& to_client, bool copied)
{
    relayed_ = relayed_ || !unasked.has(octets.front());
    if (copied) {
        to_client.made().append(octets);
    } else {
        to_client.pass(octets);
    }
}

advance_result back::frame(char type, bytes whole, front& client, outbox& to_client, bool copied)
{
    if (type == from_server::error_response) {
        return on_error(body_of(whole), whole, client, to_client, copied);
    }
    if (type == from_server::parameter_status) {
        return on_parameter_status(body_of(whole), whole, client, to_client, copied);
    }
    if (!fits(type)) {
        return fault("a message out of order");
    }
    switch (type) {
        case from_server::ready_for_query: return on_ready(whole, client, to_client, copied);
        case from_server::copy_in_response:
            if (const auto outcome = begin_copy_in(); outcome != advance_result::ok) {
                return outcome;
            }
            break;
        case from_server::command_complete:
            copying_in_ = false;
            syncs_in_copy_ = 0;
            break;
        case from_server::data_row:
            if ((expected_.front().why == purpose::probe && !client.on_probe_row(body_of(whole), *this)) ||
                (expected_.front().why == purpose::pins && !client.on_pins_row(body_of(whole)))) {
                return fault("an answer that was not asked for");
            }
            if (expected_.front().why == purpose::begin) {
                client.on_isolation(body_of(whole));
            }
            break;
        default: break;
    }
    const bool last = !expected_.empty() && grammar_of(expected_.front()).last.has(type);
    if (is_relayed(type)) {
        relay(whole, to_client, copied);
    }
    if (last) {
        complete(client, to_client);
    }
    return advance_result::ok;
}

advance_result back::on_ready(bytes whole, front& client, outbox& to_client, bool copied)
{
    const auto status = body_of(whole);
    if (status.size() != 1 || (status[0] != 'I' && status[0] != 'T' && status[0] != 'E')) {
        return fault("a ReadyForQuery with an unknown status");
    }
    if (expected_.front().why == purpose::begin && status[0] != 'T') {
        return fault("no transaction after BEGIN");
    }
    transaction_status_ = status[0];
    const auto& ended = expected_.front();
    const bool relayed = is_ready_relayed();
    if (relayed) {
        client.report_resets(ended, to_client);
    }
    if (expected_.size() == 1 || ended.why == purpose::probe) {
        last_ready(whole, client, to_client, copied);
        return advance_result::ok;
    }
    if (relayed) {
        relay(whole, to_client, copied);
    }
    complete(client, to_client);
    return advance_result::ok;
}

/// A ReadyForQuery that ends a probe, or after which the server owes nothing more. Where parameters may have changed,
/// the client gets its ReadyForQuery only once they have been asked for: what it was told to be set must not get lost
/// with this server.
void back::last_ready(bytes whole, front& client, outbox& to_client, bool copied)
{
    const bool relayed = is_ready_relayed();
    if (expected_.front().why == purpose::probe && ready_withheld_) {
        ready_withheld_ = false;
        append_ready(to_client.made(), transaction_status_);  // before what complete() makes up
    }
    complete(client, to_client);
    if (relayed && transaction_status_ == 'I' && client.parameters().needs_probe()) {
        ready_withheld_ = true;
    } else if (relayed) {
        relay(whole, to_client, copied);
    }
}

advance_result back::on_parameter_status(bytes body, bytes whole, front& client, outbox& to_client, bool copied)
{
    byte_reader reader{body};
    const auto name = reader.c_string();
    const auto value = reader.c_string();
    if (!reader.finished_cleanly() || !note_reported(name, value)) {
        return fault("a malformed ParameterStatus");
    }
    const auto* const during = expected_.empty() ? nullptr : &expected_.front();
    relayed_for_good_ = true;
    if (client.on_parameter_status(name, value, during, expected_.size() > 1)) {
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
    const bool stale =
        report.sqlstate == "0A000" && head.kind == reply_kind::bind && head.prepares &&
        (report.routine == "RevalidateCachedQuery" || report.message == "cached plan must not change result type");
    if (stale && client.heal(head.prepares, batch_is_alone(), *this)) {
        mute_batch();
    } else if (is_replica && !stale && move_elsewhere(report, client, to_client)) {
        mute_batch();
    } else if (head.why == purpose::client && client.has_repeated_a_write(report.sqlstate)) {
        encode_error({error_kind::outcome_unknown, {}, {}}, to_client.made(), false);
        relayed_ = true;
    } else if (const auto* const instead = head.instead()) {
        encode_error(*instead, to_client.made(), false);
        relayed_ = true;
    } else if (head.how == reply_disposition::relay || head.how == reply_disposition::swallow_success) {
        relay(whole, to_client, copied);
    } else {
        client.on_injected_failure(head.why, *this);
        if (head.why == purpose::begin) {
            return advance_result::lost;  // the client has been told of its success
        }
    }
    refuse(head, report.sqlstate, client);
    if (is_extended(head.kind)) {
        skip_to_sync(client);
    }
    return syncs_in_copy_ > 0 ? lose_count_of_syncs() : advance_result::ok;
}

/// Whether a message of this type may come now.
bool back::fits(char type) const
{
    return expected_.empty() ? unasked.has(type) : grammar_of(expected_.front()).members.has(type);
}

advance_result back::fault(std::string what)
{
    last_error_ = {error_kind::server_lost, "the server sent " + std::move(what), "08P01"};
    return advance_result::violation;
}

}  // namespace penstock::postgresql
