// SPDX-License-Identifier: Apache-2.0
#include "proxy/pin_table.hpp"

#include <algorithm>
#include <utility>

namespace penstock::proxy {

namespace {

char letter_of(engine of)
{
    return of == engine::postgresql ? 'p' : 'm';
}

}  // namespace

std::string digest_of_shape(std::string_view shape)
{
    if (shape.empty()) {
        return {};
    }
    std::uint64_t hash = 14695981039346656037U;
    for (const char octet : shape) {
        hash = (hash ^ static_cast<unsigned char>(octet)) * 1099511628211U;
    }
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) {
        text.push_back(digits[(hash >> shift) & 15]);
    }
    return text;
}

void pin_table::note(std::string digest, std::string_view shape, engine of, pin_set reasons, const pinned_session& who)
{
    const auto key = letter_of(of) + digest;
    auto place = statements_.find(key);
    if (place == statements_.end()) {
        std::uint64_t inherited = 0;
        make_room(inherited);
        place = statements_.emplace(key, pin_statement{}).first;
        place->second.digest = std::move(digest);
        place->second.shape = shape.substr(0, longest_shape);
        place->second.of = of;
        place->second.count = place->second.inherited = inherited;
    }
    auto& known = place->second;
    ++known.count;
    known.reasons.add(reasons);
    known.user = who.user;
    known.database = who.database;
    known.application_name = who.application_name;
}

void pin_table::make_room(std::uint64_t& inherited)
{
    if (statements_.size() < most_statements) {
        return;
    }
    const auto rarest = std::min_element(statements_.begin(), statements_.end(), [](const auto& one, const auto& two) {
        return one.second.count < two.second.count;
    });
    inherited = rarest->second.count;
    statements_.erase(rarest);
}

std::vector<pin_statement> pin_table::statements() const
{
    std::vector<pin_statement> all;
    for (const auto& [key, each] : statements_) {
        all.push_back(each);
    }
    return all;
}

void merge(std::vector<pin_statement>& into, std::vector<pin_statement> others)
{
    for (auto& each : others) {
        const auto known = std::find_if(into.begin(), into.end(), [&each](const auto& one) {
            return one.digest == each.digest && one.of == each.of;
        });
        if (known == into.end()) {
            into.push_back(std::move(each));
        } else {
            known->count += each.count;
            known->inherited += each.inherited;
            known->reasons.add(each.reasons);
        }
    }
}

void sort_and_cut(std::vector<pin_statement>& all)
{
    std::sort(all.begin(), all.end(), [](const auto& one, const auto& two) {
        return one.count != two.count ? one.count > two.count : one.digest < two.digest;
    });
    all.resize(std::min(all.size(), pin_table::most_statements));
}

}  // namespace penstock::proxy
