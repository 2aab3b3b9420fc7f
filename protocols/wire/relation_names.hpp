// SPDX-License-Identifier: Apache-2.0
//
// Names of relations, and where they stand in texts.
//
// A text that nobody has parsed is searched for them: any word of it that is such a name counts, be it a column's or an
// alias. That errs to one side, and costs nothing where there are no names.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

class relation_names {
public:
    /// As the catalogue has it, without its schema.
    void add(std::string_view name);
    [[nodiscard]] bool empty() const { return names_.empty(); }
    [[nodiscard]] bool contains(std::string_view name) const { return names_.contains(name); }
    /// `shape`: a text without its literals and comments.
    [[nodiscard]] bool occur_in(std::string_view shape) const;
    friend bool operator==(const relation_names&, const relation_names&) = default;

private:
    std::set<std::string, std::less<>> names_;
    std::set<std::string, std::less<>> words_;   ///< names of letters, digits and underscores; ASCII in lower case
    std::set<std::string, std::less<>> others_;  ///< those have to be quoted
};

}  // namespace penstock
