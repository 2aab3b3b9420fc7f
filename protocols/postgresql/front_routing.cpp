// SPDX-License-Identifier: Apache-2.0
//
// Reads on replicas: which requests are proved reads, and what is sent a second time.
//
// A request is judged before a server is asked for: a Query, or a batch whose Sync has come along with it. A server
// that is a replica gets nothing but requests that were judged so; whatever else comes waits for its answers and then
// wants another server. The request that a replica has under way alone is kept, so that it can be sent elsewhere where
// the replica refuses it, or is lost, before anything of the answer has gone out.
#include "protocols/postgresql/front.hpp"

#include "protocols/postgresql/definitions.hpp"

#include <algorithm>
#include <vector>

namespace penstock::postgresql {

namespace {

/// Requests, or what begins one. Sync and Flush alone ask for nothing.
constexpr type_set beginnings{"QPBDECF"};
/// Longer requests are not kept.
constexpr std::size_t longest_kept = 16 * 1024;
/// Nor are longer batches looked at than of so many messages.
constexpr std::size_t longest_batch = 4096;

std::string_view text_of(bytes definition)
{
    return definition.substr(0, definition.find('\0'));
}

}  // namespace

void front::route_by(read_judge& judge, session_wishes wishes, bool patient, bool only_replicas)
{
    judge_ = &judge;
    routes_ = std::make_unique<front_routes>(
        front_routes{.judge = &judge, .wishes = std::move(wishes), .patient = patient, .only_replicas = only_replicas});
}

void front::forget_written()
{
    if (routes_) {
        routes_->wrote = routes_->defined = false;
    }
}

/// Judges the request that begins here, unless that was done when a server was asked for, and says whether the server
/// at hand may have it.
front_need front::choose(const frame_header& header, bytes rest, back* server)
{
    auto& own = *routes_;
    if (!beginnings.has(header.type) || skipping_ || (server == nullptr && (lost_ || refusal_))) {
        return front_need::more;
    }
    if (server == nullptr) {
        const bool may_write = own.block == begun::held && !may_begin_on_replica();
        own.facts = may_write ? request_facts{.verdict = read_verdict::transaction} : look_at(rest);
        own.is_judged = true;
        return front_need::more;
    }
    if (server->is_unsynced() || server->takes_only_copy_data()) {
        return front_need::more;  // amid a batch, which was judged as a whole
    }
    const bool judged = std::exchange(own.is_judged, false);
    own.records = false;
    if (own.only_replicas) {
        own.wrote = own.wrote || !server->is_replica;
        return front_need::more;
    }
    if (server->is_replica) {
        const auto need = own.block == begun::none ? choose_on_replica(judged, rest, *server)
                                                   : choose_in_block(judged, rest, *server);
        own.is_plain = need == front_need::more && server->transaction_status() != 'E' && own.facts.is_plain;
        return need;
    }
    if (!judged) {
        own.facts = server->in_transaction() ? request_facts{} : look_at(rest);
    }
    own.is_plain = own.facts.is_plain;
    own.wrote = own.wrote || !own.facts.is_harmless;
    return front_need::more;
}

front_need front::choose_on_replica(bool judged, bytes rest, const back& server)
{
    auto& own = *routes_;
    if (!judged) {
        own.facts = look_at(rest);
    }
    if (!own.facts.reads() || (!judged && own.facts.hint == route_hint::node)) {
        own.is_judged = server.is_quiet();
        return server.is_quiet() ? front_need::server : front_need::answers;
    }
    if ((own.patient || own.one_by_one) && !server.is_quiet()) {
        return front_need::answers;
    }
    keep_sent(rest, server.is_quiet());
    return front_need::more;
}

/// Of the request that goes to a replica, for send_again().
void front::keep_sent(bytes rest, bool alone)
{
    auto& own = *routes_;
    own.records = alone && !own.facts.no_retry && own.request_octets <= std::min(longest_kept, rest.size());
    own.sent.assign(rest.data(), own.records ? own.request_octets : 0);
}

/// In a transaction on a replica, or one that is to begin there. It stays as long as it does nothing but read; for the
/// rest it is begun anew on the primary, which cannot be told from outside: nothing of it lasts, and each of its
/// statements sees what was committed before.
front_need front::choose_in_block(bool judged, bytes rest, const back& server)
{
    auto& own = *routes_;
    own.sent.clear();
    if (!server.is_quiet()) {
        return front_need::answers;
    }
    const bool was_begun = server.in_transaction();
    if (own.block == begun::held && was_begun) {
        in_failure_ = false;  // the client's transaction has not failed
        own.facts = {.verdict = read_verdict::transaction};
    } else if (server.transaction_status() == 'E') {
        return front_need::more;  // the server refuses whatever does not end it
    } else if (!judged) {
        own.facts = look_at(rest);
    }
    if (own.facts.reads()) {
        if (is_on_replica()) {
            keep_sent(rest, true);
        }
        return front_need::more;
    }
    own.block = begun::held;
    own.needs_primary = true;
    own.is_judged = true;
    return front_need::server;
}

/// It reads only, and each of its statements sees what was committed before it.
bool front::may_begin_on_replica() const
{
    const auto& own = *routes_;
    const auto default_of = [this](std::string_view name) {
        const auto* set = parameters_.current()->find(name);
        return set != nullptr ? std::string_view{*set} : told(name);
    };
    using level = isolation_level;
    const auto isolation = own.modes.isolation;
    const auto usual = default_of("default_transaction_isolation");
    const bool reads_committed = isolation == level::unstated
                                     ? own.usually_committed_reads && (usual.empty() || usual == "read committed")
                                     : isolation == level::read_committed || isolation == level::read_uncommitted;
    const bool reads_only = own.modes.access == transaction_access::unstated
                                ? default_of("default_transaction_read_only") == "on"
                                : own.modes.access == transaction_access::read_only;
    return reads_committed && reads_only && !own.patient && !own.needs_primary;
}

/// Its answer is waited for: what follows must not run outside of the transaction.
void front::begin_block(back& server, outbox& to_server, outbox& to_client)
{
    auto& own = *routes_;
    auto text = own.modes.text();
    own.has_committed_reads = true;
    if (server.is_replica && own.modes.isolation == isolation_level::unstated) {
        text += ";SHOW transaction_isolation";  // the account or the database may have its own default
        own.has_committed_reads = false;
    }
    inject(purpose::begin, text, server, to_server, to_client);
    own.block = begun::sent;
    own.is_judged = true;  // what waits for it
}

void front::on_isolation(bytes row)
{
    byte_reader in{row};
    in.u16();
    const auto level = in.take(in.u32());
    routes_->has_committed_reads = level == "read committed" || level == "read uncommitted";
}

void front::on_block_begun(const expected_reply& reply, const back& server)
{
    auto& own = *routes_;
    if (reply.failed || !server.is_replica) {
        own.block = begun::none;
    } else if (own.has_committed_reads) {
        own.block = begun::on_replica;
    } else {
        own.usually_committed_reads = false;
        own.needs_primary = true;
        own.block = begun::held;
    }
}

/// Nothing of the transaction has run but its BEGIN, which is done again on the primary.
bool front::takes_block_elsewhere()
{
    if (!routes_ || routes_->block != begun::sent) {
        return false;
    }
    routes_->block = begun::held;
    routes_->needs_primary = true;
    routes_->begin_error.reset();
    return true;
}

/// That statement will be executed; null: the unnamed one, if there is any.
void front::note_bound(const statement* named)
{
    if (named != nullptr) {
        note_definitions(named->definition, named->verb, 1);
    } else if (statements_.has_unnamed()) {
        note_definitions(statements_.unnamed_definition(), statements_.unnamed().verb, 1);
    }
}

/// This text is being sent; what may stand behind it counts as part of it.
void front::note_definitions(std::string_view text, statement_verb first, std::size_t statements)
{
    auto& own = *routes_;
    if (may_define_functions(text, first, statements)) {
        own.defined = own.wrote = true;
    }
}

/// The request that a replica has under way goes to another server. Names it has given are free again.
bool front::send_again()
{
    if (!may_send_again() || !healed_batch_.empty()) {
        return false;
    }
    healed_batch_ = std::exchange(routes_->sent, {});
    free_names(healed_batch_);
    return true;
}

/// Those that it gives: it will give them once more.
void front::free_names(bytes request)
{
    while (request.size() >= header_size) {
        const auto header = load_header(request);
        const auto whole = request.substr(0, header.frame_size());
        request.remove_prefix(whole.size());
        if (header.type == from_client::parse) {
            if (const auto name = byte_reader{body_of(whole)}.c_string(); !name.empty()) {
                statements_.erase(name);
            }
        }
    }
}

/// Whether the primary could do what a replica says it cannot (what is unlogged is not there, "recovery is in
/// progress") only the primary knows, whose own word the client gets if it cannot either.
bool front::leave_replica(const error_report& why, bool unseen)
{
    const bool writes = why.sqlstate == "25006";     // read_only_sql_transaction
    const bool conflicts = why.sqlstate == "40001";  // with the replay of what the primary has removed
    const bool is_unsupported = why.sqlstate == "0A000";
    const bool is_serializable = is_unsupported && why.routine == "GetSerializableTransactionSnapshot";
    const bool is_unable = (is_unsupported && !is_serializable) || why.sqlstate == "55000";
    if (!routes_ || !(writes || conflicts || is_unsupported || is_unable)) {
        return false;
    }
    auto& own = *routes_;
    own.has_isolation = own.has_isolation || is_serializable;
    if (writes || is_unable) {
        note_refused();
    }
    const bool in_block = is_on_replica();
    const bool is_kept = may_send_again();
    const bool goes_on = in_block ? unseen && is_unable && send_block_again() : unseen && send_again();
    own.again_on_primary = goes_on && !in_block;
    own.one_by_one = own.one_by_one || (!in_block && !is_kept);  // it may have been sent behind another
    counters_.refused_by_replica += goes_on ? 1 : 0;
    return goes_on;
}

/// Its transaction is begun anew on the primary in front of it: see choose_in_block().
bool front::send_block_again()
{
    if (!send_again()) {
        return false;
    }
    routes_->block = begun::held;
    routes_->needs_primary = true;
    return true;
}

/// Every text that the request under way has, or has prepared before.
void front::note_refused()
{
    auto& judge = *routes_->judge;
    for (bytes rest = routes_->sent; rest.size() >= header_size;) {
        const auto header = load_header(rest);
        const auto whole = rest.substr(0, header.frame_size());
        rest.remove_prefix(whole.size());
        byte_reader body{body_of(whole)};
        if (header.type == from_client::query) {
            judge.note_refused(body.c_string(), mode_);
        } else if (header.type == from_client::parse) {
            body.c_string();
            judge.note_refused(body.c_string(), mode_);
        } else if (header.type == from_client::bind) {
            body.c_string();
            const auto name = body.c_string();
            if (const auto named = name.empty() ? nullptr : statements_.find(name)) {
                judge.note_refused(text_of(named->definition), named->mode);
            } else if (name.empty() && statements_.has_unnamed()) {
                judge.note_refused(text_of(statements_.unnamed_definition()), mode_);
            }
        }
    }
}

/// By its parameters. Found out once for each set of them.
bool front::wants_serializable()
{
    auto& own = *routes_;
    if (own.seen != parameters_.current()) {
        own.seen = parameters_.current();
        const auto* level = own.seen->find("default_transaction_isolation");
        own.wants_serializable = level != nullptr && *level == "serializable";
    }
    return own.wants_serializable;
}

request_facts front::look_at(bytes rest)
{
    auto& own = *routes_;
    if (own.only_replicas) {
        return {.verdict = read_verdict::read,
                .hint = route_hint::replica,
                .by = wish_source::listener,
                .no_retry = true,
                .text = read_verdict::read};
    }
    if (std::exchange(own.again_on_primary, false)) {
        return {.verdict = read_verdict::refused};
    }
    if (own.has_isolation || wants_serializable()) {
        return {.verdict = read_verdict::isolation};
    }
    const auto facts = examine(rest);
    counters_.wrong_hints += facts.wrong_hint ? 1 : 0;
    const auto& rules = own.judge->rules();
    if (rules.empty() && own.wishes.setting == route_hint::none) {
        return facts;
    }
    return own.wishes.apply(facts, rules, own.judge->version(), rules.empty() ? "" : application_name());
}

request_facts front::examine(bytes rest)
{
    const auto header = load_header(rest);
    if (header.type == from_client::function_call || header.frame_size() > rest.size()) {
        return {};
    }
    if (header.type != from_client::query) {
        return look_at_batch(rest, &routes_->request_octets);
    }
    const bytes body{rest.data() + header_size, header.body_size()};
    const auto end = body.find('\0');
    routes_->request_octets = header.frame_size();
    return end == bytes::npos ? request_facts{} : look_at_text(body.substr(0, end), mode_);
}

request_facts front::look_at_text(std::string_view text, const lexical_mode& mode) const
{
    if (is_on_replica() && read_exit(text, mode) != exit_statement::none) {
        return {.verdict = read_verdict::read, .text = read_verdict::read, .is_harmless = true};  // ends it where it is
    }
    return judge_->judge(text, mode);
}

request_facts front::look_at_parsed(std::string_view text)
{
    if (!routes_ || is_on_replica() || text.size() > front_routes::parsed_text::longest) {
        return look_at_text(text, mode_);
    }
    auto& last = routes_->last_parsed;
    if (last.version != judge_->version() || last.mode != mode_ || last.text != text) {
        const auto facts = judge_->judge(text, mode_);
        last.text.assign(text);
        last.mode = mode_;
        last.version = judge_->version();
        last.facts = facts;
    }
    return last.facts;
}

/// A batch is a read if all its members are; what it lacks of itself makes it none.
request_facts front::look_at_batch(bytes rest, std::size_t* octets)
{
    constexpr auto every_rule = ~std::uint64_t{0};
    constexpr request_facts nothing{
        .verdict = read_verdict::read, .text = read_verdict::read, .rules = every_rule, .is_harmless = true};
    constexpr request_facts outlives{.verdict = read_verdict::lasting,  // a portal that is there behind the batch
                                     .text = read_verdict::lasting,
                                     .rules = every_rule,
                                     .is_harmless = true};
    auto sum = nothing;
    auto& prepared_here = store_.names;
    prepared_here.clear();
    const auto begin = rest.data();
    for (std::size_t messages = 0; messages < longest_batch && rest.size() >= header_size; ++messages) {
        const auto header = load_header(rest);
        if (!header.is_sound() || header.frame_size() > rest.size()) {
            return {};
        }
        byte_reader body{{rest.data() + header_size, header.body_size()}};
        rest.remove_prefix(header.frame_size());
        switch (header.type) {
            case from_client::sync:
                sum.rules = sum.rules == every_rule ? 0 : sum.rules;  // no text among it
                if (octets != nullptr) {
                    *octets = static_cast<std::size_t>(rest.data() - begin);
                }
                return sum;
            case from_client::parse:
                prepared_here.push_back(body.c_string());
                fold(look_at_parsed(body.c_string()), sum);
                break;
            case from_client::bind: {
                const bool lasts = !body.c_string().empty() && is_in_block();
                const auto name = body.c_string();
                if (prepared_here.empty() ||
                    std::find(prepared_here.begin(), prepared_here.end(), name) == prepared_here.end()) {
                    fold(judge_prepared(name), sum);
                }
                if (lasts) {
                    fold(outlives, sum);
                }
                break;
            }
            case from_client::execute:
                body.c_string();
                if (body.u32() != 0 && is_in_block()) {
                    fold(outlives, sum);
                }
                break;
            case from_client::describe:
            case from_client::close: continue;
            default: return {};
        }
        if (body.failed()) {
            return {};
        }
        if (sum.text != read_verdict::read || (octets != nullptr && sum.verdict == read_verdict::hint)) {
            return sum;
        }
    }
    return {};
}

request_facts front::judge_prepared(std::string_view name) const
{
    if (name.empty()) {
        const bool known = statements_.has_unnamed();
        return known ? look_at_text(text_of(statements_.unnamed_definition()), mode_) : request_facts{};
    }
    const auto& named = statements_.find(name);
    if (!named) {
        return {};
    }
    if (is_on_replica()) {
        return look_at_text(text_of(named->definition), named->mode);
    }
    auto& judge = *judge_;
    auto& memory = named->judged;
    if (memory.by != &judge || memory.version != judge.version()) {
        const auto facts = judge.judge(text_of(named->definition), named->mode);
        memory = {.by = &judge, .version = judge.version(), .facts = facts};
    }
    return memory.facts;
}

}  // namespace penstock::postgresql
