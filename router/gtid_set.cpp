// SPDX-License-Identifier: Apache-2.0
#include "router/gtid_set.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

namespace penstock::router {

namespace {

/// The text up to the next `mark`, without blanks around it; the text goes on behind the mark.
std::string_view take_part(std::string_view& text, char mark)
{
    const auto end = text.find(mark);
    auto part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    constexpr std::string_view blank = " \t\r\n";
    const auto first = part.find_first_not_of(blank);
    if (first == std::string_view::npos) {
        return {};
    }
    part = part.substr(first, part.find_last_not_of(blank) - first + 1);
    return part;
}

template <class Number>
bool read_number(std::string_view text, Number& number)
{
    const auto* const end = text.data() + text.size();
    const auto [stopped, fault] = std::from_chars(text.data(), end, number);
    return fault == std::errc{} && stopped == end;
}

bool is_digit(char octet)
{
    return octet >= '0' && octet <= '9';
}

std::string lower_case(std::string_view name)
{
    std::string lower{name};
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char octet) {
        return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet | 0x20) : octet;
    });
    return lower;
}

/// Hexadecimal digits in groups of 8, 4, 4, 4 and 12.
bool is_uuid(std::string_view text)
{
    constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    return std::equal(text.begin(), text.end(), form.begin(), form.end(), [](char octet, char expected) {
        const bool is_hex = is_digit(octet) || (octet >= 'a' && octet <= 'f');
        return expected == '-' ? octet == '-' : is_hex;
    });
}

bool is_tag(std::string_view text)
{
    constexpr std::size_t longest = 32;
    return !text.empty() && text.size() <= longest && !is_digit(text.front()) &&
           std::all_of(text.begin(), text.end(), [](char octet) {
               return is_digit(octet) || octet == '_' || (octet >= 'a' && octet <= 'z');
           });
}

}  // namespace

std::optional<gtid_set> gtid_set::parse(std::string_view text)
{
    gtid_set made;
    while (!text.empty()) {
        auto rest = take_part(text, ',');
        if (rest.empty()) {
            continue;
        }
        const auto uuid = lower_case(take_part(rest, ':'));
        if (!is_uuid(uuid)) {
            return std::nullopt;
        }
        auto name = uuid;
        while (!rest.empty()) {
            auto part = take_part(rest, ':');
            if (part.empty()) {
                return std::nullopt;
            }
            if (!is_digit(part.front())) {
                const auto tag = lower_case(part);
                if (!is_tag(tag)) {
                    return std::nullopt;
                }
                name = uuid + ':' + tag;
                continue;
            }
            interval found{};
            const bool is_one = part.find('-') == std::string_view::npos;
            const bool has_first = read_number(take_part(part, '-'), found.first);
            const bool has_last = is_one || read_number(part, found.last);
            found.last = is_one ? found.first : found.last;
            if (!has_first || !has_last || found.first == 0 || found.last == UINT64_MAX) {
                return std::nullopt;
            }
            if (found.last >= found.first) {
                made.of(name).push_back(found);
            }
        }
    }
    made.tidy();
    return made;
}

std::vector<gtid_set::interval>& gtid_set::of(const std::string& name)
{
    if (sources_.empty() || sources_.back().name != name) {
        sources_.push_back({name, {}});
    }
    return sources_.back().intervals;
}

/// Servers print sets in order; whoever does not gets it done here.
void gtid_set::tidy()
{
    const auto by_name = [](const source& left, const source& right) { return left.name < right.name; };
    std::stable_sort(sources_.begin(), sources_.end(), by_name);
    std::vector<source> joined;
    for (auto& each : sources_) {
        if (!joined.empty() && joined.back().name == each.name) {
            auto& before = joined.back().intervals;
            before.insert(before.end(), each.intervals.begin(), each.intervals.end());
        } else {
            joined.push_back(std::move(each));
        }
    }
    sources_ = std::move(joined);
    for (auto& [name, intervals] : sources_) {
        std::sort(intervals.begin(), intervals.end(), [](const interval& left, const interval& right) {
            return left.first < right.first;
        });
        std::vector<interval> merged;
        for (const auto& each : intervals) {
            if (!merged.empty() && each.first <= merged.back().last + 1) {
                merged.back().last = std::max(merged.back().last, each.last);
            } else {
                merged.push_back(each);
            }
        }
        intervals = std::move(merged);
    }
}

bool gtid_set::has_all_of(const gtid_set& other) const
{
    auto mine = sources_.begin();
    for (const auto& theirs : other.sources_) {
        mine = std::find_if(mine, sources_.end(), [&theirs](const source& each) { return each.name >= theirs.name; });
        if (mine == sources_.end() || mine->name != theirs.name) {
            return false;
        }
        const bool is_there =
            std::all_of(theirs.intervals.begin(), theirs.intervals.end(), [&mine](const interval& wanted) {
                return is_within(mine->intervals, wanted);
            });
        if (!is_there) {
            return false;
        }
    }
    return true;
}

bool gtid_set::is_within(const std::vector<interval>& all, const interval& wanted)
{
    const auto behind =
        std::upper_bound(all.begin(), all.end(), wanted.first, [](std::uint64_t first, const interval& each) {
            return first < each.first;
        });
    return behind != all.begin() && std::prev(behind)->last >= wanted.last;
}

std::size_t gtid_set::size() const
{
    std::size_t count = 0;
    for (const auto& each : sources_) {
        count += each.intervals.size();
    }
    return count;
}

std::optional<gtid_position> gtid_position::parse(std::string_view text)
{
    gtid_position made;
    while (!text.empty()) {
        auto part = take_part(text, ',');
        if (part.empty()) {
            continue;
        }
        transaction found{};
        const bool is_read = read_number(take_part(part, '-'), found.domain) &&
                             read_number(take_part(part, '-'), found.server) && read_number(part, found.number);
        if (!is_read) {
            return std::nullopt;
        }
        made.last_.push_back(found);
        if (made.last_.size() > most_domains) {
            return std::nullopt;
        }
    }
    auto& all = made.last_;
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return made;
}

bool gtid_position::has_reached(const gtid_position& primary, std::uint32_t writer) const
{
    return std::all_of(primary.last_.begin(), primary.last_.end(), [this, writer](const transaction& wanted) {
        return std::any_of(last_.begin(), last_.end(), [&wanted, writer](const transaction& each) {
            const bool is_behind = each.server == wanted.server ? each.number >= wanted.number
                                                                : each.server == writer && each.number > wanted.number;
            return each.domain == wanted.domain && is_behind;
        });
    });
}

bool gtid_position::goes_on_from(const gtid_position& earlier) const
{
    return std::all_of(earlier.last_.begin(), earlier.last_.end(), [this](const transaction& before) {
        return std::any_of(last_.begin(), last_.end(), [&before](const transaction& each) {
            return each.domain == before.domain && each.number >= before.number;
        });
    });
}

}  // namespace penstock::router
