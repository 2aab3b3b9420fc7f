// SPDX-License-Identifier: Apache-2.0
#include "admin/console_dialogue.hpp"

#include "protocols/postgresql/errors.hpp"
#include "protocols/postgresql/frame.hpp"

#include <array>
#include <limits>
#include <vector>

namespace penstock::admin {

namespace {

namespace from_client = postgresql::from_client;
namespace from_server = postgresql::from_server;

constexpr std::size_t most_names = 64;  ///< of statements, and of portals
constexpr std::size_t longest_name = 256;

constexpr std::array route_columns{column{"class"},
                                   column{"route"},
                                   column{"reason"},
                                   column{"because"},
                                   column{"functions"},
                                   column{"pins"},
                                   column{"shape"},
                                   column{"digest"}};
constexpr table_kind route_table{.subject = "ROUTE", .columns = route_columns, .rows = nullptr};

const table_kind* table_of(const command& what)
{
    if (what.kind == command_kind::show_route) {
        return &route_table;
    }
    return what.kind == command_kind::show ? find_table(what.subject, what.extended) : nullptr;
}

std::vector<row> rows_of(const table_kind& table, const console_facts& facts)
{
    return table.rows == nullptr ? std::vector<row>{facts.route.cells} : table.rows(*facts.now);
}

bool asks_for_help(const command& what)
{
    return what.kind == command_kind::show && what.subject == "HELP";
}

std::string help_text()
{
    std::string text = "Penstock's console\n\tSHOW";
    std::string_view before = " ";
    for (const auto& each : all_tables()) {
        text.append(before).append(each.only_extended ? "EXTENDED " : "").append(each.subject);
        before = "|";
    }
    return text +
           "\n\tSHOW ROUTE [IN database] [AS user] [APPLICATION name] [MYSQL|POSTGRESQL] statement\n\tSET key = "
           "value\n\tRELOAD"
           "\n\tPAUSE [database]\n\tRESUME [database]\n\tRECONNECT [database]"
           "\n\tDRAIN NODE node\n\tUNDRAIN NODE node";
}

/// The tag PostgreSQL gives.
std::string_view tag_of(const command& what)
{
    const std::string_view word = what.word;
    return word == "START"     ? "START TRANSACTION"
           : word == "END"     ? "COMMIT"
           : word == "ABORT"   ? "ROLLBACK"
           : word == "DISCARD" ? "DISCARD ALL"
                               : word;
}

void append_empty(std::string& out, char type)
{
    postgresql::append_frame(out, type, {});
}

}  // namespace

console_dialogue::need console_dialogue::needs(char type, bytes body) const
{
    const auto what = run_by(type, body);
    return what ? need_of(*what) : need::nothing;
}

command console_dialogue::order_in(char type, bytes body) const
{
    return run_by(type, body).value_or(command{});
}

route_question console_dialogue::asked_route(char type, bytes body) const
{
    return run_by(type, body).value_or(command{}).route;
}

/// The command that this message has run, if any.
std::optional<command> console_dialogue::run_by(char type, bytes body) const
{
    byte_reader in{body};
    if (skipping_) {
        return std::nullopt;
    }
    if (type == from_client::query) {
        return parse_command(in.c_string());
    }
    if (type == from_client::execute) {
        const auto found = portals_.find(in.c_string());
        if (found != portals_.end() && !found->second.rows) {
            return found->second.what;
        }
    }
    return std::nullopt;
}

console_dialogue::need console_dialogue::need_of(const command& what) const
{
    if (what.kind == command_kind::show_route) {
        return need::route;
    }
    if (what.is_order() && role_ == console_role::admin) {
        return need::order;
    }
    const auto* table = table_of(what);
    if (table == nullptr) {
        return need::nothing;
    }
    return table->needs == detail::everything ? need::everything : need::counts;
}

void console_dialogue::answer(char type, bytes body, const console_facts& facts, std::string& out)
{
    if (skipping_ && type != from_client::sync && type != from_client::terminate) {
        return;
    }
    switch (type) {
        case from_client::query: query(body, facts, out); break;
        case from_client::parse: parse(body, out); break;
        case from_client::bind: bind(body, out); break;
        case from_client::describe: describe(body, out); break;
        case from_client::execute: execute(body, facts, out); break;
        case from_client::close: close(body, out); break;
        case from_client::sync:
            skipping_ = false;
            portals_.clear();  // they end with the transaction
            postgresql::append_ready(out, 'I');
            break;
        case from_client::flush:
        case from_client::copy_data:  // of a COPY that failed, as the client thinks
        case from_client::copy_done:
        case from_client::copy_fail: break;
        case from_client::function_call:
            fail(error_kind::unsupported_feature, "the console has no functions", {}, out);
            skipping_ = false;
            postgresql::append_ready(out, 'I');
            break;
        case from_client::terminate: ended_ = true; break;
        default: violation("unexpected message to the console", out); break;
    }
}

void console_dialogue::query(bytes body, const console_facts& facts, std::string& out)
{
    byte_reader in{body};
    const auto text = in.c_string();
    if (!in.finished_cleanly()) {
        violation("malformed Query", out);
        return;
    }
    const auto what = parse_command(text);
    const auto* table = table_of(what);
    if (perform(what, facts, out) && table != nullptr) {
        append_row_description(out, table->columns, {});
        for (const auto& each : rows_of(*table, facts)) {
            append_data_row(out, table->columns, each, {});
        }
        append_command_complete(out, "SHOW");
    }
    skipping_ = false;
    postgresql::append_ready(out, 'I');
}

void console_dialogue::parse(bytes body, std::string& out)
{
    byte_reader in{body};
    const auto name = in.c_string();
    const auto text = in.c_string();
    in.take(std::size_t{in.u16()} * 4);  // types of parameters, which no command has
    if (!in.finished_cleanly() || name.size() > longest_name) {
        violation("malformed Parse", out);
        return;
    }
    auto what = parse_command(text);
    if (what.kind == command_kind::unknown) {
        fail(error_kind::console_syntax, "unknown console command; SHOW HELP lists them", {}, out);
    } else if (!name.empty() && statements_.contains(name)) {
        fail(error_kind::console_syntax,
             "prepared statement \"" + std::string{name} + "\" already exists",
             "42P05",
             out);
    } else if (statements_.size() >= most_names && !statements_.contains(name)) {
        fail(error_kind::limit_exceeded, "too many prepared statements on the console", {}, out);
    } else {
        statements_[std::string{name}] = std::move(what);
        append_empty(out, from_server::parse_complete);
    }
}

void console_dialogue::bind(bytes body, std::string& out)
{
    byte_reader in{body};
    const auto name = in.c_string();
    const auto statement = in.c_string();
    in.take(std::size_t{in.u16()} * 2);
    const auto parameters = in.u16();
    if (parameters > 0) {
        fail(error_kind::protocol_violation, "the console's commands have no parameters", {}, out);
        return;
    }
    std::vector<wire_format> formats;
    for (auto count = in.u16(); count > 0 && !in.failed(); --count) {
        formats.push_back(in.u16() == 0 ? wire_format::text : wire_format::binary);
    }
    if (!in.finished_cleanly() || name.size() > longest_name) {
        violation("malformed Bind", out);
        return;
    }
    const auto found = statements_.find(statement);
    if (found == statements_.end()) {
        fail(error_kind::console_syntax,
             "prepared statement \"" + std::string{statement} + "\" does not exist",
             "26000",
             out);
        return;
    }
    format_list chosen{std::move(formats)};
    const auto* table = table_of(found->second);
    if (!chosen.fits(table == nullptr ? 0 : table->columns.size())) {
        fail(error_kind::protocol_violation, "as many result formats as columns are needed, or one, or none", {}, out);
    } else if (!name.empty() && portals_.contains(name)) {
        fail(error_kind::console_syntax, "portal \"" + std::string{name} + "\" already exists", "42P03", out);
    } else if (portals_.size() >= most_names && !portals_.contains(name)) {
        fail(error_kind::limit_exceeded, "too many portals on the console", {}, out);
    } else {
        portals_[std::string{name}] = {.what = found->second, .formats = std::move(chosen)};
        append_empty(out, from_server::bind_complete);
    }
}

void console_dialogue::describe(bytes body, std::string& out)
{
    byte_reader in{body};
    const auto target = static_cast<char>(in.u8());
    const auto name = in.c_string();
    if (!in.finished_cleanly() || (target != 'S' && target != 'P')) {
        violation("malformed Describe", out);
        return;
    }
    const table_kind* table = nullptr;
    format_list formats;
    if (target == 'S') {
        const auto found = statements_.find(name);
        if (found == statements_.end()) {
            fail(error_kind::console_syntax,
                 "prepared statement \"" + std::string{name} + "\" does not exist",
                 "26000",
                 out);
            return;
        }
        table = table_of(found->second);
        postgresql::append_frame(out, from_server::parameter_description, bytes{"\0\0", 2});
    } else {
        const auto found = portals_.find(name);
        if (found == portals_.end()) {
            fail(error_kind::console_syntax, "portal \"" + std::string{name} + "\" does not exist", "34000", out);
            return;
        }
        table = table_of(found->second.what);
        formats = found->second.formats;
    }
    if (table == nullptr) {
        append_empty(out, from_server::no_data);
    } else {
        append_row_description(out, table->columns, formats);
    }
}

void console_dialogue::execute(bytes body, const console_facts& facts, std::string& out)
{
    byte_reader in{body};
    const auto name = in.c_string();
    const auto limit = in.u32();
    if (!in.finished_cleanly()) {
        violation("malformed Execute", out);
        return;
    }
    const auto found = portals_.find(name);
    if (found == portals_.end()) {
        fail(error_kind::console_syntax, "portal \"" + std::string{name} + "\" does not exist", "34000", out);
        return;
    }
    auto& from = found->second;
    const auto* table = table_of(from.what);
    if (!from.rows && (!perform(from.what, facts, out) || table == nullptr)) {
        return;
    }
    if (!from.rows) {
        from.rows = rows_of(*table, facts);
    }
    auto left = limit == 0 ? std::numeric_limits<std::size_t>::max() : std::size_t{limit};
    for (; from.sent < from.rows->size() && left > 0; ++from.sent, --left) {
        append_data_row(out, table->columns, (*from.rows)[from.sent], from.formats);
    }
    if (from.sent < from.rows->size()) {
        append_empty(out, from_server::portal_suspended);
    } else {
        append_command_complete(out, "SHOW");
    }
}

void console_dialogue::close(bytes body, std::string& out)
{
    byte_reader in{body};
    const auto target = static_cast<char>(in.u8());
    const std::string name{in.c_string()};
    if (!in.finished_cleanly() || (target != 'S' && target != 'P')) {
        violation("malformed Close", out);
        return;
    }
    if (target == 'S') {
        statements_.erase(name);
    } else {
        portals_.erase(name);
    }
    append_empty(out, from_server::close_complete);
}

bool console_dialogue::perform(const command& what, const console_facts& facts, std::string& out)
{
    auto objection = objection_to(what);
    if (!objection && what.is_order()) {
        objection = facts.refused;
    }
    if (!objection && what.kind == command_kind::show_route) {
        objection = facts.route.refused;
    }
    if (objection) {
        fail(objection->kind, objection->detail, objection->sqlstate, out);
        return false;
    }
    if (asks_for_help(what)) {
        postgresql::encode_notice("NOTICE", "00000", help_text(), out);
        append_command_complete(out, "SHOW");
    } else if (what.kind == command_kind::empty) {
        append_empty(out, from_server::empty_query_response);
    } else if (what.kind != command_kind::show && what.kind != command_kind::show_route) {
        append_command_complete(out, tag_of(what));
    }
    return true;
}

std::optional<client_error> console_dialogue::objection_to(const command& what) const
{
    if (what.is_verb() && role_ != console_role::admin) {
        return client_error{error_kind::read_only_admin, what.word + " is for the users in admin_users only", {}};
    }
    if (what.kind == command_kind::unsupported) {
        return client_error{error_kind::unsupported_feature, what.word + " is not supported by Penstock", {}};
    }
    if (what.kind == command_kind::show && what.subject == "FDS") {
        return client_error{error_kind::unsupported_feature,
                            "SHOW FDS serves the online restart of PgBouncer; Penstock hands no descriptors on",
                            {}};
    }
    if (what.kind == command_kind::show && !asks_for_help(what) && table_of(what) == nullptr) {
        return client_error{error_kind::console_syntax, "unknown SHOW command; SHOW HELP lists them", {}};
    }
    if (what.kind == command_kind::unknown) {
        return client_error{error_kind::console_syntax, "unknown console command; SHOW HELP lists them", {}};
    }
    return std::nullopt;
}

/// Skips up to the next Sync; who answers a simple query ends that at once.
void console_dialogue::fail(error_kind kind, std::string detail, std::string_view sqlstate, std::string& out)
{
    postgresql::encode_error({kind, std::move(detail), std::string{sqlstate}}, out, false);
    skipping_ = true;
}

void console_dialogue::violation(std::string detail, std::string& out)
{
    postgresql::encode_error({error_kind::protocol_violation, std::move(detail), {}}, out, true);
    ended_ = true;
}

}  // namespace penstock::admin
