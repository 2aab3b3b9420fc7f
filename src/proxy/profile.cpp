// SPDX-License-Identifier: Apache-2.0
#include "proxy/profile.hpp"

#include <algorithm>

namespace penstock::proxy {

namespace {

constexpr std::size_t most_profiles = 1000;
constexpr std::string_view individual = "application_name";

bool is_plain(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char letter) { return letter >= ' ' && letter <= '~'; });
}

/// The list with this client's own name in it.
std::shared_ptr<const parameter_list> personal(const std::shared_ptr<const parameter_list>& shared,
                                               const std::string& name)
{
    const auto place =
        std::find_if(shared->begin(), shared->end(), [](const auto& each) { return each.first == individual; });
    if (place == shared->end() || place->second == name) {
        return shared;
    }
    auto own = std::make_shared<parameter_list>(*shared);
    (*own)[static_cast<std::size_t>(place - shared->begin())].second = name;
    return own;
}

}  // namespace

std::shared_ptr<const parameter_list> profiles::find(const parameter_set& startup) const
{
    const auto found = known_.find(key_of(startup));
    if (found == known_.end()) {
        return nullptr;
    }
    const auto* name = startup.find(individual);
    return personal(found->second, name == nullptr ? std::string{} : *name);
}

std::shared_ptr<const parameter_list> profiles::add(const parameter_set& startup, parameter_list reported)
{
    if (known_.size() >= most_profiles) {
        known_.clear();
    }
    known_[key_of(startup)] = std::make_shared<const parameter_list>(std::move(reported));
    return find(startup);
}

std::string profiles::key_of(const parameter_set& startup)
{
    std::string key;
    for (const auto& [name, value] : startup.entries()) {
        if (name != individual || !is_plain(value)) {
            key.append(name).push_back('\0');
            key.append(value).push_back('\0');
        }
    }
    return key;
}

}  // namespace penstock::proxy
