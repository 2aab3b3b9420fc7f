// SPDX-License-Identifier: Apache-2.0
//
// What SET does that a server does not report, or not as it is.
#include "protocols/mysql/effects.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace penstock::mysql {

namespace {

bool one_of(std::string_view name, std::initializer_list<std::string_view> names)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

/// Servers report a number for DEFAULT, too. Where one text says both, nobody knows which of them came last.
void effects_collector::note_timestamp(bool is_default)
{
    if (std::exchange(sets_timestamp_, true) && effects_.timestamp_default != is_default) {
        effects_.pins.add(pin_reason::unknown_setting);
        is_default = false;
    }
    effects_.timestamp_default = is_default;
}

/// SET @@name = ...: to be asked for by assigning it to itself, unless that would change something.
void effects_collector::note_unscoped()
{
    const bool is_name = !set_name_.empty() && std::all_of(set_name_.begin(), set_name_.end(), [](char octet) {
        return (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9') || octet == '_';
    });
    const bool is_odd = !is_name || set_name_.starts_with("rand_seed") || set_name_.starts_with("pseudo_") ||
                        set_name_.starts_with("gtid_") ||
                        one_of(set_name_, {"timestamp", "insert_id", "last_insert_id", "identity", "skip_replication"});
    if (is_odd || effects_.unscoped.size() >= text_effects::most_variables) {
        effects_.sets_odd_unscoped = true;
    } else {
        effects_.unscoped.push_back(set_name_);
    }
}

/// SET ROLE, which MariaDB takes among other assignments, too, and SET RESOURCE GROUP: both stay over a reset.
bool effects_collector::take_role_or_group(std::string_view word)
{
    const bool is_role = word == "role";
    if (!is_role && (word != "resource" || tokens_ != 2)) {
        return false;
    }
    const auto reason = is_role ? pin_reason::role : pin_reason::unknown_setting;
    effects_.pins.add(reason);
    effects_.lasting.add(reason);
    set_global_ = true;  // as none of the session's variables is set
    set_name_.clear();
    set_value_tokens_ = 0;
    set_is_literal_ = false;
    set_place_ = set_place::value;
    return true;
}

}  // namespace penstock::mysql
