// SPDX-License-Identifier: Apache-2.0
//
// Pins that end: temporary tables and handlers are counted, locks by name are asked for.
//
// What is counted is never less than what there is: a text that has failed in part, or of which a server may pass over
// a part, ends nothing. What stored code makes is not seen, and pins by itself.
#include "protocols/mysql/front.hpp"

#include <algorithm>

namespace penstock::mysql {

namespace {

void take_away(std::uint32_t& from, std::uint32_t count)
{
    from -= std::min(from, count);
}

}  // namespace

/// What a text would pin for that it may not.
pin_set front::refused_of(const text_effects& effects) const
{
    auto pins = effects.pins;
    if (effects.runs_code) {
        pins.add(pin_reason::opaque);
    }
    return pins.common_with(pin_rules_.refused);
}

/// Behind what the text pins.
void front::note_held(const text_effects& effects, const expected_reply& reply)
{
    const auto& changes = effects.held;
    if (changes == held_changes{}) {
        return;
    }
    note_locks(changes);
    const bool in_part = reply.failed && effects.statements > 1;
    if (reply.failed && !in_part) {
        return;
    }
    held_.temporary += changes.made_temporary;
    held_.handlers += changes.opened_handlers;
    held_.backups = static_cast<std::uint8_t>(held_.backups | changes.begun_backups);
    if (in_part || changes.may_be_passed_over) {
        return;
    }
    if (!changes.drops_if_exists) {  // a server reports changed state whether or not there was one
        take_away(held_.temporary, changes.dropped_temporary);
    }
    take_away(held_.handlers, changes.closed_handlers);
    const auto ended = changes.ended_backups & ~changes.begun_backups;  // of both in one text, who knows the order
    held_.backups = static_cast<std::uint8_t>(held_.backups & ~ended);
    if (changes.releases_all && !held_.unsure_locks) {
        held_.locks.clear();
        held_.ask_locks = held_.unsure_names = false;
        if (held_.backups == no_backup) {
            pins_.remove(pin_reason::advisory_lock);
        }
    }
}

/// The effects of an execution, where a parameter says which lock it takes.
text_effects_ptr front::with_lock_name(const text_effects_ptr& effects, const client_statement& executed, bytes name)
{
    if (!effects || !effects->held.lock_by_parameter) {
        return effects;
    }
    auto told = std::make_shared<text_effects>(*effects);
    told->held.lock_by_parameter = false;
    const bool is_told = !executed.has_long_data && is_plain_lock_name(name);
    told->held.named_locks.emplace_back(is_told ? name : bytes{});
    return told;
}

/// A statement that has failed may have got its lock all the same.
void front::note_locks(const held_changes& changes)
{
    held_.unsure_locks = held_.unsure_locks || changes.other_locks;
    held_.unsure_names = held_.unsure_names || changes.lock_by_parameter;
    for (const auto& name : changes.named_locks) {
        const bool is_known = std::find(held_.locks.begin(), held_.locks.end(), name) != held_.locks.end();
        held_.unsure_names = held_.unsure_names || name.empty() || held_.locks.size() >= held_changes::most_locks;
        if (!is_known && !held_.unsure_names) {
            held_.locks.push_back(name);
        }
    }
    held_.ask_locks = held_.ask_locks || changes.releases_locks;
}

/// What was counted to its end pins no longer.
void front::end_counted_pins(const text_effects& effects)
{
    if (effects.held.dropped_temporary > 0 && held_.temporary == 0) {
        pins_.remove(pin_reason::temporary_object);
    }
    if (effects.held.closed_handlers > 0 && held_.handlers == 0) {
        pins_.remove(pin_reason::handler);
    }
    const bool has_locks = !held_.locks.empty() || held_.unsure_locks || held_.unsure_names;
    if (effects.held.ended_backups != no_backup && held_.backups == no_backup && !has_locks) {
        pins_.remove(pin_reason::advisory_lock);
    }
}

bool front::probe_pins(back& server, outbox& to_server, outbox&)
{
    const bool is_free = server.is_idle() && !server.must_close && !is_mid_message() && holding_ == 0 &&
                         !keeps_server_ && !keeps_found_rows_ && diagnostics_ != diagnostics::server;
    if (asks_.the_server && is_free && pins_ == pin_set{pin_reason::diagnostics}) {
        asks_.the_server = asks_.server_has_any = false;
        inject(purpose::ask_warnings, reply_kind::query, "\3SHOW WARNINGS LIMIT 1", server, to_server);
        return true;
    }
    const bool is_only_reason = pins_ == pin_set{pin_reason::advisory_lock};
    if (!held_.ask_locks || held_.unsure_locks || held_.unsure_names || held_.locks.empty() ||
        held_.backups != no_backup || !is_only_reason || !is_free) {
        return false;
    }
    held_.ask_locks = false;
    std::string text{"\3SELECT "};
    for (const auto& name : held_.locks) {
        text.append(&name == &held_.locks.front() ? "" : "+")
            .append("COALESCE(IS_USED_LOCK('")
            .append(name)
            .append("')=CONNECTION_ID(),0)");
    }
    inject(purpose::ask_locks, reply_kind::query, text, server, to_server);
    return true;
}

}  // namespace penstock::mysql
