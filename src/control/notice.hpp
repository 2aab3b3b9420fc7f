// SPDX-License-Identifier: Apache-2.0
//
// How the control plane tells what it finds: one sentence and its weight, to whoever the application names (the log).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace penstock::control {

enum class severity : std::uint8_t { info, warning, error };

/// Takes a sentence without a secret in it. Called on the control thread; may be empty.
using notice_function = std::function<void(severity weight, std::string_view sentence)>;

inline void tell(const notice_function& notice, severity weight, std::string_view sentence)
{
    if (notice) {
        notice(weight, sentence);
    }
}

/// A peer's text made fit for a log line: quoted, cut after 80 octets, control characters and quotes as \xNN.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace penstock::control
