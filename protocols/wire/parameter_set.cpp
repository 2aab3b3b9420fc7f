// SPDX-License-Identifier: Apache-2.0
#include "protocols/wire/parameter_set.hpp"

#include <algorithm>

namespace penstock {

namespace {

auto place_of(auto& entries, std::string_view name)
{
    return std::lower_bound(entries.begin(), entries.end(), name, [](const auto& entry, std::string_view wanted) {
        return entry.first < wanted;
    });
}

}  // namespace

parameter_set_ptr parameter_set::none()
{
    static const parameter_set_ptr empty = std::make_shared<const parameter_set>();
    return empty;
}

parameter_set_ptr parameter_set::of(const parameter_list& list)
{
    if (list.empty()) {
        return none();
    }
    auto made = std::make_shared<parameter_set>();
    for (const auto& [name, value] : list) {
        const auto key = lower_case(name);
        const auto place = place_of(made->entries_, key);
        if (place != made->entries_.end() && place->first == key) {
            place->second = value;
        } else {
            made->entries_.insert(place, {key, value});
        }
    }
    return made;
}

const std::string* parameter_set::find(std::string_view name) const
{
    const auto place = place_of(entries_, name);
    return place != entries_.end() && place->first == name ? &place->second : nullptr;
}

parameter_set_ptr parameter_set::with(std::string_view name, std::string_view value) const
{
    auto changed = std::make_shared<parameter_set>(*this);
    const auto place = place_of(changed->entries_, name);
    if (place != changed->entries_.end() && place->first == name) {
        place->second = value;
    } else {
        changed->entries_.insert(place, {std::string{name}, std::string{value}});
    }
    return changed;
}

parameter_set_ptr parameter_set::without(std::string_view name) const
{
    auto changed = std::make_shared<parameter_set>(*this);
    const auto place = place_of(changed->entries_, name);
    if (place != changed->entries_.end() && place->first == name) {
        changed->entries_.erase(place);
    }
    return changed->entries_.empty() ? none() : changed;
}

parameter_set_ptr parameter_set_pool::share(parameter_set_ptr made)
{
    std::string key;
    for (const auto& [name, value] : made->entries()) {
        key.append(name).push_back('\0');
        key.append(value).push_back('\0');
    }
    auto& known = known_[key];
    if (auto same = known.lock()) {
        return same;
    }
    known = made;
    if (known_.size() > sweep_at_) {
        std::erase_if(known_, [](const auto& each) { return each.second.expired(); });
        sweep_at_ = std::max<std::size_t>(256, known_.size() * 2);
    }
    return made;
}

bool same_parameters(const parameter_set_ptr& left, const parameter_set_ptr& right)
{
    return left == right || *left == *right;
}

std::string lower_case(std::string_view text)
{
    std::string lowered{text};
    for (char& letter : lowered) {
        if (letter >= 'A' && letter <= 'Z') {
            letter = static_cast<char>(letter - 'A' + 'a');
        }
    }
    return lowered;
}

}  // namespace penstock
