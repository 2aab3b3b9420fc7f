// SPDX-License-Identifier: Apache-2.0
//
// The session parameters (settings) that a session carries from server to server: an immutable, sorted, shared value.
//
// Equality is a pointer comparison in the usual case, where the connection a session meets was last used by it or by
// one with the same parameters. Names are case-insensitive in SQL and lower case here.
#pragma once

#include "protocols/wire/login_types.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock {

class parameter_set;
/// Never null: nothing set is the empty set.
using parameter_set_ptr = std::shared_ptr<const parameter_set>;

class parameter_set {
public:
    /// The one empty set.
    static parameter_set_ptr none();
    /// From a list in which a later entry outranks an earlier one of the same name.
    static parameter_set_ptr of(const parameter_list& list);

    /// The value, or nullptr where the name is not in the set.
    [[nodiscard]] const std::string* find(std::string_view name) const;
    [[nodiscard]] const parameter_list& entries() const { return entries_; }
    [[nodiscard]] bool empty() const { return entries_.empty(); }

    /// A copy with one value changed, added or taken out.
    [[nodiscard]] parameter_set_ptr with(std::string_view name, std::string_view value) const;
    [[nodiscard]] parameter_set_ptr without(std::string_view name) const;

    friend bool operator==(const parameter_set&, const parameter_set&) = default;

private:
    parameter_list entries_;
};

/// Gives equal sets as one object, so that comparing them is comparing pointers. Of one worker; forgets what nobody
/// holds.
class parameter_set_pool {
public:
    parameter_set_ptr share(parameter_set_ptr made);

private:
    std::unordered_map<std::string, std::weak_ptr<const parameter_set>> known_;
    std::size_t sweep_at_ = 256;
};

/// Same object or same contents.
bool same_parameters(const parameter_set_ptr& left, const parameter_set_ptr& right);

/// ASCII lower case, as names of settings compare.
std::string lower_case(std::string_view text);

}  // namespace penstock
