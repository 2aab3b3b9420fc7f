// SPDX-License-Identifier: Apache-2.0
//
// What holds between settings: references resolve, names are unique, limits fit each other, nothing is half configured.
#pragma once

#include "settings/fault.hpp"
#include "settings/settings.hpp"

#include <functional>
#include <string>

namespace penstock::settings {

/// Gets each fault with the path of the key it is about ("user[1].password").
using complaint = std::function<void(const std::string& path, std::string sentence, std::string remedy)>;

/// Fills in what follows from other settings: how servers' certificates are checked.
void derive(tree& all);

void validate(const tree& all, const complaint& complain);

/// The faults inside the userlist file, with their places in it.
[[nodiscard]] fault_list userlist_faults(const tree& all);

}  // namespace penstock::settings
