// SPDX-License-Identifier: Apache-2.0
//
// What requests leave behind: noted when they are sent, for what is sent behind them, and applied when they are
// confirmed.
//
// What is not noted would reach whoever borrows the connection next, so all here errs to one side.
#include "protocols/postgresql/front.hpp"

#include <algorithm>

namespace penstock::postgresql {

namespace {

/// What a failed statement leaves behind all the same: these are not undone with its transaction.
constexpr pin_reason survivors[] = {pin_reason::advisory_lock,
                                    pin_reason::sequence,
                                    pin_reason::setseed,
                                    pin_reason::dblink,
                                    pin_reason::load,
                                    pin_reason::opaque};

/// And what no DISCARD ALL ends: a seed, connections of dblink, loaded code, and whatever code has left that nobody has
/// looked into (any of these, or a backup, a temporary replication slot, what a procedural language keeps).
constexpr pin_set what_lasts()
{
    pin_set all{pin_reason::setseed};
    all.add(pin_reason::dblink);
    all.add(pin_reason::load);
    all.add(pin_reason::opaque);
    all.add(pin_reason::large_statement);
    return all;
}

constexpr auto lasting = what_lasts();

/// More portals or statements with effects are not kept apart.
constexpr std::size_t most_portals = 256;

}  // namespace

/// What a request with these effects means for what is sent behind it, before its reply has come.
void front::announce_effects(expected_reply& reply, std::shared_ptr<const text_effects> effects, back& server)
{
    auto& extra = reply.extra();
    extra.effects = std::move(effects);
    const auto& found = *extra.effects;
    if (found.deallocate_all || found.discard_all) {
        server.statements.doubt_all();
        extra.change.all_before = statements_.take_all();
        holding_ = true;
        server.own.doubt_all();
    }
    announce_names(extra, found, server);
    announce_meanings(found, server);
    holding_ = holding_ || parameters_.will_reapply(found) || changes_reading(found);
}

/// Whether what follows is read by other lexical rules, so that it cannot be inspected before the reply has come.
bool front::changes_reading(const text_effects& effects) const
{
    return std::any_of(effects.touched.begin(), effects.touched.end(), [](const auto& name) {
        return name == "standard_conforming_strings" || name == "client_encoding";
    });
}

void front::set_portal_effects(std::string_view portal, std::shared_ptr<const text_effects> effects)
{
    const bool leaves = effects && (!effects->leaves_nothing() && effects->deallocate_name.empty());
    if (leaves && std::find(bound_effects_.begin(), bound_effects_.end(), effects) == bound_effects_.end()) {
        bound_effects_.push_back(effects);
    }
    if (portal.empty()) {
        unnamed_portal_effects_ = std::move(effects);
        return;
    }
    std::erase_if(portal_effects_, [portal](const auto& each) { return each.first == portal; });
    if (effects) {
        portal_effects_.emplace_back(portal, std::move(effects));
    }
    if (bound_effects_.size() > most_portals || portal_effects_.size() > most_portals) {
        pins_.add(pin_reason::opaque);
        bound_effects_.clear();
        portal_effects_.clear();
    }
}

/// Which named portal has which block is not kept: that a transaction may be over, or what is behind it outside of one,
/// is all that matters.
void front::set_portal_block(std::string_view portal, const transaction_effect& block)
{
    if (portal.empty()) {
        unnamed_portal_block_ = block;
        return;
    }
    named_portals_block_.opens = named_portals_block_.opens || block.opens;
    named_portals_block_.commits = named_portals_block_.commits || block.commits;
    named_portals_block_.leaves = named_portals_block_.leaves || block.opens || block.leaves;
}

const transaction_effect& front::portal_block(std::string_view portal) const
{
    return portal.empty() ? unnamed_portal_block_ : named_portals_block_;
}

std::shared_ptr<const text_effects> front::portal_effects(std::string_view portal) const
{
    if (portal.empty()) {
        return unnamed_portal_effects_;
    }
    for (const auto& [name, effects] : portal_effects_) {
        if (name == portal) {
            return effects;
        }
    }
    return nullptr;
}

void front::on_done(expected_reply& reply, back& server)
{
    if (reply.unnamed_version != 0 && !reply.failed && server.unnamed_stamp == stamp_of(reply.unnamed_version)) {
        server.unnamed_batch = 0;
    }
    if (reply.why != purpose::client) {
        if (reply.why == purpose::begin) {
            on_block_begun(reply, server);
        }
        return;
    }
    if (reply.goes_on) {
        first_part_.succeeded = !reply.failed;
    }
    if (const auto* const effects = reply.effects()) {
        server.had_temporary = server.had_temporary || may_make_temporary(*effects);
        server.must_close = server.must_close || effects->sets_temp_buffers;
        if (reply.failed) {
            apply_failed(*effects);
            settle_names(*effects, true, server);
        } else {
            apply(reply, server);
            settle_names(*effects, false, server);
        }
    }
    if (!pins_.common_with(lasting).empty()) {
        server.must_close = true;  // once this session is done with it
    }
    if (const auto* const change = reply.change();
        change != nullptr && change->before && change->before->origin == statement_origin::server) {
        end_prepare_pin();
    }
    if (!is_extended(reply.kind)) {
        on_ready(server);
    } else if (reply.kind == reply_kind::execute && !reply.failed) {
        fold(reply.block, done_block_);
    }
}

/// ReadyForQuery. A transaction that has failed and gone on from a savepoint may have other portals than were bound
/// last, since a failed batch is skipped in part: so all that was bound in it counts.
void front::on_ready(back& server)
{
    const char status = server.transaction_status();
    done_block_ = {};
    end_repeats();
    recovered_ = recovered_ || (in_failure_ && status == 'T');
    if (in_failure_ && status != 'E') {
        may_have_ended_.add(undone_by_rollback());
    }
    in_failure_ = status == 'E';
    if (status != 'I') {
        return;
    }
    if (meaning_ != meaning::shared) {
        settle_meanings(server.outstanding() > 0);
    }
    if (routes_) {
        routes_->block = begun::none;
    }
    if (recovered_) {
        for (const auto& effects : bound_effects_) {
            parameters_.note_touched(*effects);
            pin_for(*effects);
        }
    }
    recovered_ = false;
    named_portals_block_ = {};
    if (server.outstanding() > 0) {
        parameters_.note_acknowledged();
        told_before_.clear();
    } else if (!parameters_.needs_probe()) {
        told_before_.clear();
    }
    if (routes_ && server.is_quiet() && routes_->sent.capacity() > 1024) {
        std::string{}.swap(routes_->sent);
    }
    if (server.is_quiet() && !(bound_effects_.empty() && unnamed_portal_effects_ == nullptr)) {
        bound_effects_.clear();
        portal_effects_.clear();  // portals end with their transaction
        unnamed_portal_effects_ = nullptr;
    }
}

void front::apply_failed(const text_effects& effects)
{
    for (const auto reason : survivors) {
        if (effects.pins.has(reason)) {
            pins_.add(reason);
            pin_cause_ = effects.shape;
        }
    }
    may_have_ended_.add(effects.single() ? pin_set{} : effects.may_end);
    if (!effects.single()) {  // a COMMIT between its statements may have kept a part
        parameters_.note_touched(effects);
        pin_for(effects);
    }
}

void front::apply(const expected_reply& done, back& server)
{
    const auto& effects = *done.effects();
    if (effects.deallocate_all || effects.discard_all) {
        server.statements.erase_doubtful();
        server.own.erase_doubtful();
    } else if (done.kind == reply_kind::query && done.prepares) {
        server.statements.erase_if_doubtful(done.prepares);  // its digest was given up, not only the client's name
    }
    if (routes_ && (effects.discard_all || effects.reset_all)) {
        routes_->wishes.setting = route_hint::none;
    }
    if (effects.deallocate_all) {
        pins_.remove(pin_reason::sql_prepare);
    }
    if (effects.discard_sequences) {
        server.foreign_sequences = false;
        pins_.remove(pin_reason::sequence);  // the text may have used one behind it: see below
    }
    may_have_ended_.add(effects.may_end);
    if (effects.discard_all) {
        server.parameters = parameter_set::none();
        server.foreign_sequences = false;
        server.unnamed_stamp = 0;
        const bool session_pooling = pins_.has(pin_reason::session_pooling);
        pins_.clear();
        if (session_pooling) {
            pins_.add(pin_reason::session_pooling);
        }
        parameters_.note_discard_all();
        pins_.add(pins_of(*parameters_.current()));
    }
    if (done.kind == reply_kind::execute && parameters_.will_reapply(effects)) {
        resets_.push_back(done.extras->effects);
    }
    pin_for(effects);
    if (!effects.discard_all || !effects.single()) {
        parameters_.note(effects);
    }
}

}  // namespace penstock::postgresql
