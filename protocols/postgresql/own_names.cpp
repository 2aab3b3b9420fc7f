// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/own_names.hpp"

#include <utility>

namespace penstock::postgresql {

bool own_names::agree(std::string_view name, const statement_ptr& wanted, std::uint64_t batch) const
{
    const auto found = held_.find(name);
    if (found == held_.end() || !wanted) {
        return found == held_.end() && !wanted;
    }
    const auto& held = found->second;
    return held.what == wanted && (held.sent_in == confirmed || held.sent_in == batch);
}

bool own_names::is_ending(std::string_view name) const
{
    const auto found = held_.find(name);
    return found != held_.end() && !found->second.what && found->second.sent_in != confirmed;
}

void own_names::insert(std::string_view name, statement_ptr what, std::uint64_t batch)
{
    held_[std::string{name}] = {std::move(what), batch};
}

void own_names::confirm(std::string_view name, const statement_ptr& what)
{
    const auto found = held_.find(name);
    if (found == held_.end() || found->second.what != what) {
        return;
    }
    if (what) {
        found->second.sent_in = confirmed;
    } else {
        held_.erase(found);
    }
}

void own_names::doubt(std::string_view name)
{
    held_[std::string{name}] = {};
}

void own_names::doubt_all()
{
    for (auto& [name, held] : held_) {
        held = {};
    }
}

void own_names::erase_doubtful()
{
    std::erase_if(held_, [](const auto& each) { return each.second.what == nullptr; });
}

void own_names::forget(std::string_view name)
{
    if (const auto found = held_.find(name); found != held_.end()) {
        held_.erase(found);
    }
}

std::vector<std::string> own_names::all() const
{
    std::vector<std::string> names;
    for (const auto& [name, held] : held_) {
        names.push_back(name);
    }
    return names;
}

}  // namespace penstock::postgresql
