// SPDX-License-Identifier: Apache-2.0
#include "pool/stops.hpp"

#include <algorithm>
#include <utility>

namespace penstock::pool {

bool stops::pause_all()
{
    return !std::exchange(all_, true);
}

bool stops::resume_all()
{
    return std::exchange(all_, false);
}

void stops::pause(const std::string& name, const std::vector<database_place>& where)
{
    named_[name].insert(where.begin(), where.end());
}

bool stops::resume(const std::string& name)
{
    return named_.erase(name) > 0;
}

bool stops::is_paused(const database_place& where) const
{
    return all_ || std::any_of(named_.begin(), named_.end(), [&where](const auto& each) {
               return each.second.contains(where);
           });
}

std::vector<std::string> stops::names() const
{
    std::vector<std::string> all;
    for (const auto& [name, places] : named_) {
        all.push_back(name);
    }
    return all;
}

bool stops::name_covers(const std::string& name, const pool_key& key) const
{
    const auto found = named_.find(name);
    return found != named_.end() && found->second.contains({key.cluster, key.database});
}

intake stops::intake_of(const pool_key& key, const std::string& node) const
{
    if (is_paused({key.cluster, key.database})) {
        return intake::paused;
    }
    if (drained_.contains(node)) {
        return key.node.empty() ? intake::drained : intake::elsewhere;
    }
    return intake::open;
}

}  // namespace penstock::pool
