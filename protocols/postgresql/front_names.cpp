// SPDX-License-Identifier: Apache-2.0
//
// Prepared statements that SQL names: PREPARE, EXECUTE, DEALLOCATE share their names with Parse, Bind and Close.
//
// A text that names a statement is sent as it is. Before it, the server is given what that name stands for, under the
// client's own name (own_names.hpp): so a client's statements follow it, whichever way they were made, and the server
// itself says what is wrong with a name. What one PREPARE among other statements has made is only its server's to know;
// it pins until it is deallocated, and messages that name it go out as they are. Statements are no part of a
// transaction: those that PREPARE makes stay when it is rolled back.
#include "protocols/postgresql/front.hpp"

#include "protocols/wire/scanner.hpp"

#include <algorithm>

namespace penstock::postgresql {

namespace {

/// What `sum` does and what `other` does, in whatever order.
void add(const transaction_effect& other, bool alone, transaction_effect& sum)
{
    sum.opens = sum.opens || other.opens;
    sum.ends = sum.ends || other.ends;
    sum.commits_early = sum.commits_early || other.commits_early || (!alone && other.commits);
    sum.commits = sum.commits || other.commits || (!alone && other.leaves);
    sum.leaves = sum.leaves || other.leaves;
}

/// What `sum` does and what `other` does, in whatever order. Parse takes what PREPARE does not: SET, BEGIN, DEALLOCATE,
/// PREPARE itself.
void add(const text_effects& other, text_effects& sum)
{
    sum.pins.add(other.pins);
    sum.may_end.add(other.may_end);
    if (other.binds_path || other.binds_name) {  // to what EXECUTE gives
        sum.search_temporary();
    }
    if (other.binds_name) {
        sum.pins.add(pin_reason::setseed);
    }
    sum.reset_all = sum.reset_all || other.reset_all;
    sum.discard_all = sum.discard_all || other.discard_all;
    sum.discard_temp = sum.discard_temp || other.discard_temp;
    sum.discard_sequences = sum.discard_sequences || other.discard_sequences;
    sum.reads_sequences = sum.reads_sequences || other.reads_sequences;
    sum.deallocate_all = sum.deallocate_all || other.deallocate_all;
    for (const auto& name : other.touched) {
        sum.touch(name);
    }
    for (const auto& name : other.resets) {
        sum.restore(name);
    }
    for (const auto& each : other.names) {
        if (std::find(sum.names.begin(), sum.names.end(), each) == sum.names.end()) {
            sum.use(each.name, each.use);
        }
    }
    sum.shape = sum.shape ? sum.shape : other.shape;
}

/// It is nothing but a PREPARE, of which all is known, or a DEALLOCATE.
bool changes_one_name(const text_effects& effects)
{
    const auto use = effects.names.front().use;
    return effects.single() && (use == name_use::deallocates || (use == name_use::prepares && effects.prepared));
}

/// Where the first statement of a text ends, its semicolon included; 0: not seen.
std::size_t end_of_first(std::string_view text, lexical_mode mode)
{
    scanner tokens;
    tokens.begin(mode);
    bool has_begun = false;
    bytes left{text};
    for (auto kind = tokens.next(left); kind != token_kind::none; kind = tokens.next(left)) {
        if (kind == token_kind::semicolon && has_begun) {
            return text.size() - left.size();
        }
        has_begun = has_begun || kind != token_kind::semicolon;
    }
    return 0;
}

}  // namespace

/// The effects of a text that names statements: with those of what it executes, but not of what it only prepares.
text_effects front::resolve(std::string_view text, const text_effects& found) const
{
    const bool only_prepares = found.single() && found.has(name_use::prepares);
    if (!only_prepares || text.empty()) {
        auto sum = found;
        add_executed(sum);
        return sum;
    }
    text_effects own;
    own.statements = 1;
    own.first_verb = found.first_verb;
    own.names = found.names;
    own.prepared = statement_store::make_by_sql(text, found, mode_);
    return own;
}

std::shared_ptr<const text_effects> front::resolve_shared(std::string_view name,
                                                          const std::shared_ptr<const text_effects>& found) const
{
    if (found->names.empty()) {
        return found;
    }
    return std::make_shared<const text_effects>(resolve(text_of_prepared(name).value_or(""), *found));
}

/// What is executed may execute others.
void front::add_executed(text_effects& sum) const
{
    for (std::size_t place = 0; place < sum.names.size(); ++place) {
        const auto each = sum.names[place];
        const auto executed = each.use == name_use::executes ? statements_.find(each.name) : nullptr;
        if (!executed) {
            continue;
        }
        add(executed->block, sum.single(), sum.block);
        if (executed->effects) {
            add(*executed->effects, sum);
        }
    }
}

/// What a DEALLOCATE alone gives up, where the server does not have it under the client's name: it is told the digest.
statement_ptr front::deallocated_by_digest(const text_effects& effects, const back& server) const
{
    const bool alone = effects.single() && effects.first_verb == statement_verb::deallocate;
    auto named = alone ? statements_.find(effects.deallocate_name) : nullptr;
    const bool has_digest = named && named->origin == statement_origin::protocol;
    return has_digest && !server.own.may_hold(effects.deallocate_name) ? named : nullptr;
}

/// Why these names cannot be used; nothing where they can.
std::optional<client_error> front::refusal_of_names(const text_effects& effects)
{
    if (names_error_) {
        return std::exchange(names_error_, {});
    }
    for (const auto& each : effects.names) {
        if (is_server_name(each.name)) {
            return client_error{error_kind::limit_exceeded,
                                "prepared statement names like \"" + each.name + "\" are reserved",
                                each.use == name_use::prepares ? "42939" : "26000"};
        }
    }
    if (effects.prepared && !statements_.find(effects.names.front().name) &&
        !has_room_for(effects.prepared->definition)) {
        return client_error{error_kind::limit_exceeded, "too many prepared statements in this session", {}};
    }
    return std::nullopt;
}

/// The server is to have under this name what the client has. True where something was sent for that.
bool front::ensure_name(
    std::string_view name, back& server, outbox& to_server, outbox& to_client, reply_disposition how)
{
    name = name.substr(0, longest_name);
    const auto wanted = statements_.find(name);
    const bool is_the_servers = wanted && wanted->origin == statement_origin::server;
    const bool closes = close_stale_names(server, to_server, to_client);
    if (is_the_servers || is_server_name(name) || server.own.agree(name, wanted, server.batch())) {
        return closes;
    }
    server.name_statement(name, wanted, *this, to_server, to_client, how);
    return true;
}

/// What the client itself has closed since, once there is enough of it.
bool front::close_stale_names(back& server, outbox& to_server, outbox& to_client)
{
    constexpr std::size_t many = 100;
    if (server.own.size() < statements_.size() + std::min(many, limits_.statements)) {
        return false;
    }
    bool sent = false;
    for (const auto& held : server.own.all()) {
        if (!statements_.find(held) && !server.own.is_ending(held)) {
            server.name_statement(held, nullptr, *this, to_server, to_client, reply_disposition::swallow);
            sent = true;
        }
    }
    return sent;
}

/// In front of a Parse, Bind or Describe: what a statement executes says which columns it has.
void front::ensure_executed(const text_effects* effects, back& server, outbox& to_server, outbox& to_client)
{
    if (effects == nullptr) {
        return;
    }
    for (const auto& each : effects->names) {
        if (each.use == name_use::executes) {
            ensure_name(each.name, server, to_server, to_client);
        }
    }
}

/// In front of a simple query. True where the answers have to be waited for: names_error_ tells of a failure.
bool front::ensure_names_for_query(const text_effects& effects, back& server, outbox& to_server, outbox& to_client)
{
    if (server.transaction_status() == 'E') {
        return end_other_names(effects, server, to_server, to_client);
    }
    const bool amid_batch = server.is_unsynced();  // then an error makes it skip the query as well
    bool sent = false;
    for (const auto& each : effects.names) {
        const auto how = amid_batch ? reply_disposition::swallow_success : reply_disposition::swallow;
        sent = ensure_name(each.name, server, to_server, to_client, how) || sent;
    }
    if (!sent || amid_batch) {
        return false;
    }
    server.end_naming(*this, to_server, to_client);
    return true;
}

/// A server prepares nothing in a failed transaction. So the statement that may end it goes by itself, and the rest
/// when it has. False where the text cannot be divided.
bool front::send_first_part(std::string_view text, back& server, outbox& to_server, outbox& to_client)
{
    first_part_ = {.octets = end_of_first(text, mode_)};
    if (first_part_.octets == 0) {
        return false;
    }
    const auto first = text.substr(0, first_part_.octets);
    const auto& effects = store_.inspect_whole(first, mode_);
    append_query(to_server.made(), first);
    expected_reply reply{reply_kind::query};
    reply.goes_on = true;
    reply.block = effects.block;
    replace_unnamed(reply, server);
    unnamed_is_now(server);
    if (counts(effects)) {
        announce_effects(reply, std::make_shared<const text_effects>(effects), server);
    }
    server.announce(std::move(reply), *this, to_client);
    return true;
}

/// Places in errors are those of the client's text.
std::string front::rest_of(std::string_view text) const
{
    return std::string(first_part_.octets, ' ').append(text.substr(first_part_.octets));
}

/// A text that is too long to be divided, and ends a failed transaction first, is at least not to find under a name
/// what the client has given up.
bool front::end_other_names(const text_effects& effects, back& server, outbox& to_server, outbox& to_client)
{
    if (effects.single() || server.is_unsynced()) {
        return false;
    }
    bool sent = false;
    for (const auto& [name, use] : effects.names) {
        if (server.own.may_hold(name) && !server.own.agree(name, statements_.find(name), server.batch())) {
            server.name_statement(name, nullptr, *this, to_server, to_client, reply_disposition::swallow);
            sent = true;
        }
    }
    if (sent) {
        server.end_naming(*this, to_server, to_client);
    }
    return sent;
}

/// False where the client has been refused instead.
bool front::ensure_names_for_execute(const text_effects& effects, back& server, outbox& to_server, outbox& to_client)
{
    if (auto why = refusal_of_names(effects)) {
        refuse_parse(std::move(*why), server, to_server, to_client);
        return false;
    }
    for (const auto& each : effects.names) {
        ensure_name(each.name, server, to_server, to_client);
    }
    return true;
}

/// The first names of a query that passes through in pieces, which is under way before all of it is known.
front_need front::peek_at_names(bytes some, back& server, outbox& to_server, outbox& to_client)
{
    effects_collector collector;
    collector.begin(mode_);
    collector.feed(body_of(some));
    const auto& found = collector.finish();
    if (auto why = refusal_of_names(found)) {
        refuse_query(std::move(*why), server, to_server, to_client);
        stream_dropped_ = true;
        stream_taken_ = some.size();
        return front_need::more;
    }
    return ensure_names_for_query(found, server, to_server, to_client) ? front_need::answers : front_need::more;
}

/// What decides, for a statement that executes others, what it means.
std::string front::names_reading(const text_effects& effects) const
{
    std::string reading;
    for (const auto& each : effects.names) {
        const auto named = each.use == name_use::executes ? statements_.find(each.name) : nullptr;
        const bool is_unknown = named && named->origin == statement_origin::server;
        reading.append(named ? named->digest : std::string{}).append(is_unknown ? std::to_string(stamp_) : "");
        reading.push_back('\0');
    }
    return reading;
}

/// Names of the session that had the connection last.
void front::close_foreign_names(back& server, outbox& to_server, outbox& to_client)
{
    if (server.own.size() == 0) {
        return;
    }
    for (const auto& name : server.own.all()) {
        server.name_statement(name, nullptr, *this, to_server, to_client, reply_disposition::swallow);
    }
    server.end_naming(*this, to_server, to_client);
}

/// Names change when the text is sent, for what follows in its batch; or once it has ended, where it has several
/// statements.
void front::announce_names(reply_extras& extra, const text_effects& found, back& server)
{
    const bool any_reserved =
        std::any_of(found.names.begin(), found.names.end(), [](const auto& each) { return is_server_name(each.name); });
    if (any_reserved) {
        server.statements.doubt_all();
    }
    if (found.pins.has(pin_reason::sql_prepare) && found.pins.has(pin_reason::opaque)) {  // of names that are not told
        server.own.doubt_all();
    }
    if (!found.changes_names()) {
        return;
    }
    holding_ = true;
    if (!changes_one_name(found)) {
        return;
    }
    const auto& name = found.names.front().name;
    extra.change.name = name;
    extra.change.before = statements_.find(name);
    extra.own_name = name;
    extra.own = found.prepared;
    server.own.insert(name, found.prepared, server.batch());
    if (found.prepared) {
        statements_.set(name, found.prepared);
    } else {
        statements_.erase(name);
    }
}

/// A text that names statements has ended. Where one of several statements failed, those before it have been run.
void front::settle_names(const text_effects& effects, bool failed, back& server)
{
    if (!effects.changes_names()) {
        return;
    }
    const auto& first = effects.names.front();
    if (changes_one_name(effects)) {
        const auto named = statements_.find(first.name);
        if (failed && named && named->origin == statement_origin::server && server.last_error().sqlstate == "26000") {
            statements_.erase(first.name);  // there was none
        }
        end_prepare_pin();
        return;
    }
    for (const auto& [name, use] : effects.names) {
        const used_name given_up{name, name_use::deallocates};
        const bool was_taken = failed && use == name_use::prepares && statements_.find(name) &&
                               !effects.deallocate_all &&
                               std::find(effects.names.begin(), effects.names.end(), given_up) == effects.names.end();
        if (use == name_use::executes || was_taken) {
            continue;  // it stands for what it did
        }
        server.own.forget(name);
        if (use == name_use::prepares || failed) {
            statements_.set(name, statement_store::make_unknown(effects));
            pins_.add(pin_reason::sql_prepare);
        } else {
            statements_.erase(name);
        }
    }
    end_prepare_pin();
}

/// Where nothing is left that only the server knows.
void front::end_prepare_pin()
{
    if (pins_.has(pin_reason::sql_prepare) && !statements_.has_unknown()) {
        pins_.remove(pin_reason::sql_prepare);
    }
}

/// Parse of a name that only the server knows to be taken or not.
front_need front::parse_over_unknown(
    bytes whole, std::string_view name, const statement_ptr& made, back& server, outbox& to_server, outbox& to_client)
{
    ++counters_.server_parses;
    expected_reply reply{reply_kind::parse};
    auto& extra = reply.extra();
    extra.change.name = name.substr(0, longest_name);
    extra.change.before = statements_.find(name);
    extra.own_name = extra.change.name;
    extra.own = made;
    server.own.insert(extra.own_name, made, server.batch());
    statements_.set(name, made);
    to_server.pass(whole);
    server.announce(std::move(reply), *this, to_client);
    return front_need::more;
}

}  // namespace penstock::postgresql
