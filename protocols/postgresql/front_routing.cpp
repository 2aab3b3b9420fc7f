// SPDX-License-Identifier: Apache-2.0
//
// Reads on replicas: which requests are proved reads, and what is sent a second time.
//
// A request is judged before a server is asked for: a Query, or a batch whose Sync has come along with it. A server
// that is a replica gets nothing but requests that were judged so; whatever else comes waits for its answers and then
// wants another server. The request that a replica has under way alone is kept, so that it can be sent elsewhere where
// the replica refuses it, or is lost, before anything of the answer has gone out.
#include "protocols/postgresql/front.hpp"

#include <algorithm>

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

void front::route_by(read_judge& judge, bool patient)
{
    routing_ = std::make_unique<routing>(routing{.judge = &judge, .patient = patient});
}

void front::forget_written()
{
    if (routing_) {
        routing_->wrote = false;
    }
}

/// Judges the request that begins here, unless that was done when a server was asked for, and says whether the server
/// at hand may have it.
front_need front::choose(const frame_header& header, bytes rest, back* server)
{
    auto& own = *routing_;
    if (!beginnings.has(header.type) || skipping_ || (server == nullptr && (lost_ || refusal_))) {
        return front_need::more;
    }
    if (server == nullptr) {
        own.facts = look_at(rest);
        own.is_judged = true;
        return front_need::more;
    }
    if (server->is_unsynced() || server->takes_only_copy_data()) {
        return front_need::more;  // amid a batch, which was judged as a whole
    }
    const bool judged = std::exchange(own.is_judged, false);
    if (server->is_replica) {
        return choose_on_replica(judged, rest, *server);
    }
    own.records = false;
    if (!judged) {
        own.facts = server->in_transaction() ? request_facts{} : look_at(rest);
    }
    own.wrote = own.wrote || !own.facts.reads();
    return front_need::more;
}

front_need front::choose_on_replica(bool judged, bytes rest, const back& server)
{
    auto& own = *routing_;
    if (!judged) {
        own.facts = look_at(rest);
    }
    if (!own.facts.reads()) {
        own.is_judged = server.is_quiet();
        return server.is_quiet() ? front_need::server : front_need::answers;
    }
    if (server.is_quiet()) {
        own.sent.clear();
        own.records = true;
        return front_need::more;
    }
    if (own.patient) {
        return front_need::answers;
    }
    own.records = false;
    own.sent.clear();
    return front_need::more;
}

/// Keeps what is sent, up to the end of the request.
void front::record(bytes whole, char type)
{
    auto& own = *routing_;
    own.sent.append(whole);
    const bool ends = type == from_client::query || type == from_client::sync;
    if (own.sent.size() > longest_kept) {
        own.sent.clear();
        own.records = false;
    }
    own.records = own.records && !ends;
}

/// The request under way goes to another server. Names it has given are free again.
bool front::send_again()
{
    if (!may_send_again() || !healed_batch_.empty()) {
        return false;
    }
    healed_batch_ = std::exchange(routing_->sent, {});
    for (bytes rest = healed_batch_; rest.size() >= header_size;) {
        const auto header = load_header(rest);
        const auto whole = rest.substr(0, header.frame_size());
        rest.remove_prefix(whole.size());
        if (header.type == from_client::parse) {
            if (const auto name = byte_reader{body_of(whole)}.c_string(); !name.empty()) {
                statements_.erase(name);
            }
        }
    }
    return true;
}

bool front::leave_replica(std::string_view sqlstate, std::string_view message, bool unseen)
{
    const bool writes = sqlstate == "25006";     // read_only_sql_transaction
    const bool conflicts = sqlstate == "40001";  // with the replay of what the primary has removed
    const bool is_serializable = sqlstate == "0A000" && message == "cannot use serializable mode in a hot standby";
    if (!routing_ || !(writes || conflicts || is_serializable)) {
        return false;
    }
    auto& own = *routing_;
    own.has_isolation = own.has_isolation || is_serializable;
    if (writes) {
        note_refused();
    }
    if (!unseen || !send_again()) {
        return false;
    }
    own.again_on_primary = true;
    ++counters_.refused_by_replica;
    return true;
}

/// Every text that the request under way has, or has prepared before.
void front::note_refused()
{
    auto& judge = *routing_->judge;
    for (bytes rest = routing_->sent; rest.size() >= header_size;) {
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

bool front::wants_serializable() const
{
    const auto* level = parameters_.current()->find("default_transaction_isolation");
    return level != nullptr && *level == "serializable";
}

request_facts front::look_at(bytes rest)
{
    auto& own = *routing_;
    if (std::exchange(own.again_on_primary, false)) {
        return {.verdict = read_verdict::refused};
    }
    if (own.has_isolation || wants_serializable()) {
        return {.verdict = read_verdict::isolation};
    }
    const auto header = load_header(rest);
    if (header.type == from_client::function_call || header.frame_size() > rest.size()) {
        return {};
    }
    if (header.type != from_client::query) {
        return look_at_batch(rest);
    }
    byte_reader body{body_of(rest.substr(0, header.frame_size()))};
    const auto text = body.c_string();
    return body.failed() ? request_facts{} : own.judge->judge(text, mode_);
}

/// A batch is a read if all its members are; what it lacks of itself makes it none.
request_facts front::look_at_batch(bytes rest)
{
    std::vector<std::string_view> prepared_here;
    bool has_unnamed = false;
    for (std::size_t messages = 0; messages < longest_batch && rest.size() >= header_size; ++messages) {
        const auto header = load_header(rest);
        if (!header.is_sound() || header.frame_size() > rest.size()) {
            return {};
        }
        byte_reader body{body_of(rest.substr(0, header.frame_size()))};
        rest.remove_prefix(header.frame_size());
        request_facts facts{.verdict = read_verdict::read};
        switch (header.type) {
            case from_client::sync: return {.verdict = read_verdict::read};
            case from_client::parse: {
                const auto name = body.c_string();
                facts = routing_->judge->judge(body.c_string(), mode_);
                has_unnamed = has_unnamed || name.empty();
                if (!name.empty()) {
                    prepared_here.push_back(name);
                }
                break;
            }
            case from_client::bind: {
                body.c_string();
                const auto name = body.c_string();
                const bool is_judged =
                    name.empty() ? has_unnamed
                                 : std::find(prepared_here.begin(), prepared_here.end(), name) != prepared_here.end();
                facts = is_judged ? facts : judge_prepared(name);
                break;
            }
            case from_client::describe:
            case from_client::execute:
            case from_client::close: break;
            default: return {};
        }
        if (body.failed()) {
            return {};
        }
        if (!facts.reads()) {
            return facts;
        }
    }
    return {};
}

request_facts front::judge_prepared(std::string_view name) const
{
    auto& judge = *routing_->judge;
    if (name.empty()) {
        const bool known = statements_.has_unnamed();
        return known ? judge.judge(text_of(statements_.unnamed_definition()), mode_) : request_facts{};
    }
    const auto named = statements_.find(name);
    if (!named) {
        return {};
    }
    auto& memory = named->judged;
    if (memory.by != &judge || memory.version != judge.version()) {
        const auto facts = judge.judge(text_of(named->definition), named->mode);
        memory = {.by = &judge, .version = judge.version(), .facts = facts};
    }
    return memory.facts;
}

}  // namespace penstock::postgresql
