// SPDX-License-Identifier: Apache-2.0
#include "settings/fault.hpp"

namespace penstock::settings {

std::string fault::text() const
{
    std::string out = file;
    if (where.line > 0) {
        out += ':' + std::to_string(where.line) + ':' + std::to_string(where.column);
    }
    out += out.empty() ? "" : ": ";
    out += sentence;
    if (!remedy.empty()) {
        out += "; " + remedy;
    }
    return out;
}

}  // namespace penstock::settings
