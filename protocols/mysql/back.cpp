// SPDX-License-Identifier: Apache-2.0
//
// Finding the packets of a server, and what each is. back_relay.cpp has what the client gets of them.
#include "protocols/mysql/back.hpp"

#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/front.hpp"
#include "protocols/mysql/session_state.hpp"

namespace penstock::mysql {

namespace {

/// Packets that have to be whole to be judged are held up to here; rows never are.
constexpr std::size_t longest_held = 1024 * 1024;

}  // namespace

void back::logged_in(const server_identity& who)
{
    agreed_ = who.capabilities;
    version_ = who.greeting.version;
    counts_frames_ = (agreed_ & (capability::compress | capability::zstd_compression)) != 0;
    status_ = who.status;
    reported[std::string{reported_status}] = std::to_string(status_);
    for (const auto& [name, value] : who.parameters) {
        if (name == "schema") {
            initial_schema_ = value;
        }
    }
    if (has(agreed_, capability::multi_statements)) {
        parameters = parameters->with(multi_statements_entry, "on");
    }
    was_reset();
}

/// COM_RESET_CONNECTION leaves the schema and COM_SET_OPTION's switch as they are.
void back::was_reset()
{
    statements.clear();
    parameter_list kept;
    for (const auto& name : {schema_entry, multi_statements_entry}) {
        if (const auto* const value = parameters->find(name)) {
            kept.emplace_back(name, *value);
        }
    }
    parameters = parameter_set::of(kept);
    tracks_ = !has(agreed_, capability::session_track);
    table_locks_ = false;
    characteristics_ = false;
    xa_ = 0;
    last_gtid.clear();
    has_insert_id(0);
    shared_ = false;
    is_guarded = false;
    isolation.clear();
    user_ = 0;
    ran_code_ = false;
    own_variables_.clear();
}

void back::note_user(std::uint64_t stamp)
{
    if (user_ == stamp) {
        return;
    }
    shared_ = shared_ || user_ != 0;
    user_ = stamp;
    ran_code_ = false;
    own_variables_.clear();
}

void back::announce(expected_reply&& reply)
{
    relayed_ = false;
    request.drop();
    expected_.push(std::move(reply));
    if (expected_.size() == 1) {
        begin_reply();
    }
}

void back::begin_reply()
{
    const auto& next = expected_.front();
    follower_.begin(next.kind, agreed_);
    client_sequence_ = next.client_sequence;
    server_sequence_.set_next(next.server_sequence);
    owes_eof_ = false;
    first_row_.clear();
    file_goes_on_ = false;
}

std::uint8_t back::file_frame(packet_header header)
{
    const auto number = server_sequence_.next();
    server_sequence_.set_next(static_cast<std::uint8_t>(number + 1));
    client_sequence_ = static_cast<std::uint8_t>(header.sequence + 1);
    if (header.length == 0 && !file_goes_on_) {
        follower_.on_file_end();
    }
    file_goes_on_ = header.goes_on();
    return number;
}

std::uint32_t back::close_excess(std::string& to_server, std::size_t keep_free)
{
    std::uint32_t evicted = 0;
    const auto limit = statement_limit_ > keep_free ? statement_limit_ - keep_free : 0;
    while (const auto id = statements.take_excess(limit)) {
        to_close.push_back(id);
        ++evicted;
    }
    for (const auto id : to_close) {
        std::string payload{static_cast<char>(command::stmt_close)};
        wire_writer{payload}.u32(id);
        append_packet(to_server, 0, payload);
    }
    to_close.clear();
    return evicted;
}

bool back::owes_client() const
{
    for (std::size_t place = 0; place < expected_.size(); ++place) {
        if (expected_[place].why == purpose::client) {
            return true;
        }
    }
    return false;
}

/// What comes before the first row waits for more of the answer: it has to be asked for anew where the replica refuses
/// the command after all, or is lost.
advance_result back::advance_replica(bytes chunk, front& client, outbox& to_client)
{
    relayed_before_ = relayed_;
    to_client.made().append(std::exchange(beginning_, {}));
    const auto outcome = take(chunk, client, to_client);
    relayed_ = relayed_before_ || !to_client.empty();
    if (outcome == advance_result::ok && relayed_ && !relayed_before_ && has_only_begun() && client.may_send_again()) {
        beginning_ = to_client.contents();
        to_client.clear();
        relayed_ = false;
    }
    return outcome;
}

bool back::has_only_begun() const
{
    if (expected_.empty() || frame_left_ > 0) {
        return false;
    }
    const auto& head = expected_.front();
    return head.why == purpose::client && head.rows == 0 && !head.has_result && head.kind != reply_kind::prepare;
}

advance_result back::take(bytes chunk, front& client, outbox& to_client)
{
    while (!chunk.empty()) {
        if (expected_.empty() || doubt_ != doubt::none) {
            return unasked(chunk);
        }
        if (frame_left_ > 0) {
            hop(chunk, to_client);
            continue;
        }
        if (is_plain_result_next(chunk, client) && take_plain_result(chunk, client, to_client)) {
            continue;
        }
        if (follower_.is_among_rows() && held_.empty()) {
            take_rows(chunk, client, to_client);
            if (chunk.empty()) {
                break;
            }
        }
        const bool copied = !held_.empty();
        auto next = judge(copied ? bytes{held_} : chunk, client);
        while (copied && next.need > held_.size() && !chunk.empty()) {
            const auto part = chunk.substr(0, next.need - held_.size());
            held_.append(part);
            chunk.remove_prefix(part.size());
            next = judge(held_, client);
        }
        if (next.need > longest_held + header_size) {
            return fault("a packet longer than what is held");
        }
        if (next.need > (copied ? held_.size() : chunk.size())) {
            if (!copied) {
                held_ = chunk;
            }
            return advance_result::ok;
        }
        auto outcome = advance_result::ok;
        if (copied) {
            const auto start = std::exchange(held_, {});
            outcome = frame(start, next.role, true, client, to_client);
        } else {
            const auto size = std::min(load_header(chunk).frame_size(), chunk.size());
            outcome = frame({chunk.data(), size}, next.role, false, client, to_client);
            chunk.remove_prefix(size);
        }
        if (outcome != advance_result::ok) {
            return outcome;
        }
    }
    return advance_result::ok;
}

/// Nothing is owed, so nothing may come, whatever its number: not even the start of a packet. A server that ends the
/// connection says why in an ERR packet.
advance_result back::unasked(bytes chunk)
{
    if (chunk.size() > header_size && load_header(chunk).frame_size() <= chunk.size()) {
        if (const auto err = decode_err(chunk.substr(header_size, load_header(chunk).length))) {
            last_error_ = {error_kind::server_lost, std::string{err->message}, std::string{err->sqlstate}};
            return advance_result::lost;
        }
    }
    return fault("what answers nothing");
}

back::next_packet back::judge(bytes start, const front& client) const
{
    constexpr auto none = message_role::unexpected;
    if (start.size() < header_size) {
        return {header_size, none};
    }
    const auto header = load_header(start);
    if (continues_ || header.length == 0) {
        return {header_size, none};
    }
    if (start.size() == header_size) {
        return {header_size + 1, none};
    }
    const auto role = follower_.role_of(static_cast<std::uint8_t>(start[header_size]), header.length);
    const bool is_whole = must_be_whole(role) || captures() || may_be_out_parameters(header, client);
    return {is_whole ? header.frame_size() : header_size + 1, role};
}

/// The first row of a result of CALL, which may be all that there is: then the EOF in front of it says what it is.
bool back::may_be_out_parameters(packet_header row, const front& client) const
{
    const auto& head = expected_.front();
    return owes_eof_ && first_row_.empty() && row.length <= longest_held && head.kind == reply_kind::execute &&
           head.effects && head.effects->runs_code && !has(client.capabilities(), capability::deprecate_eof);
}

/// Rows of what was asked for behind the client's back are read.
bool back::captures() const
{
    const auto why = expected_.front().why;
    return why == purpose::ask_insert_id || why == purpose::ask_found_rows || why == purpose::warnings ||
           why == purpose::ask_warnings || why == purpose::ask_tracking || why == purpose::ask_locks ||
           why == purpose::ask_isolation || why == purpose::ask_role || why == purpose::check_role;
}

bool back::must_be_whole(message_role role)
{
    return role != message_role::row && role != message_role::unexpected;
}

advance_result back::frame(bytes some, message_role role, bool copied, front& client, outbox& to_client)
{
    const auto header = load_header(some);
    if (!server_sequence_.accept(header.sequence) && !counts_frames_) {
        return fault("a packet out of order");
    }
    if (continues_) {
        return begin_hop(header, some, copied, to_client);
    }
    if (header.length == 0) {
        return fault("an empty packet");
    }
    switch (role) {
        case message_role::unexpected: return fault("a packet that fits no reply");
        case message_role::row:
            ++expected_.front().rows;
            if (may_be_out_parameters(header, client)) {
                first_row_ = some;
                return advance_result::ok;
            }
            if (owes_eof_) {
                insert_eof(client, to_client);
            }
            if (captures()) {
                client.on_captured_row(payload_of(some), expected_.front(), *this);
            }
            return begin_hop(header, some, copied, to_client);
        default: return message(role, some, copied, client, to_client);
    }
}

advance_result back::begin_hop(packet_header header, bytes some, bool copied, outbox& to_client)
{
    relaying_frame_ = relays();
    continues_ = header.goes_on();
    frame_left_ = header.frame_size() - some.size();
    if (relaying_frame_) {
        relay(some, copied, to_client);
    }
    return advance_result::ok;
}

void back::hop(bytes& chunk, outbox& to_client)
{
    const auto part = chunk.substr(0, frame_left_);
    if (relaying_frame_) {
        to_client.pass(part);
    }
    frame_left_ -= part.size();
    chunk.remove_prefix(part.size());
}

/// Rows that are there whole, up to the first octets that need a closer look.
void back::take_rows(bytes& chunk, const front& client, outbox& to_client)
{
    if (expected_.empty() || continues_ || captures() || may_be_out_parameters({}, client)) {
        return;
    }
    auto number = server_sequence_.next();
    auto rest = chunk;
    std::uint64_t rows = 0;
    while (rest.size() > header_size) {
        const auto header = load_header(rest);
        const auto size = header.frame_size();
        const bool is_whole_row = size > header_size && size <= rest.size() && !header.goes_on() &&
                                  follower_.is_row(static_cast<std::uint8_t>(rest[header_size]), header.length);
        if (!is_whole_row || (header.sequence != number && !counts_frames_)) {
            break;
        }
        number = static_cast<std::uint8_t>(header.sequence + 1);
        rest.remove_prefix(size);
        ++rows;
    }
    if (rows == 0) {
        return;
    }
    server_sequence_.set_next(number);
    if (owes_eof_) {
        insert_eof(client, to_client);
    }
    auto& head = expected_.front();
    head.rows += rows;
    if (head.relayed) {
        relay_rows(chunk.substr(0, chunk.size() - rest.size()), rows, to_client);
    }
    chunk = rest;
}

advance_result back::message(message_role role, bytes whole, bool copied, front& client, outbox& to_client)
{
    const auto payload = payload_of(whole);
    const bool is_old_eof = payload.size() < 6 && static_cast<std::uint8_t>(payload[0]) == eof_header;
    switch (role) {
        case message_role::ok: return on_ok(whole, copied, false, client, to_client);
        case message_role::rows_end:
            return is_old_eof ? on_eof(whole, copied, true, client, to_client)
                              : on_ok(whole, copied, true, client, to_client);
        case message_role::definitions_end: return on_eof(whole, copied, false, client, to_client);
        case message_role::err: return on_err(whole, copied, client, to_client);
        case message_role::column_count: return on_column_count(whole, copied, client, to_client);
        case message_role::definition: return on_definition(whole, copied, client, to_client);
        case message_role::prepared: return on_prepared(whole, client, to_client);
        case message_role::text:
            follower_.on_text();
            if (relays()) {
                relay(whole, copied, to_client);
            }
            complete(client);
            return advance_result::ok;
        case message_role::local_infile:
            if (!relays() || !expected_.front().may_ask_for_file) {
                return fault("a request for a file that no statement of the client's asks for");
            }
            follower_.on_local_infile();
            relay(whole, copied, to_client);
            return advance_result::ok;
        case message_role::row:
        case message_role::unexpected: break;
    }
    return fault("a packet that fits no reply");
}

void back::complete(front& client)
{
    auto done = expected_.pop();
    if (!expected_.empty()) {
        begin_reply();
    }
    client.on_done(done, *this);
}

advance_result back::fault(std::string what)
{
    last_error_ = {error_kind::outcome_unknown, "the server sent " + what, {}};
    return advance_result::violation;
}

}  // namespace penstock::mysql
