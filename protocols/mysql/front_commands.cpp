// SPDX-License-Identifier: Apache-2.0
//
// What each command of the client becomes, save those about prepared statements.
#include "protocols/mysql/front.hpp"
#include "protocols/wire/pin_advice.hpp"

#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/plain_text.hpp"

#include <algorithm>

namespace penstock::mysql {

namespace {

/// Passes over a parameter's value in its binary form.
void skip_value(wire_reader& in, std::uint8_t type)
{
    switch (type) {
        case 0x06: break;              // NULL
        case 0x01: in.skip(1); break;  // TINY
        case 0x02:
        case 0x0d: in.skip(2); break;  // SHORT, YEAR
        case 0x03:
        case 0x04:
        case 0x09: in.skip(4); break;  // LONG, FLOAT, INT24
        case 0x05:
        case 0x08: in.skip(8); break;  // DOUBLE, LONGLONG
        case 0x07:
        case 0x0a:
        case 0x0b:
        case 0x0c: in.skip(in.u8()); break;  // dates and times
        default: in.lenenc_string(); break;
    }
}

/// A text in which a function's name can be found without reading it as SQL.
bool is_simple(bytes text)
{
    return text.find_first_of("'\"`#\\@") == bytes::npos && text.find("--") == bytes::npos &&
           text.find("/*") == bytes::npos;
}

/// Where `name`, parentheses and all, stands in the text from there on, and how long it is.
std::pair<std::size_t, std::size_t> find_call(std::string_view text, std::string_view name, std::size_t from)
{
    const auto folded = lower_case(text);
    const auto at = folded.find(name, from);
    if (at == std::string::npos) {
        return {at, 0};
    }
    const auto open = folded.find_first_not_of(" \t\r\n", at + name.size());
    if (open == std::string::npos || folded[open] != '(') {
        return {std::string::npos, 0};
    }
    const auto close = folded.find_first_not_of(" \t\r\n", open + 1);
    if (close == std::string::npos || folded[close] != ')') {
        return {std::string::npos, 0};
    }
    return {at, close + 1 - at};
}

std::string_view trimmed(std::string_view text)
{
    const auto blank = " \t\r\n;";
    const auto first = text.find_first_not_of(blank);
    return first == std::string_view::npos ? std::string_view{}
                                           : text.substr(first, text.find_last_not_of(blank) - first + 1);
}

bool is_letter(char octet)
{
    return (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9') || octet == '_';
}

bool has_word(std::string_view folded, std::string_view word)
{
    for (auto at = folded.find(word); at != std::string_view::npos; at = folded.find(word, at + 1)) {
        const auto end = at + word.size();
        if ((at == 0 || !is_letter(folded[at - 1])) && (end == folded.size() || !is_letter(folded[end]))) {
            return true;
        }
    }
    return false;
}

/// Whether what stands between these two parts of a simple text is a column of a SELECT, which has its text for a name.
bool is_column(std::string_view before, std::string_view after)
{
    const auto head = lower_case(trimmed(before));
    const auto tail = lower_case(trimmed(after));
    const bool begins = head == "select" || (head.starts_with("select") && head.ends_with(','));
    const bool ends = tail.empty() || tail.starts_with(',') || (tail.starts_with("from") && has_word(tail, "from"));
    const bool is_nested = std::count(head.begin(), head.end(), '(') != std::count(head.begin(), head.end(), ')');
    return begins && ends && !is_nested && !has_word(head, "from") && !has_word(head, "into") &&
           !has_word(head, "order") && !has_word(head, "group") && !has_word(head, "where") &&
           !has_word(head, "having") && !has_word(head, "limit") && !has_word(head, "union");
}

/// A number that a result describes as it does ROW_COUNT() and FOUND_ROWS().
template <class Number>
std::string as_wide_as_a_count(Number number, const back& server)
{
    constexpr Number other = 1'000'000'000'000'000'000;
    if (!server.is_mariadb()) {
        return "CAST(" + std::to_string(number) + " AS SIGNED)";
    }
    return number > other ? std::to_string(number)
                          : "(" + std::to_string(other + number) + "-" + std::to_string(other) + ")";
}

/// Whether all of the text can be told to be in quotes or not without reading it as SQL.
bool has_plain_quotes(bytes text)
{
    return text.find_first_of("\\\\#`") == bytes::npos && text.find("--") == bytes::npos &&
           text.find("/*") == bytes::npos;
}

/// How long the name of @@last_gtid is with which this begins; 0: with none.
std::size_t gtid_name_size(std::string_view text)
{
    for (const std::string_view name : {"@@last_gtid", "@@session.last_gtid", "@@local.last_gtid"}) {
        const bool is_that = text.size() >= name.size() && lower_case(text.substr(0, name.size())) == name;
        if (is_that && (text.size() == name.size() || !is_letter(text[name.size()]))) {
            return name.size();
        }
    }
    return 0;
}

bool is_use(std::string_view text)
{
    return lower_case(trimmed(text).substr(0, 4)) == "use ";
}

}  // namespace

/// The text behind query attributes; nothing where those are cut off or malformed.
std::optional<bytes> front::query_text(bytes payload) const
{
    payload.remove_prefix(1);
    if (!has(capabilities_, capability::query_attributes)) {
        return payload;
    }
    wire_reader in{payload};
    const auto count = in.lenenc();
    in.lenenc();
    if (in.failed() || count > 0xffff) {
        return std::nullopt;
    }
    if (count == 0) {
        return in.remainder();
    }
    const auto nulls = in.take(static_cast<std::size_t>((count + 7) / 8));
    if (in.u8() != 1) {
        return std::nullopt;
    }
    std::vector<std::uint16_t> types;
    for (std::uint64_t each = 0; each < count && !in.failed(); ++each) {
        types.push_back(in.u16());
        in.lenenc_string();
    }
    for (std::size_t each = 0; each < types.size() && !in.failed(); ++each) {
        const bool is_null = (static_cast<unsigned char>(nulls[each / 8]) >> (each % 8) & 1U) != 0;
        if (!is_null) {
            skip_value(in, static_cast<std::uint8_t>(types[each]));
        }
    }
    return in.failed() ? std::nullopt : std::optional{in.remainder()};
}

front_need front::query(bytes payload, back* server, outbox& to_server, outbox& to_client)
{
    const auto text = query_text(payload);
    if (!text) {
        return answer({error_kind::protocol_violation, "malformed query attributes", {}}, to_client);
    }
    const bool is_plain = (routing_ && routing_->facts.is_plain) || is_known_plain_ || is_plain_text(*text);
    if (is_plain && server == nullptr && !refusal_) {
        asked_plainly_ = true;
        return front_need::server;
    }
    if (is_plain) {
        return plain_query(payload, *text, server, to_server, to_client);
    }
    if (server != nullptr && default_sql_mode_.empty()) {
        default_sql_mode_ = server->default_sql_mode();
    }
    const auto& effects = store_.inspect_whole(*text, reading());
    const bool can_answer = kept_.can_answer() || (own_error_ && !kept_.is_empty());
    const bool asks_for_kept = effects.reads_diagnostics && diagnostics_ == diagnostics::kept && can_answer &&
                               (server == nullptr || !has_diagnostics(*server));
    const auto question = asks_for_kept ? read_diagnostics_question(*text, reading()) : std::nullopt;
    if (question && kept_.can_answer()) {
        show_kept_warnings(*question, to_client);
        return front_need::more;
    }
    if (effects.kills) {
        return kill(effects.kill, to_client);
    }
    if (const auto refused = refused_of(effects); !refused.empty()) {
        return answer(refusal_of(refused), to_client);
    }
    if (const auto wrong = wrong_route(effects)) {
        return answer(*wrong, to_client);
    }
    auto wanted = state_.current();
    if (server != nullptr && is_use(*text)) {
        const auto* const schema = server->parameters->find(schema_entry);
        wanted = schema != nullptr ? wanted->with(schema_entry, *schema) : wanted->without(schema_entry);
    }
    if (const auto stop = get_ready(server, wanted, to_server, to_client)) {
        return bring_insert_id_along(*stop, *text, effects, server, to_server);
    }
    if (question) {  // how its columns are described is not known
        keeps_rows_ = false;
        inject(purpose::warnings, reply_kind::query, "\3SHOW WARNINGS", *server, to_server);
        return front_need::answers;
    }
    if (const auto stop = get_ready_for_text(*text, effects, *server, to_server, to_client)) {
        return *stop;
    }
    ++counters_.queries;
    auto kept = effects.is_plain() ? nullptr : std::make_shared<const text_effects>(effects);
    std::optional<std::string> with_gtid;
    if (lacks_gtid(effects, *server)) {
        with_gtid = with_last_gtid(*text);
        if (!with_gtid && forget_others_gtid(*server, to_server)) {
            return front_need::answers;
        }
    }
    const bytes known = with_gtid ? bytes{*with_gtid} : *text;
    // Behind another statement of the same text they are that one's, and the server knows them.
    const bool asks_counts = effects.statements == 1 && (effects.reads_row_count || effects.reads_found_rows);
    if (effects.reads_connection_id || (asks_counts && !has_counts(*server))) {
        const auto changed = with_known_counts(known, effects, *server);
        send_text(payload, changed, std::move(kept), *server, to_server);
    } else {
        send_text(payload, known, std::move(kept), *server, to_server);
    }
    return front_need::more;
}

/// What the text does to the session, it tells with its answer.
front_need front::plain_query(bytes payload, bytes text, back* server, outbox& to_server, outbox& to_client)
{
    const auto& effects = statement_store::plain();
    if (const auto stop = get_ready(server, state_.current(), to_server, to_client)) {
        return bring_insert_id_along(*stop, text, effects, server, to_server);
    }
    if (const auto stop = get_ready_for_text(text, effects, *server, to_server, to_client)) {
        return *stop;
    }
    ++counters_.queries;
    send_text(payload, text, nullptr, *server, to_server);
    return front_need::more;
}

/// The text with what it is for this session in the place of @@last_gtid; nothing where that may not be found.
std::optional<std::string> front::with_last_gtid(bytes text) const
{
    if (!has_plain_quotes(text)) {
        return std::nullopt;
    }
    std::string changed;
    char quote = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto size = quote == 0 && text[at] == '@' ? gtid_name_size(text.substr(at)) : 0;
        if (size > 0) {
            const std::string name{text.substr(at, size)};
            changed.append("'" + last_gtid_ + "'");
            changed.append(is_column(text.substr(0, at), text.substr(at + size)) ? " AS `" + name + "`" : "");
            at += size;
            continue;
        }
        const char octet = text[at++];
        changed.push_back(octet);
        if (quote == 0) {
            quote = octet == '\'' || octet == '"' ? octet : '\0';
        } else if (octet == quote) {
            quote = 0;
        }
    }
    return changed;
}

/// The text with what this session knows in the place of CONNECTION_ID(), and of ROW_COUNT() and FOUND_ROWS() where it
/// has left the server that knows them.
std::string front::with_known_counts(bytes text, const text_effects& effects, const back& server)
{
    std::string changed{text};
    if (!is_simple(text)) {
        if (effects.reads_row_count || effects.reads_found_rows) {
            asks_.for_counts = true;
            pins_.add(pin_reason::diagnostics);
        }
        return changed;
    }
    const auto replace = [&](std::string_view name, const std::string& value) {
        std::size_t from = 0;
        for (int most = 0; most < 100; ++most) {
            const auto [at, size] = find_call(changed, name, from);
            if (size == 0) {
                return;
            }
            const std::string_view seen{changed};
            const auto called = changed.substr(at, size);
            const auto known = is_column(seen.substr(0, at), seen.substr(at + size)) ? value + " AS `" + called + "`"
                                                                                     : "(" + value + ")";
            changed.replace(at, size, known);
            from = at + known.size();
        }
    };
    if (effects.reads_connection_id && connection_id_ != 0) {
        replace("connection_id", std::to_string(connection_id_));
    }
    if (has_counts(server) || effects.statements != 1) {
        return changed;  // it knows the rest itself
    }
    if (effects.reads_row_count) {
        replace("row_count", as_wide_as_a_count(row_count_, server));
    }
    if (effects.reads_found_rows && !asks_found_rows_) {
        replace("found_rows", as_wide_as_a_count(found_rows_, server));
    }
    return changed;
}

/// A text goes out in the form that this server takes: with query attributes, without, or without room for them.
void front::send_text(bytes payload, bytes text, text_effects_ptr effects, back& server, outbox& to_server)
{
    const bool theirs = has(capabilities_, capability::query_attributes);
    const bool servers = has(server.agreed(), capability::query_attributes);
    const bool is_same = text.data() >= payload.data() && text.data() <= payload.data() + payload.size();
    expected_reply reply{reply_kind::query};
    reply.what = command::query;
    reply.finds = row_finder_of(text);
    reply.may_ask_for_file = effects && effects->load_local;
    reply.effects = std::move(effects);
    bytes head{"\3\0\1", servers ? 3U : 1U};
    if (theirs && servers && is_same) {
        head = payload.substr(0, payload.size() - text.size());
    }
    send(head, text, std::move(reply), server, to_server);
}

front_need front::init_db(bytes payload, back* server, outbox& to_server, outbox& to_client)
{
    auto wanted = state_.current();
    if (server != nullptr) {  // whatever it has now is about to be replaced
        const auto* const schema = server->parameters->find(schema_entry);
        wanted = schema != nullptr ? wanted->with(schema_entry, *schema) : wanted->without(schema_entry);
    }
    if (const auto stop = get_ready(server, wanted, to_server, to_client)) {
        return *stop;
    }
    forward(command::init_db, reply_kind::ok, payload, *server, to_server);
    return front_need::more;
}

/// Whether several statements may come in one text: a switch of the connection, so it follows the session.
front_need front::set_option(bytes payload, back* server, outbox& to_server, outbox& to_client)
{
    wire_reader in{payload.substr(1)};
    const auto option = in.u16();
    if (!in.finished_cleanly()) {
        return answer({1047, "08S01"}, "Unknown command", to_client);
    }
    if (const auto stop = get_ready(server, state_.current(), to_server, to_client)) {
        return *stop;
    }
    if (option == 0) {
        state_.set(multi_statements_entry, "on");
    } else if (option == 1) {
        state_.erase(multi_statements_entry);
    }
    server->parameters = state_.current();
    forward(command::set_option, reply_kind::eof, payload, *server, to_server);
    return front_need::more;
}

/// Where nothing of the session is on a server, none has to be asked.
front_need front::reset_connection(bytes payload, back* server, outbox& to_server, outbox& to_client)
{
    if (payload.size() != 1) {
        return answer({1835, "08S01"}, "Malformed communication packet", to_client);
    }
    if (!was_on_mariadb_) {
        wishes_.drop_held();
    }
    if (server == nullptr) {
        forget_session(nullptr);
        return answer_ok(to_client);
    }
    if (const auto stop = get_ready(server, state_.current(), to_server, to_client)) {
        return *stop;
    }
    forward(command::reset_connection, reply_kind::ok, payload, *server, to_server);
    return front_need::more;
}

front_need front::simple(
    command what, reply_kind kind, bytes payload, back* server, outbox& to_server, outbox& to_client)
{
    if (const auto stop = get_ready(server, state_.current(), to_server, to_client)) {
        return *stop;
    }
    forward(what, kind, payload, *server, to_server);
    return front_need::more;
}

front_need front::process_kill(bytes payload, outbox& to_client)
{
    wire_reader in{payload.substr(1)};
    kill_statement what{.is_understood = true, .number = in.u32()};
    if (!in.finished_cleanly()) {
        return answer({1835, "08S01"}, "Malformed communication packet", to_client);
    }
    return kill(what, to_client);
}

/// Numbers are those of our sessions: no server has to be asked which they are.
front_need front::kill(const kill_statement& what, outbox& to_client)
{
    if (!what.is_understood) {
        return answer({error_kind::unsupported_feature,
                       "Penstock carries out KILL [CONNECTION | QUERY] <number> in a statement of its own only",
                       {}},
                      to_client);
    }
    wanted_kill_ = {.number = what.own ? connection_id_ : what.number, .whole_session = what.whole_session};
    return front_need::kill;
}

void front::on_killed(kill_result how, std::string& out)
{
    const auto number = std::to_string(wanted_kill_.number);
    const auto fails = [&](error_code code, const std::string& text) {
        note_own_error({code, text});
        encode_err(code, text, out, command_sequence_);
    };
    found_rows_ = 0;
    asks_found_rows_ = false;
    switch (how) {
        case kill_result::done: {
            ++sent_;
            forget_diagnostics();
            row_count_ = 0;
            ok_packet ok{};
            ok.status = status_;
            encode_ok(ok, capabilities_, out, command_sequence_);
            break;
        }
        case kill_result::itself: fails({1317, "70100"}, "Query execution was interrupted"); break;
        case kill_result::unknown: fails({1094, "HY000"}, "Unknown thread id: " + number); break;
        case kill_result::not_owner: fails({1095, "HY000"}, "You are not owner of thread " + number); break;
        case kill_result::failed:
            fails({1105, "HY000"}, "The database server could not be told to end the statement");
            break;
    }
}

/// SHOW WARNINGS and the like, answered with what was asked for before the server that has it was given back.
void front::show_kept_warnings(const diagnostics_question& question, outbox& to_client)
{
    kept_.answer(question, warning_count_, capabilities_, status_, command_sequence_, to_client.made());
    asks_.for_more = asks_.for_more || question != diagnostics_question{};  // the server itself answers from now on
    row_count_ = -1;
    told_warnings_ = 0;
    found_rows_ = question.what == diagnostics_question::kind::rows ? found_rows_ : 1;
    if (question.what == diagnostics_question::kind::variables && !was_on_mariadb_) {
        ++sent_;
        forget_diagnostics();  // MySQL does, with this statement
    }
}

}  // namespace penstock::mysql
