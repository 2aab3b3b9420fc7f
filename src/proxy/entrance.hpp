// SPDX-License-Identifier: Apache-2.0
//
// What a client has come for, by the address where it was accepted.
#pragma once

#include <cstdint>

namespace penstock::proxy {

enum class entrance : std::uint8_t {
    usual,
    for_reading,  ///< it gets replicas
    console,      ///< it gets the console and nothing else
};

}  // namespace penstock::proxy
