// SPDX-License-Identifier: Apache-2.0
//
// What the server says beside its replies, and what happens when it refuses.
#include "protocols/postgresql/front.hpp"

#include <algorithm>

namespace penstock::postgresql {

namespace {

/// Reported by the server, but not settings a session could carry.
bool is_settable(std::string_view name)
{
    return name != "in_hot_standby" && name != "is_superuser" && name != "integer_datetimes" &&
           name != "server_version" && name != "server_encoding" && name != "session_authorization";
}

}  // namespace

bool front::must_stay() const
{
    return !pins_.empty() || parameters_.is_dirty() || parameters_.has_reapply() || !healed_batch_.empty();
}

void front::undo_names(statement_change& change)
{
    if (change.all_before) {
        statements_.restore(std::move(change.all_before));
        if (statements_.has_unknown()) {
            pins_.add(pin_reason::sql_prepare);
        }
    } else if (change.before) {
        statements_.set(change.name, change.before);
        if (change.before->origin == statement_origin::server) {
            pins_.add(pin_reason::sql_prepare);  // it may have ended since this was sent
        }
    } else if (!change.name.empty()) {
        statements_.erase(change.name);
    }
}

bool front::on_parameter_status(std::string_view name,
                                std::string_view value,
                                const expected_reply* during,
                                bool more_is_sent)
{
    if (during != nullptr && during->why == purpose::catch_up && repeats_reading_ && name == read_only_parameter) {
        return false;  // for one request, and not by the client
    }
    const auto mode = mode_;
    const bool of_client = during == nullptr || during->why == purpose::client;
    if (of_client && during != nullptr && during->effects() != nullptr &&
        parameters_.goes_back_to_startup(*during->effects(), name)) {
        return false;  // for the client it has the start-up value, which the server is sent next
    }
    if (of_client && is_settable(name)) {
        parameters_.note_changed(name);
    }
    note_reading(name, value);
    if (more_is_sent && mode != mode_) {
        pins_.add(pin_reason::opaque);  // what was sent behind it has been read by the wrong rules
    }
    for (auto& [known, last] : told_) {
        if (known == name) {
            const bool differs = last != value;
            if (differs && during != nullptr) {
                note_told_before(known, last);
            }
            last = value;
            return differs;
        }
    }
    if (greeted_) {
        for (const auto& [known, last] : *greeted_) {
            if (known == name && last == value) {
                return false;
            }
            if (known == name && during != nullptr) {
                note_told_before(known, last);
            }
        }
    }
    if (told_.size() < 200) {
        told_.emplace_back(name, value);
    }
    return true;
}

/// What decides by which rules texts are read.
void front::note_reading(std::string_view name, std::string_view value)
{
    if (name == "standard_conforming_strings") {
        mode_.backslash_escapes = value == "off";
    } else if (name == "client_encoding") {
        mode_.ambiguous_encoding = is_ambiguous_encoding(value);
    }
}

/// A report is being changed by what is lost if the server is lost before the client has its ReadyForQuery.
void front::note_told_before(std::string_view name, std::string_view value)
{
    const bool is_known =
        std::any_of(told_before_.begin(), told_before_.end(), [name](const auto& each) { return each.first == name; });
    if (!is_known) {
        told_before_.emplace_back(name, value);
    }
}

void front::report_resets(const expected_reply& ending, outbox& to_client)
{
    if (pin_rules_.tells) {
        tell_pins(ending, to_client);
    }
    if (ending.kind == reply_kind::query && ending.effects() != nullptr && !ending.failed) {
        resets_.push_back(ending.extras->effects);
    }
    if (resets_.empty()) {
        return;
    }
    const auto ended = std::exchange(resets_, {});
    if (!greeted_) {
        return;
    }
    for (const auto& effects : ended) {
        for (auto& known : told_) {
            if (!parameters_.goes_back_to_startup(*effects, known.first)) {
                continue;
            }
            const auto first = std::find_if(
                greeted_->begin(), greeted_->end(), [&known](const auto& each) { return each.first == known.first; });
            if (first != greeted_->end() && first->second != known.second) {
                note_told_before(known.first, known.second);
                known.second = first->second;
                append_frame(to_client.made(), from_server::parameter_status, known.first + '\0' + known.second + '\0');
            }
        }
    }
}

void front::greeted(std::shared_ptr<const parameter_list> parameters)
{
    greeted_ = std::move(parameters);
    told_.clear();
    for (const auto& [name, value] : *greeted_) {
        note_reading(name, value);
    }
}

std::string_view front::told(std::string_view name) const
{
    const auto in = [name](const parameter_list& list) -> const std::string* {
        const auto place =
            std::find_if(list.begin(), list.end(), [name](const auto& each) { return each.first == name; });
        return place == list.end() ? nullptr : &place->second;
    };
    if (const auto* since = in(told_)) {
        return *since;
    }
    const auto* first = greeted_ ? in(*greeted_) : nullptr;
    return first == nullptr ? std::string_view{} : *first;
}

bool front::is_ambiguous_encoding(std::string_view name)
{
    constexpr std::string_view ambiguous[] = {"SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004"};
    return std::find(std::begin(ambiguous), std::end(ambiguous), name) != std::end(ambiguous);
}

bool front::on_probe_row(bytes body, back& server)
{
    const auto before = pins_of(*parameters_.current());
    const bool sound = parameters_.on_probe_row(body, server.parameters);
    pins_.add(pins_of(*parameters_.current()));
    may_have_ended_.add(before);  // or not yet: see probe_pins()
    told_before_.clear();
    if (parameters_.is_too_large()) {
        pins_.add(pin_reason::unknown_setting);
    }
    return sound;
}

void front::on_injected_failure(purpose why, back& server)
{
    if (why == purpose::begin) {
        routes_->begin_error = server.last_error();
        return;
    }
    if (why == purpose::name) {
        names_error_ = server.last_error();
        return;
    }
    if (why == purpose::probe) {
        parameters_.on_probe_refused();
        pins_.add(pin_reason::unknown_setting);  // what it is now cannot be asked for, so it cannot be carried
    } else if (why == purpose::pins) {
        asked_pins_.clear();  // what is not known to be over goes on
    } else if (why != purpose::prepare && why != purpose::evict) {
        server.must_close = true;
    }
}

bool front::heal(const statement_ptr& stale, bool alone, const back& server)
{
    auto successor = store_.succeed(stale);
    if (!alone || stream_left_ > 0 || batch_state_ != batch_state::complete || !batch_describes_ ||
        statements_.find(batch_name_) != stale || (batch_is_sent_ && !may_send_again())) {
        return false;
    }
    auto batch = batch_is_sent_ ? std::exchange(routes_->sent, {}) : std::string{server.request.of(stamp_)};
    if (batch.empty()) {
        return false;
    }
    statements_.set(batch_name_, std::move(successor));
    healed_batch_ = std::move(batch);
    batch_state_ = batch_state::none;
    ++counters_.healed;
    return true;
}

}  // namespace penstock::postgresql
