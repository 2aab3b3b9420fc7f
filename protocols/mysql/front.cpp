// SPDX-License-Identifier: Apache-2.0
//
// Packets of the client: which are whole commands, which pass through in pieces, and what belongs to a file it sends.
// front_ready.cpp has what goes in front of a command, front_commands.cpp and front_statements.cpp what each means,
// front_state.cpp what its reply changes.
#include "protocols/mysql/front.hpp"

#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/handshake.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace penstock::mysql {

namespace {

/// Up to here every command is taken whole; beyond, those that can be long pass through in pieces.
constexpr std::size_t short_command = 16 * 1024;
constexpr std::size_t longest_application_name = 255;
/// The head of COM_STMT_EXECUTE (65535 types with names) may be this long.
constexpr std::size_t longest_head = 1024 * 1024;

bool may_be_long(command what)
{
    return what == command::query || what == command::stmt_prepare || what == command::stmt_execute ||
           what == command::stmt_send_long_data || what == command::stmt_bulk_execute;
}

}  // namespace

front::front(statement_store& store, front_limits limits, parameter_set_ptr startup, std::uint64_t stamp)
    : store_{store}, limits_{limits}, stamp_{stamp}, state_{std::move(startup)}
{
}

front::~front() = default;

void front::logged_in(const client_identity& who)
{
    capabilities_ = who.capabilities;
    login_sequence_ = who.next_sequence;
    connection_id_ = who.connection_id;
    login_schema_ = who.database;
    collation_ = who.collation;
    for (const auto& [name, value] : who.attributes) {
        if (name == "program_name") {
            application_name_ = value.substr(0, longest_application_name);
        }
    }
    has_nonce_ = who.nonce.size() == nonce_.size();
    if (has_nonce_) {
        std::copy(who.nonce.begin(), who.nonce.end(), nonce_.begin());
    }
}

client_identity front::identity() const
{
    client_identity who;
    who.capabilities = capabilities_;
    who.collation = collation_;
    if (!application_name_.empty()) {
        who.attributes.emplace_back("program_name", application_name_);
    }
    who.connection_id = connection_id_;
    who.nonce = has_nonce_ ? std::string{nonce_.begin(), nonce_.end()} : std::string{};
    return who;
}

front_progress front::consume(bytes input, back* server, outbox& to_server, outbox& to_client)
{
    std::size_t at = 0;
    while (at < input.size()) {
        const auto rest = input.substr(at);
        if (stream_begun_ || stream_dropped_) {
            const auto taken = stream(rest, to_server, to_client);
            if (collector_ && collector_->has_kill()) {  // the server has not got all of it, and never will
                return {at, fail(error_kind::unsupported_feature, "KILL in a text as long as this one")};
            }
            if (taken == 0) {
                break;
            }
            at += taken;
            continue;
        }
        if (server != nullptr && (server->wants_file() || (frame_left_ > 0 && stream_ == stream_kind::none))) {
            const auto taken = take_file(rest, *server, to_server);
            if (taken == 0) {
                break;
            }
            if (taken == std::string::npos) {
                return {at, front_need::close};
            }
            at += taken;
            continue;
        }
        if (rest.size() < header_size) {
            break;
        }
        const auto header = load_header(rest);
        if (header.length == 0) {
            return {at, fail(error_kind::protocol_violation, "a command without a body")};
        }
        if (header.sequence != 0) {
            return {at, fail(error_kind::protocol_violation, "Got packets out of order")};
        }
        if (rest.size() == header_size) {
            break;
        }
        const auto what = static_cast<command>(rest[header_size]);
        if (what == command::quit) {
            return {at, front_need::leave};
        }
        if (server != nullptr && !server->is_quiet()) {
            return {at, front_need::answers};
        }
        const bool is_long = header.goes_on() || header.length > whole_limit(what);
        if (is_long && !may_be_long(what)) {
            return {at, fail(error_kind::limit_exceeded, "Got a packet bigger than this command can be")};
        }
        if (!is_long && rest.size() < header.frame_size()) {
            break;
        }
        command_sequence_ = 1;
        is_known_plain_ = std::exchange(asked_plainly_, false);
        const auto payload = rest.substr(header_size, header.length);
        if (lost_) {
            const bool is_followed = rest.size() > header.frame_size();
            const auto step = in_lost_transaction(what, payload, !is_long, is_followed, to_client);
            at += step != lost_step::goes_on && !is_long ? header.frame_size() : 0;
            if (step == lost_step::close) {
                return {at, front_need::close};
            }
            if (step == lost_step::answered) {
                continue;
            }
        }
        stream_begun_ = false;
        if (server != nullptr) {
            state_.on_server(server->is_mariadb());
            check_collation(*server);
        }
        if (routing_) {
            const bool is_free = server == nullptr || server->is_idle();
            if (!is_long && what == command::query && is_free && hold_back(payload, to_client)) {
                at += header.frame_size();
                continue;
            }
            if (const auto need = choose(what, payload, !is_long, server); need != front_need::more) {
                return {at, need};
            }
        }
        const bool gives_up = routing_ && std::exchange(routing_->gives_up, false);
        const auto need = gives_up  ? give_up(what, !is_long, *server, to_server, to_client)
                          : is_long ? begin_stream(what, payload, server, to_server, to_client)
                                    : whole_command(what, payload, server, to_server, to_client);
        if (!is_long && need == front_need::more && server != nullptr) {
            keep_request(rest.substr(0, header.frame_size()), *server);
        }
        if (routing_ && (!is_long || need != front_need::more || stream_begun_ || stream_dropped_)) {
            note_outcome(need, is_long ? bytes{} : rest.substr(0, header.frame_size()), server);
        }
        if (need == front_need::kill || need == front_need::log_in) {
            return {at + header.frame_size(), need};
        }
        if (need != front_need::more) {
            return {at, need};
        }
        if (!is_long) {
            at += header.frame_size();
        } else if (!stream_begun_ && !stream_dropped_) {
            break;  // its head has not come yet
        }
    }
    return {at, front_need::more};
}

std::size_t front::whole_limit(command what) const
{
    const bool is_text = what == command::query || what == command::stmt_prepare;
    if (what == command::change_user) {
        return longest_login_packet;
    }
    return is_text ? std::max(short_command, std::min<std::size_t>(limits_.inspected_statement, longest_frame - 16))
                   : short_command;
}

front_need front::whole_command(command what, bytes payload, back* server, outbox& to_server, outbox& to_client)
{
    switch (what) {
        case command::query: return query(payload, server, to_server, to_client);
        case command::init_db: return init_db(payload, server, to_server, to_client);
        case command::set_option: return set_option(payload, server, to_server, to_client);
        case command::reset_connection: return reset_connection(payload, server, to_server, to_client);
        case command::stmt_prepare: return prepare(payload, server, to_server, to_client);
        case command::stmt_execute:
        case command::stmt_bulk_execute: return execute(what, payload, true, server, to_server, to_client);
        case command::stmt_fetch: return fetch(payload, server, to_server, to_client);
        case command::stmt_reset: return reset_statement(payload, server, to_server, to_client);
        case command::stmt_close: return close_statement(payload, server, to_server);
        case command::stmt_send_long_data: return long_data(payload, true, server, to_server, to_client);
        case command::ping:
            if (server == nullptr) {
                row_count_ = 0;
                ++sent_;  // the server that ran the last statement does not know of this one
                return answer_ok(to_client, was_on_mariadb_ ? 0 : told_warnings_);
            }
            return simple(what, reply_kind::ok, payload, server, to_server, to_client);
        case command::field_list: return simple(what, reply_kind::field_list, payload, server, to_server, to_client);
        case command::statistics: return simple(what, reply_kind::text, payload, server, to_server, to_client);
        case command::process_info: return simple(what, reply_kind::query, payload, server, to_server, to_client);
        case command::change_user: login_request_ = payload; return front_need::log_in;
        case command::process_kill: return process_kill(payload, to_client);
        case command::debug: return simple(what, reply_kind::eof, payload, server, to_server, to_client);
        case command::create_db:
        case command::drop_db:
        case command::refresh: return simple(what, reply_kind::ok, payload, server, to_server, to_client);
        default: break;
    }
    return answer({1047, "08S01"}, "Unknown command", to_client);
}

/// A command that is not held: its first frame has begun to come.
front_need front::begin_stream(command what, bytes payload, back* server, outbox& to_server, outbox& to_client)
{
    if (server == nullptr && refusal_ && what != command::stmt_send_long_data) {
        drop_stream(std::exchange(refusal_, {}));
        return front_need::more;
    }
    if (server != nullptr && server->must_close && catch_up_failures_ > 2) {
        catch_up_failures_ = 0;
        drop_stream(client_error{error_kind::settings_not_applied, catch_up_error_.detail, {}});
        return front_need::more;
    }
    switch (what) {
        case command::stmt_send_long_data: return long_data(payload, false, server, to_server, to_client);
        case command::stmt_execute:
        case command::stmt_bulk_execute:
            if (const auto need = execute(what, payload.substr(0, longest_head), false, server, to_server, to_client);
                need != front_need::more || stream_begun_ || stream_dropped_ || payload.size() < longest_head) {
                return need;
            }
            return fail(error_kind::limit_exceeded, "the head of a COM_STMT_EXECUTE is too long");
        default: break;
    }
    if (const auto stop = get_ready(server, state_.current(), to_server, to_client)) {
        return *stop;
    }
    const bool is_query = what == command::query;
    if (auto failed = std::exchange(injection_error_, {})) {
        drop_stream(std::move(failed));
        return front_need::more;
    }
    if (is_query && bring_insert_id({}, statement_store::plain(), *server, to_server)) {
        return front_need::answers;
    }
    expected_reply reply{is_query ? reply_kind::query : reply_kind::prepare};
    std::string head{payload.substr(0, 1)};
    std::size_t replaced = 1;
    if (is_query) {
        const auto text = query_text(payload);
        if (!text) {
            return payload.size() < short_command ? front_need::more
                                                  : fail(error_kind::limit_exceeded, "too many query attributes");
        }
        const auto attributes = payload.size() - 1 - text->size();
        replaced = 1 + attributes;
        if (has(server->agreed(), capability::query_attributes)) {
            head = attributes > 0 ? std::string{payload.substr(0, replaced)} : head + std::string{'\0', '\1'};
        } else {
            head.append(attributes, ' ');
        }
        ++counters_.queries;
    } else {
        ++counters_.client_parses;
        ++counters_.server_parses;
        pins_.add(pin_reason::large_statement);  // its text is not kept, so only this server knows it
        auto unkept = std::make_shared<statement>();
        unkept->digest = "large " + std::to_string(stamp_) + " " + std::to_string(last_id_ + 1);
        unkept->context = parameter_set::none();
        reply.prepares = unkept;
    }
    collector_ = std::make_unique<effects_collector>();
    collector_->begin(reading());
    counters_.evicted += server->close_excess(to_server.made(), 1);
    start_stream(is_query ? stream_kind::query : stream_kind::prepare, head, replaced, std::move(reply), *server);
    return front_need::more;
}

/// The command's first octets, so many of which are replaced by `head`, have come.
void front::start_stream(stream_kind kind, std::string head, std::size_t replaced, expected_reply&& reply, back& server)
{
    stream_ = kind;
    stream_begun_ = true;
    stream_dropped_ = false;
    stream_reply_ = std::move(reply);
    stream_server_ = &server;
    rewriter_.begin(std::move(head));
    frames_ = 0;
    frame_left_ = replaced;
}

/// The rest of the command is passed over, and then answered with this error, if any.
void front::drop_stream(std::optional<client_error> why)
{
    if (!stream_begun_) {
        frames_ = 0;
        frame_left_ = 0;
    }
    stream_ = stream_kind::query;
    stream_dropped_ = true;
    stream_error_ = std::move(why);
    collector_.reset();
}

/// Octets of a command that passes through. Gives how many were taken.
std::size_t front::stream(bytes rest, outbox& to_server, outbox& to_client)
{
    std::size_t skipped = 0;
    if (frames_ == 0 || frame_left_ == 0) {
        if (frames_ > 0 && frame_is_last_) {
            return 0;
        }
        if (rest.size() < header_size) {
            return 0;
        }
        const auto header = load_header(rest);
        skipped = frames_ == 0 ? std::exchange(frame_left_, 0) : 0;
        if (rest.size() < header_size + skipped) {
            frame_left_ = skipped;
            return 0;
        }
        ++frames_;
        frame_left_ = header.length - skipped;
        frame_is_last_ = !header.goes_on();
        if (!stream_dropped_) {
            rewriter_.frame(frame_left_, frame_is_last_, to_server.made());
        }
        skipped += header_size;
    }
    const auto part = rest.substr(skipped, frame_left_);
    frame_left_ -= part.size();
    if (!stream_dropped_) {
        stream_octets(part, to_server);
    }
    const bool may_end = !collector_ || !collector_->has_kill();
    if (frame_left_ == 0 && frame_is_last_ && may_end) {
        end_stream(to_client);
    }
    return skipped + part.size();
}

void front::stream_octets(bytes part, outbox& to_server)
{
    if (collector_) {
        collector_->feed(part);
        if (collector_->has_kill()) {
            return;
        }
    }
    rewriter_.octets(part, to_server.made());
}

void front::end_stream(outbox& to_client)
{
    const auto kind = std::exchange(stream_, stream_kind::none);
    stream_begun_ = false;
    command_sequence_ = frames_;
    frame_left_ = 0;
    if (std::exchange(stream_dropped_, false)) {
        if (const auto why = std::exchange(stream_error_, {})) {
            answer(*why, to_client);
        }
        collector_.reset();
        return;
    }
    if (kind == stream_kind::long_data) {
        return;  // no reply
    }
    if (collector_) {
        const auto& effects = collector_->finish();
        if (!effects.is_plain()) {
            stream_reply_.effects = std::make_shared<const text_effects>(effects);
            stream_reply_.may_ask_for_file = effects.load_local;
        }
        collector_.reset();
    }
    stream_reply_.client_sequence = command_sequence_;
    stream_reply_.server_sequence = rewriter_.frames();
    stream_server_->note_user(stamp_);
    note_statement(*stream_server_);
    stream_server_->announce(std::exchange(stream_reply_, expected_reply{reply_kind::ok}));
}

/// Octets of the file that the client sends for LOAD DATA LOCAL: its frames go on with the server's numbers. Gives npos
/// where a frame is out of order.
std::size_t front::take_file(bytes rest, back& server, outbox& to_server)
{
    if (frame_left_ > 0) {
        const auto part = rest.substr(0, frame_left_);
        frame_left_ -= part.size();
        to_server.pass(part);
        return part.size();
    }
    if (rest.size() < header_size) {
        return 0;
    }
    auto header = load_header(rest);
    const bool counts_frames = (capabilities_ & (capability::compress | capability::zstd_compression)) != 0;
    if (header.sequence != server.client_sequence() && !counts_frames) {
        fail(error_kind::protocol_violation, "Got packets out of order");
        return std::string::npos;
    }
    frame_left_ = header.length;
    header.sequence = server.file_frame(header);
    char own[header_size];
    store_header(own, header);
    to_server.made().append(own, header_size);
    return header_size;
}

front_need front::fail(error_kind kind, std::string detail)
{
    error_ = {kind, std::move(detail), {}};
    return front_need::close;
}

front_need front::answer(const client_error& why, outbox& to_client)
{
    const auto told = told_of(why);
    return answer(told.code, told.text, to_client);
}

front_need front::answer(error_code code, std::string_view text, outbox& to_client)
{
    note_own_error({code, text});
    encode_err(code, text, to_client.made(), command_sequence_);
    return front_need::more;
}

/// An OK of our own, for what no server needs to be asked.
front_need front::answer_ok(outbox& to_client, std::uint16_t warnings)
{
    ok_packet ok{};
    ok.warnings = warnings;
    ok.status = status_;
    const auto changes = wishes_.tell({}, was_on_mariadb_);
    if (!changes.empty()) {
        ok.status = static_cast<std::uint16_t>(ok.status | server_status::session_state_changed);
        ok.changes = changes;
    }
    encode_ok(ok, capabilities_, to_client.made(), command_sequence_);
    return front_need::more;
}

void front::greet(std::string& out, const parameter_list& reported, const cancel_key&)
{
    for (const auto& [name, value] : reported) {
        if (name == reported_status) {
            status_ = static_cast<std::uint16_t>(std::atoi(value.c_str()) & ~server_status::session_state_changed);
        }
    }
    login_status_ = status_;
    ok_packet ok{};
    ok.status = status_;
    std::string changes;
    if (const auto schema = std::exchange(login_schema_, {}); !schema.empty()) {
        std::string name;
        wire_writer{name}.lenenc_string(schema);
        wire_writer{changes}.u8(static_cast<std::uint8_t>(change_kind::schema)).lenenc_string(name);
        ok.status = static_cast<std::uint16_t>(ok.status | server_status::session_state_changed);
        ok.changes = changes;
    }
    encode_ok(ok, capabilities_, out, login_sequence_);
}

void front::tell_error(const client_error& why, const back* server, std::string& out, bool) const
{
    const bool is_owed = server != nullptr && server->owes_client() && server->expected().front().relayed;
    mysql::encode_error(why, out, is_owed ? server->client_sequence() : command_sequence_);
}

}  // namespace penstock::mysql
