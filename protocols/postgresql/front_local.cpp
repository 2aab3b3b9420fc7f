// SPDX-License-Identifier: Apache-2.0
//
// What is answered without a server, where reads may go to replicas: BEGIN, which waits for the first statement to tell
// where its transaction belongs; the end of a transaction that has had none; and the setting "penstock.route", which no
// server knows of.
//
// Answers have a server's form. What cannot be answered exactly as a server would goes to one.
#include "protocols/postgresql/front.hpp"

#include "protocols/postgresql/errors.hpp"

#include <algorithm>

namespace penstock::postgresql {

namespace {

std::string_view text_of(bytes definition)
{
    return definition.substr(0, definition.find('\0'));
}

void append_complete(std::string& out, std::string_view tag)
{
    append_frame(out, from_server::command_complete, std::string{tag} + '\0');
}

void append_u16(std::string& out, std::uint16_t value)
{
    out.push_back(static_cast<char>(value >> 8));
    out.push_back(static_cast<char>(value & 255));
}

void append_u32(std::string& out, std::uint32_t value)
{
    append_u16(out, static_cast<std::uint16_t>(value >> 16));
    append_u16(out, static_cast<std::uint16_t>(value & 65535));
}

constexpr std::uint32_t oid_of_text = 25;

}  // namespace

/// What is to be sent there would set the setting, or show it.
bool front::is_about_route(std::string_view text, const text_effects& effects, const back& server) const
{
    if (server.transaction_status() == 'E') {
        return false;  // the server refuses it
    }
    if (std::find(effects.touched.begin(), effects.touched.end(), route_setting) != effects.touched.end()) {
        return true;
    }
    const auto kind = may_be_local(text) ? read_local(text, mode_).kind : local_kind::none;
    return kind == local_kind::set_route || kind == local_kind::reset_route || kind == local_kind::show_route;
}

/// Quickly: false for most messages. While a transaction is held back, all of them may. What was judged for want of a
/// server has been looked at then.
bool front::may_concern_us(char type, bytes whole, const back* server)
{
    auto& own = *routes_;
    if (server != nullptr && own.is_judged) {
        return false;
    }
    const auto body = body_of(whole);
    if (type == from_client::parse) {
        const bool is_ours = may_be_local(body.substr(std::min(body.size(), body.find('\0') + 1)));
        own.prepares_ours = own.prepares_ours || is_ours;
        return is_ours || own.block == begun::held;
    }
    if (own.block == begun::held) {
        return true;
    }
    switch (type) {
        case from_client::query: return may_be_local(body);
        case from_client::bind:
        case from_client::describe: return own.prepares_ours || own.portal;
        case from_client::execute: return own.portal.has_value();
        default: return false;
    }
}

bool front::run_locally(const frame_header& header, bytes whole, const back* server, outbox& to_client)
{
    const bool may_answer =
        server == nullptr ? !lost_ && !refusal_
                          : server->is_quiet() && server->transaction_status() != 'E' && !server->withholds_ready();
    if (skipping_ || !may_answer || !healed_batch_.empty()) {
        return false;
    }
    switch (header.type) {
        case from_client::query: return query_locally(whole, server, to_client);
        case from_client::parse: return parse_locally(whole, server, to_client);
        case from_client::bind: return bind_locally(whole, server, to_client);
        case from_client::describe: return describe_locally(whole, to_client);
        case from_client::execute: return execute_locally(whole, server, to_client);
        default: return false;
    }
}

bool front::may_run_locally(const local_statement& what, const back* server) const
{
    const auto& own = *routes_;
    switch (what.kind) {
        case local_kind::begin:
        case local_kind::start: return server == nullptr && own.block == begun::none && !own.only_replicas;
        case local_kind::set_transaction: return server == nullptr && own.block == begun::held;
        case local_kind::set_route: {
            const bool is_sound = what.is_default || route_of_setting(what.value);
            return !what.is_local && (is_sound || server == nullptr || !server->in_transaction());
        }
        case local_kind::reset_route:
        case local_kind::show_route: return true;
        case local_kind::none: break;
    }
    return false;
}

bool front::may_exit_locally(exit_statement what, const back* server) const
{
    return what != exit_statement::none && server == nullptr && routes_->block == begun::held;
}

bool front::query_locally(bytes whole, const back* server, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto text = body.c_string();
    if (!body.finished_cleanly()) {
        return false;
    }
    const auto exit = routes_->block == begun::held ? read_exit(text, mode_) : exit_statement::none;
    if (may_exit_locally(exit, server)) {
        exit_locally(exit, to_client);
    } else {
        const auto what = may_be_local(text) ? read_local(text, mode_) : local_statement{};
        if (!may_run_locally(what, server)) {
            return false;
        }
        if (what.kind == local_kind::show_route) {
            describe_setting(false, to_client);
        }
        answer_locally(what, to_client);
    }
    ++counters_.queries;
    append_ready(to_client.made(), server == nullptr ? status_without_server() : server->transaction_status());
    return true;
}

/// False where that was an error, which fails the transaction that no server knows of.
bool front::answer_locally(const local_statement& what, outbox& to_client)
{
    auto& own = *routes_;
    switch (what.kind) {
        case local_kind::begin:
        case local_kind::start:
            own.block = begun::held;
            own.modes = what.modes;
            own.needs_primary = false;
            append_complete(to_client.made(), what.kind == local_kind::begin ? "BEGIN" : "START TRANSACTION");
            return true;
        case local_kind::set_transaction:
            own.modes.add(what.modes);
            append_complete(to_client.made(), "SET");
            return true;
        case local_kind::show_route: {
            const auto value = value_of_setting(own.wishes.setting);
            auto& out = to_client.made();
            const auto place = begin_frame(out, from_server::data_row);
            append_u16(out, 1);
            append_u32(out, static_cast<std::uint32_t>(value.size()));
            out.append(value);
            end_frame(out, place);
            append_complete(out, "SHOW");
            return true;
        }
        case local_kind::reset_route:
            own.wishes.setting = route_hint::none;
            append_complete(to_client.made(), "RESET");
            return true;
        default: break;
    }
    const auto route = what.is_default ? std::optional{route_hint::none} : route_of_setting(what.value);
    if (route) {
        own.wishes.setting = *route;
        append_complete(to_client.made(), "SET");
        return true;
    }
    client_error why{error_kind::limit_exceeded,
                     "invalid value for parameter \"" + std::string{route_setting} + "\": \"" + what.value + "\"",
                     "22023"};
    encode_error(why, to_client.made(), false);
    if (own.block == begun::held) {
        own.block = begun::none;
        lost_ = std::make_unique<lost_transaction>(std::move(why), true);
    }
    return false;
}

/// The client's transaction ends before it has come to any server.
void front::exit_locally(exit_statement what, outbox& to_client)
{
    if (what == exit_statement::blank) {
        append_frame(to_client.made(), from_server::empty_query_response, {});
        return;
    }
    routes_->block = begun::none;
    append_complete(to_client.made(), what == exit_statement::commit ? "COMMIT" : "ROLLBACK");
}

/// RowDescription of SHOW.
void front::describe_setting(bool binary, outbox& to_client) const
{
    auto& out = to_client.made();
    const auto place = begin_frame(out, from_server::row_description);
    append_u16(out, 1);
    out.append(route_setting).push_back('\0');
    append_u32(out, 0);  // of no table
    append_u16(out, 0);
    append_u32(out, oid_of_text);
    append_u16(out, 0xffff);      // of any length
    append_u32(out, 0xffffffff);  // without a modifier
    append_u16(out, binary ? 1 : 0);
    end_frame(out, place);
}

bool front::parse_locally(bytes whole, const back* server, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto name = body.c_string();
    const auto definition = body.remainder();
    byte_reader inner{definition};
    const auto text = inner.c_string();
    const bool has_types = inner.u16() != 0;
    if (body.failed() || !inner.finished_cleanly() || has_types || (!name.empty() && statements_.find(name)) ||
        !has_room_for(definition)) {
        return false;
    }
    const auto exit = routes_->block == begun::held ? read_exit(text, mode_) : exit_statement::none;
    if (!may_exit_locally(exit, server) && (!may_be_local(text) || !may_run_locally(read_local(text, mode_), server))) {
        return false;
    }
    ++counters_.client_parses;
    if (name.empty()) {
        keep_unnamed(definition);
    } else {
        statements_.set(name, intern(definition));
    }
    append_frame(to_client.made(), from_server::parse_complete, {});
    return true;
}

/// As the client's unnamed statement, which no server has.
void front::keep_unnamed(bytes definition)
{
    statements_.unnamed() = {.exists = true,
                             .kept = true,
                             .version = statements_.next_version(),
                             .definition = std::string{definition},
                             .effects = {},
                             .verb = statement_verb::none,
                             .block = store_.inspect_whole(text_of(definition), mode_).block};
}

/// Nothing where there is no such statement, or its text is not kept.
std::optional<std::string_view> front::text_of_prepared(std::string_view name) const
{
    if (name.empty()) {
        const bool is_kept = statements_.has_unnamed() && statements_.unnamed().kept;
        return is_kept ? std::optional{text_of(statements_.unnamed_definition())} : std::nullopt;
    }
    const auto& named = statements_.find(name);
    const bool is_known = named && named->origin != statement_origin::server;
    return is_known ? std::optional{text_of(named->definition)} : std::nullopt;
}

bool front::bind_locally(bytes whole, const back* server, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto portal = body.c_string();
    const auto text = text_of_prepared(body.c_string());
    body.take(std::size_t{body.u16()} * 2);
    const bool has_values = body.u16() != 0;
    const auto formats = body.failed() || has_values ? 0 : body.u16();
    const bool is_binary = formats == 1 && body.u16() == 1;
    const auto exit = text && routes_->block == begun::held ? read_exit(*text, mode_) : exit_statement::none;
    const bool ends = may_exit_locally(exit, server);
    if (body.failed() || has_values || !text || (!ends && !may_be_local(*text))) {
        return false;
    }
    auto what = ends ? local_statement{} : read_local(*text, mode_);
    if (!ends && !may_run_locally(what, server)) {
        return false;
    }
    ++counters_.binds;
    routes_->portal = front_routes::local_portal{
        .name = std::string{portal}, .what = std::move(what), .exit = exit, .is_binary = is_binary};
    append_frame(to_client.made(), from_server::bind_complete, {});
    return true;
}

bool front::describe_locally(bytes whole, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const char of = static_cast<char>(body.u8());
    const auto name = body.c_string();
    if (!body.finished_cleanly()) {
        return false;
    }
    const auto& portal = routes_->portal;
    const bool is_portal = of == 'P' && portal && portal->name == name;
    const auto text = of == 'S' ? text_of_prepared(name) : std::nullopt;
    const auto kind = is_portal                     ? portal->what.kind
                      : text && may_be_local(*text) ? read_local(*text, mode_).kind
                                                    : local_kind::none;
    const bool ends = text && routes_->block == begun::held && read_exit(*text, mode_) != exit_statement::none;
    if (!is_portal && kind == local_kind::none && !ends) {
        return false;
    }
    if (of == 'S') {
        append_frame(to_client.made(), from_server::parameter_description, bytes{"\0\0", 2});
    }
    if (kind == local_kind::show_route) {
        describe_setting(is_portal && portal->is_binary, to_client);
    } else {
        append_frame(to_client.made(), from_server::no_data, {});
    }
    return true;
}

bool front::execute_locally(bytes whole, const back* server, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto name = body.c_string();
    body.u32();
    const auto& portal = routes_->portal;
    if (!body.finished_cleanly() || !portal || portal->name != name ||
        (!may_exit_locally(portal->exit, server) && !may_run_locally(portal->what, server))) {
        return false;
    }
    ++counters_.queries;
    const auto ours = *std::exchange(routes_->portal, {});
    if (ours.what.kind == local_kind::none) {
        exit_locally(ours.exit, to_client);
    } else {
        skipping_ = !answer_locally(ours.what, to_client);
    }
    return true;
}

/// The setting may not be sent to a server, nor can it change where other statements are under way with it: the server
/// is given something that it refuses in its place, so that a transaction fails as it would by an error of its own.
front_need front::refuse_route(char type, back& server, outbox& to_server, outbox& to_client)
{
    if (server.outstanding() > 0 && !server.is_unsynced()) {
        return front_need::answers;  // then it may run here
    }
    auto reply = expected_reply{type == from_client::query ? reply_kind::query : reply_kind::parse};
    auto& instead = reply.extra().instead;
    instead = client_error{error_kind::limit_exceeded,
                           std::string{route_setting} + " can be set to primary, replica or auto, by a statement alone",
                           "22023"};
    if (type == from_client::query) {
        ++counters_.queries;
        append_query(to_server.made(), "?");
        replace_unnamed(reply, server);
        unnamed_is_now(server);
    } else {
        ++counters_.client_parses;
        append_parse(to_server.made(), "penstock_refused", bytes{"?\0\0\0", 4});
    }
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

}  // namespace penstock::postgresql
