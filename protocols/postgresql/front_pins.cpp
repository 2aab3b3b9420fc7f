// SPDX-License-Identifier: Apache-2.0
//
// Pins that end: once a statement may have put an end to what the session is pinned for, the server is asked whether
// anything of it is left.
//
// Asked is only where the connection could be given back if all of it were over, and in front of nothing of the
// client's. A question that the server refuses leaves the pin as it is. Names and operators are spelled out, for the
// session's search_path may lead elsewhere.
#include "protocols/postgresql/front.hpp"
#include "protocols/wire/pin_advice.hpp"

#include <string_view>

namespace penstock::postgresql {

namespace {

/// The condition under which something of that kind is left; empty where it cannot be asked for.
std::string_view condition_of(pin_reason reason)
{
    switch (reason) {
        case pin_reason::temporary_object:
            // Relations, functions, types: whatever is in a schema depends on it.
            return "SELECT 1 FROM pg_catalog.pg_depend WHERE refclassid OPERATOR(pg_catalog.=) "
                   "'pg_catalog.pg_namespace'::pg_catalog.regclass AND refobjid OPERATOR(pg_catalog.=) "
                   "pg_catalog.pg_my_temp_schema()";
        case pin_reason::advisory_lock:
            return "SELECT 1 FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory' AND pid "
                   "OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()";
        case pin_reason::hold_cursor: return "SELECT 1 FROM pg_catalog.pg_cursors WHERE is_holdable";
        case pin_reason::listen: return "SELECT 1 FROM pg_catalog.pg_listening_channels()";
        default: return {};
    }
}

/// One row with a truth value for each reason, in the order of pin_set::for_each().
std::string question_about(pin_set reasons)
{
    std::string text{"SELECT "};
    const auto bare = text.size();
    reasons.for_each([&](pin_reason reason) {
        text.append(text.size() > bare ? "," : "").append("EXISTS(").append(condition_of(reason)).append(")");
    });
    return text;
}

}  // namespace

void front::pin_for(const text_effects& effects)
{
    if (!effects.pins.empty()) {
        pins_.add(effects.pins);
        pin_cause_ = effects.shape;
    }
}

/// Whether it has to be noted that such a text has run.
bool front::counts(const text_effects& effects) const
{
    return !effects.leaves_nothing() || effects.changes_meanings() || effects.changes_names() ||
           (!pins_.empty() && !effects.may_end.empty());
}

pin_set front::undone_by_rollback()
{
    pin_set all{pin_reason::temporary_object};
    all.add(pin_reason::hold_cursor);
    all.add(pin_reason::listen);
    return all;
}

bool front::probe_pins(back& server, outbox& to_server, outbox& to_client)
{
    auto asked = pins_.common_with(may_have_ended_);
    if (!asked.empty()) {
        asked.remove(pins_of(*parameters_.current()));
    }
    if (asked.empty() || asked != pins_ || !server.is_idle() || is_mid_message() || parameters_.is_dirty() ||
        parameters_.has_reapply() || !healed_batch_.empty()) {
        return false;
    }
    may_have_ended_.clear();
    asked_pins_ = asked;
    ++counters_.probes;
    inject(purpose::pins, without_waiting(question_about(asked), *server.parameters), server, to_server, to_client);
    return true;
}

bool front::on_pins_row(bytes body)
{
    const auto asked = std::exchange(asked_pins_, {});
    byte_reader row{body};
    const std::size_t columns = row.u16();
    std::size_t count = 0;
    pin_set over;
    bool is_sound = true;
    asked.for_each([&](pin_reason reason) {
        const auto value = row.i32() == 1 ? row.u8() : 0;
        is_sound = is_sound && (value == 't' || value == 'f');
        if (value == 'f') {
            over.add(reason);
        }
        ++count;
    });
    if (!is_sound || count == 0 || count != columns || !row.finished_cleanly()) {
        return false;
    }
    pins_.remove(over);
    return true;
}

/// A notice to the client, in front of the ReadyForQuery that ends what has pinned it.
void front::tell_pins(const expected_reply& ending, outbox& to_client)
{
    auto now = pins_;
    if (const auto* const effects = ending.effects(); effects != nullptr && !ending.failed) {
        now.add(effects->pins);
    }
    auto fresh = now;
    fresh.remove(told_pins_);
    fresh.remove(pin_reason::session_pooling);
    told_pins_ = now;
    if (!fresh.empty()) {
        encode_notice("NOTICE", "00000", notice_of(fresh), to_client.made());
    }
}

}  // namespace penstock::postgresql
