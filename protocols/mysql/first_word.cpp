// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/first_word.hpp"

#include "protocols/wire/parameter_set.hpp"

#include <algorithm>

namespace penstock::mysql {

std::string first_word(bytes text)
{
    const auto skip = [&text](std::size_t count) { text.remove_prefix(std::min(count, text.size())); };
    for (;;) {
        skip(text.find_first_not_of(" \t\r\n("));
        const bool is_executed = text.starts_with("/*!") || text.starts_with("/*M!");
        if (!text.starts_with("/*") || is_executed) {
            break;
        }
        const auto end = text.find("*/", 2);
        skip(end == bytes::npos ? end : end + 2);
    }
    const auto end = std::find_if(text.begin(), text.end(), [](char octet) {
        const auto folded = static_cast<unsigned char>(octet) | 0x20U;
        return folded < 'a' || folded > 'z';
    });
    return lower_case(text.substr(0, static_cast<std::size_t>(end - text.begin())));
}

}  // namespace penstock::mysql
