// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/known_statements.hpp"

namespace penstock::postgresql {

bool known_statements::knows(const statement_ptr& wanted, std::uint64_t batch)
{
    if (by_use_.empty() || by_use_.front().what != wanted) {
        const auto found = places_.find(wanted->server_name);
        if (found == places_.end()) {
            return false;
        }
        by_use_.splice(by_use_.begin(), by_use_, found->second);
    }
    const auto sent_in = by_use_.front().sent_in;
    return sent_in == confirmed || sent_in == batch;
}

bool known_statements::may_hold(const statement_ptr& wanted) const
{
    return places_.contains(wanted->server_name) || leaving_.contains(wanted->server_name);
}

bool known_statements::was_sent_in(const statement_ptr& wanted, std::uint64_t batch) const
{
    const auto found = places_.find(wanted->server_name);
    return found != places_.end() && found->second->sent_in == batch;
}

void known_statements::insert(statement_ptr added, std::uint64_t batch)
{
    if (auto* const known = find(added)) {
        known->sent_in = batch;
        return;
    }
    by_use_.push_front({std::move(added), batch});
    places_.emplace(by_use_.front().what->server_name, by_use_.begin());
}

void known_statements::confirm(const statement_ptr& prepared)
{
    auto* const known = find(prepared);
    if (known != nullptr && known->sent_in != doubtful) {
        known->sent_in = confirmed;
    }
}

void known_statements::refuse(const statement_ptr& unprepared, std::uint64_t batch)
{
    const auto* const known = find(unprepared);
    if (known != nullptr && known->sent_in == batch) {
        erase(unprepared);
    }
}

void known_statements::erase(const statement_ptr& gone)
{
    const auto found = places_.find(gone->server_name);
    if (found != places_.end()) {
        const auto place = found->second;
        places_.erase(found);
        by_use_.erase(place);
    }
}

void known_statements::begin_close(const statement_ptr& leaving)
{
    ++leaving_[leaving->server_name];
}

void known_statements::end_close(const statement_ptr& gone)
{
    const auto found = leaving_.find(gone->server_name);
    if (found != leaving_.end() && --found->second == 0) {
        leaving_.erase(found);
    }
}

void known_statements::undo_close(const statement_ptr& kept)
{
    end_close(kept);
    if (find(kept) == nullptr) {
        insert(kept, doubtful);
    }
}

void known_statements::doubt(const statement_ptr& uncertain)
{
    if (auto* const known = find(uncertain)) {
        known->sent_in = doubtful;
    }
}

void known_statements::doubt_all()
{
    for (auto& known : by_use_) {
        known.sent_in = doubtful;
    }
}

void known_statements::erase_doubtful()
{
    for (auto place = by_use_.begin(); place != by_use_.end();) {
        if (place->sent_in == doubtful) {
            places_.erase(place->what->server_name);
            place = by_use_.erase(place);
        } else {
            ++place;
        }
    }
}

void known_statements::erase_if_doubtful(const statement_ptr& gone)
{
    const auto* const known = find(gone);
    if (known != nullptr && known->sent_in == doubtful) {
        erase(gone);
    }
}

void known_statements::clear()
{
    places_.clear();
    by_use_.clear();
    leaving_.clear();
}

statement_ptr known_statements::take_excess(std::size_t limit)
{
    if (places_.size() <= limit) {
        return nullptr;
    }
    auto oldest = by_use_.back().what;
    erase(oldest);
    return oldest;
}

known_statements::entry* known_statements::find(const statement_ptr& wanted)
{
    const auto found = places_.find(wanted->server_name);
    return found == places_.end() ? nullptr : &*found->second;
}

}  // namespace penstock::postgresql
