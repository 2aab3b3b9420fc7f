// SPDX-License-Identifier: Apache-2.0
#include "protocols/wire/route_rules.hpp"

#include "protocols/wire/shape_digest.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace penstock {

namespace {

bool holds(const std::string& pattern, std::string_view text)
{
    return pattern.empty() || matches(pattern, text);
}

template <class Claim>
std::uint64_t places_of(const std::vector<route_rule>& rules, Claim claim)
{
    std::uint64_t found = 0;
    for (std::size_t place = 0; place < rules.size(); ++place) {
        found |= std::uint64_t{claim(rules[place])} << place;
    }
    return found;
}

request_facts wished(request_facts facts, route_hint what, node_place node, wish_source by)
{
    facts.hint = what;
    facts.node = node;
    facts.by = by;
    facts.verdict = what == route_hint::primary ? read_verdict::hint : facts.text;
    return facts;
}

}  // namespace

route_rules::route_rules(std::vector<route_rule> rules, std::vector<std::string> nodes)
    : rules_{std::move(rules)}, nodes_{std::move(nodes)}
{
    rules_.resize(std::min(rules_.size(), most));
    with_route_ = places_of(rules_, [](const route_rule& each) { return each.route != route_hint::none; });
    with_limit_ = places_of(rules_, [](const route_rule& each) { return !each.limit.empty(); });
    of_any_ = places_of(rules_, [](const route_rule& each) { return each.statement.empty() && each.digest.empty(); });
}

std::uint64_t route_rules::of_session(std::string_view user,
                                      std::string_view database,
                                      std::string_view application_name) const
{
    std::uint64_t found = 0;
    for (std::size_t place = 0; place < rules_.size(); ++place) {
        const auto& rule = rules_[place];
        const bool all =
            holds(rule.user, user) && holds(rule.database, database) && holds(rule.application_name, application_name);
        found |= std::uint64_t{all} << place;
    }
    return found;
}

std::uint64_t route_rules::of_shape(std::string_view shape) const
{
    std::uint64_t found = 0;
    std::string digest;
    for (std::size_t place = 0; place < rules_.size(); ++place) {
        const auto& rule = rules_[place];
        if (!rule.digest.empty() && digest.empty()) {
            digest = shape_digest(shape);
        }
        const bool both = (rule.digest.empty() || rule.digest == digest) && holds(rule.statement, shape);
        found |= std::uint64_t{both} << place;
    }
    return found;
}

std::size_t route_rules::place_of(std::string_view node) const
{
    std::size_t found = unknown;
    for (std::size_t place = 0; place < nodes_.size() && place <= 255; ++place) {
        const std::string_view name = nodes_[place];
        if (name == node) {
            return place;
        }
        if (!node.empty() && name.substr(0, name.rfind(':')) == node) {
            if (found != unknown) {
                return unknown;  // several have that host
            }
            found = place;
        }
    }
    return found;
}

bool route_rules::asks_for_application() const
{
    return std::any_of(rules_.begin(), rules_.end(), [](const auto& each) { return !each.application_name.empty(); });
}

bool matches(std::string_view pattern, std::string_view text)
{
    std::size_t at = 0;    // in the pattern
    std::size_t from = 0;  // in the text
    std::size_t star = std::string_view::npos;
    std::size_t behind_star = 0;  // what the last star stands for ends here
    while (from < text.size()) {
        if (at < pattern.size() && pattern[at] == '*') {
            star = at++;
            behind_star = from;
        } else if (at < pattern.size() && pattern[at] == text[from]) {
            ++at;
            ++from;
        } else if (star != std::string_view::npos) {
            at = star + 1;
            from = ++behind_star;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

request_facts with_wishes(request_facts facts, route_hint setting, const route_rules& rules, std::uint64_t of_session)
{
    if (facts.hint != route_hint::none) {
        return facts;
    }
    if (setting != route_hint::none) {
        return wished(facts, setting, 0, wish_source::setting);
    }
    if (const auto both = facts.rules & of_session & rules.with_route(); both != 0) {
        const auto& rule = rules.at(static_cast<std::size_t>(std::countr_zero(both)));
        return wished(facts, rule.route, rule.node, wish_source::rule);
    }
    return facts;
}

request_facts session_wishes::apply(const request_facts& facts,
                                    const route_rules& rules,
                                    std::uint64_t version,
                                    std::string_view application_name)
{
    if (!rules.empty() && (version != version_ || application_name != application_name_)) {
        version_ = version;
        application_name_ = application_name;
        rules_ = rules.of_session(user_, database_, application_name);
    }
    return with_wishes(facts, setting, rules, rules.empty() ? 0 : rules_);
}

}  // namespace penstock
