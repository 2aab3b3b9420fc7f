// SPDX-License-Identifier: Apache-2.0
//
// What a completed reply changes in a session: names, parameters, pins.
#include "protocols/postgresql/front.hpp"

#include "protocols/postgresql/errors.hpp"

#include <algorithm>

namespace penstock::postgresql {

namespace {

/// Reported by the server, but not settings a session could carry.
bool is_settable(std::string_view name)
{
    return name != "in_hot_standby" && name != "is_superuser" && name != "integer_datetimes" &&
           name != "server_version" && name != "server_encoding" && name != "session_authorization";
}

/// What a failed statement leaves behind all the same: these are not undone with its transaction.
constexpr pin_reason survivors[] = {pin_reason::advisory_lock,
                                    pin_reason::sequence,
                                    pin_reason::setseed,
                                    pin_reason::dblink,
                                    pin_reason::load,
                                    pin_reason::opaque};

}  // namespace

bool front::must_stay() const
{
    return !pins_.empty() || parameters_.is_dirty() || parameters_.has_reapply() || !healed_batch_.empty();
}

void front::on_done(expected_reply& reply, back& server)
{
    if (reply.why != purpose::client) {
        return;
    }
    if (reply.effects && reply.failed) {
        apply_failed(*reply.effects);
    } else if (reply.effects) {
        apply(reply, server);
    }
    if (reply.kind == reply_kind::query || reply.kind == reply_kind::sync) {
        if (!portal_effects_.empty() && server.transaction_status() == 'I') {
            portal_effects_.clear();  // portals end with their transaction
        }
    }
}

void front::apply_failed(const text_effects& effects)
{
    for (const auto reason : survivors) {
        if (effects.pins.has(reason)) {
            pins_.add(reason);
        }
    }
    if (!effects.single()) {  // a COMMIT between its statements may have kept a part
        parameters_.note_touched(effects);
        pins_.add(effects.pins);
    }
}

void front::apply(const expected_reply& done, back& server)
{
    const auto& effects = *done.effects;
    if (effects.deallocate_all || effects.discard_all) {
        server.statements.erase_doubtful();
    } else if (done.change && done.change->before) {
        server.statements.erase_if_doubtful(done.change->before);
    }
    if (effects.deallocate_all) {
        pins_.remove(pin_reason::sql_prepare);
    }
    if (effects.discard_all) {
        server.parameters = parameter_set::none();
        server.unnamed_stamp = 0;
        const bool session_pooling = pins_.has(pin_reason::session_pooling);
        pins_.clear();
        if (session_pooling) {
            pins_.add(pin_reason::session_pooling);
        }
        parameters_.note_discard_all();
    }
    pins_.add(effects.pins);
    if (!effects.discard_all || !effects.single()) {
        parameters_.note(effects);
    }
}

void front::undo_names(statement_change& change)
{
    if (change.all_before) {
        statements_.restore(std::move(change.all_before));
    } else if (change.before) {
        statements_.set(change.name, change.before);
    } else if (!change.name.empty()) {
        statements_.erase(change.name);
    }
}

void front::undo_unnamed(statement_change& change, std::uint64_t version)
{
    if (change.unnamed_before && statements_.unnamed().version == version) {
        statements_.unnamed() = std::move(*change.unnamed_before);
    }
}

void front::on_unnamed_refused(std::uint64_t version)
{
    if (statements_.unnamed().version == version) {
        statements_.unnamed().exists = false;
    }
}

/// Whether what follows is read by other lexical rules, so that it cannot be inspected before the reply has come.
bool front::changes_reading(const text_effects& effects) const
{
    return std::any_of(effects.touched.begin(), effects.touched.end(), [](const auto& name) {
        return name == "standard_conforming_strings" || name == "client_encoding";
    });
}

bool front::on_parameter_status(std::string_view name, std::string_view value, const expected_reply* during)
{
    const bool of_client = during == nullptr || during->why == purpose::client;
    if (of_client && during != nullptr && during->effects && parameters_.goes_back_to_startup(*during->effects, name)) {
        return false;  // for the client it has the start-up value, which the server is sent next
    }
    if (of_client && is_settable(name)) {
        parameters_.note_changed(name);
    }
    if (name == "standard_conforming_strings") {
        mode_.backslash_escapes = value == "off";
    } else if (name == "client_encoding") {
        mode_.ambiguous_encoding = is_ambiguous_encoding(value);
    }
    for (auto& [known, last] : told_) {
        if (known == name) {
            const bool differs = last != value;
            last = value;
            return differs;
        }
    }
    if (greeted_) {
        for (const auto& [known, last] : *greeted_) {
            if (known == name && last == value) {
                return false;
            }
        }
    }
    if (told_.size() < 200) {
        told_.emplace_back(name, value);
    }
    return true;
}

void front::greeted(std::shared_ptr<const parameter_list> parameters)
{
    greeted_ = std::move(parameters);
    told_.clear();
    for (const auto& [name, value] : *greeted_) {
        if (name == "standard_conforming_strings") {
            mode_.backslash_escapes = value == "off";
        } else if (name == "client_encoding") {
            mode_.ambiguous_encoding = is_ambiguous_encoding(value);
        }
    }
}

bool front::is_ambiguous_encoding(std::string_view name)
{
    constexpr std::string_view ambiguous[] = {"SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004"};
    return std::find(std::begin(ambiguous), std::end(ambiguous), name) != std::end(ambiguous);
}

bool front::on_probe_row(bytes body, back& server)
{
    const bool sound = parameters_.on_probe_row(body, server.parameters);
    if (parameters_.is_too_large()) {
        pins_.add(pin_reason::unknown_setting);
    }
    return sound;
}

void front::on_injected_failure(purpose why, back& server)
{
    if (why == purpose::probe) {
        parameters_.on_probe_refused();
        pins_.add(pin_reason::unknown_setting);  // what it is now cannot be asked for, so it cannot be carried
    } else if (why != purpose::prepare && why != purpose::evict) {
        server.must_close = true;
    }
}

bool front::heal(const statement_ptr& stale, bool alone)
{
    auto successor = store_.succeed(stale);
    if (!alone || stream_left_ > 0 || batch_state_ != batch_state::complete || !batch_describes_ ||
        statements_.find(batch_name_) != stale) {
        return false;
    }
    statements_.set(batch_name_, std::move(successor));
    healed_batch_ = std::exchange(batch_, {});
    batch_state_ = batch_state::none;
    ++counters_.healed;
    return true;
}

bool front::on_server_lost(back& server, const client_error& error, outbox& to_client)
{
    if (server.is_mid_relay()) {
        return false;
    }
    const auto& owed = server.expected();
    bool told = false;  // of the batch under way
    for (std::size_t place = 0; place < owed.size(); ++place) {
        const auto& reply = owed[place];
        if (reply.why != purpose::client || reply.how == reply_disposition::swallow) {
            continue;
        }
        if (!told && !reply.failed) {
            encode_error(error, to_client.made(), false);
        }
        told = true;
        if (reply.kind == reply_kind::query || reply.kind == reply_kind::sync ||
            reply.kind == reply_kind::function_call) {
            append_ready(to_client.made(), 'I');
            told = false;
        }
    }
    for (std::size_t place = owed.size(); place > 0; --place) {
        if (auto* const change = owed[place - 1].change.get()) {
            undo_names(*change);
        }
    }
    if (server.is_unsynced()) {
        if (!told && !server.is_skipping()) {
            encode_error(error, to_client.made(), false);
        }
        skipping_ = true;
    }
    stream_dropped_ = true;
    stream_inspected_ = false;
    collector_.reset();
    holding_ = false;
    batch_state_ = batch_state::none;
    portal_effects_.clear();
    return true;
}

}  // namespace penstock::postgresql
