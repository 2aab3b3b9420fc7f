// SPDX-License-Identifier: Apache-2.0
#include "protocols/wire/relation_names.hpp"

#include "protocols/wire/scanner.hpp"
#include "protocols/wire/shape_text.hpp"

#include <algorithm>

namespace penstock {

namespace {

std::string lower_case(std::string_view text)
{
    std::string lower{text};
    std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
    return lower;
}

/// A quotation mark within quotes is written twice.
std::string quoted(std::string_view name, char mark)
{
    std::string text{mark};
    for (const char octet : name) {
        text.append(octet == mark ? 2 : 1, octet);
    }
    text.push_back(mark);
    return text;
}

}  // namespace

void relation_names::add(std::string_view name)
{
    names_.emplace(name);
    auto lower = lower_case(name);
    if (std::all_of(lower.begin(), lower.end(), is_in_name)) {
        words_.insert(std::move(lower));
    } else {
        others_.insert(quoted(lower, '"'));
        others_.insert(quoted(lower, '`'));
    }
}

bool relation_names::occur_in(std::string_view shape) const
{
    if (empty()) {
        return false;
    }
    const auto text = lower_case(shape);
    for (auto from = text.begin(); from != text.end();) {
        from = std::find_if(from, text.end(), is_in_name);
        const auto to = std::find_if_not(from, text.end(), is_in_name);
        if (words_.contains(std::string_view{from, to})) {
            return true;
        }
        from = to;
    }
    return std::any_of(
        others_.begin(), others_.end(), [&text](const auto& name) { return text.find(name) != std::string::npos; });
}

}  // namespace penstock
