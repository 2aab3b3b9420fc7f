// SPDX-License-Identifier: Apache-2.0
//
// Least recently used goes first; what has expired goes when it is asked for.
#include "control/user_cache.hpp"

#include <iterator>
#include <utility>

namespace penstock::control {

const found_user* user_cache::find(const std::string& user, time_point now)
{
    const auto known = by_name_.find(user);
    if (known == by_name_.end()) {
        return nullptr;
    }
    const auto which = known->second;
    if (now >= which->until) {
        drop(which);
        return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, which);
    return &which->found;
}

void user_cache::remember(const std::string& user, found_user found, time_point now, duration believed)
{
    if (const auto known = by_name_.find(user); known != by_name_.end()) {
        drop(known->second);
    }
    if (most_ == 0 || believed <= duration::zero()) {
        return;
    }
    if (entries_.size() >= most_) {
        drop(std::prev(entries_.end()));
    }
    entries_.push_front({user, std::move(found), now, now + believed});
    by_name_.emplace(user, entries_.begin());
}

void user_cache::forget(const std::string& user, time_point now, duration grace)
{
    const auto known = by_name_.find(user);
    if (known != by_name_.end() && now - known->second->since >= grace) {
        drop(known->second);
    }
}

void user_cache::clear()
{
    by_name_.clear();
    entries_.clear();
}

void user_cache::drop(entry_list::iterator which)
{
    by_name_.erase(which->user);
    entries_.erase(which);
}

}  // namespace penstock::control
