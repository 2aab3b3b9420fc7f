// SPDX-License-Identifier: Apache-2.0
//
// Which rules of the configuration hold for a request that asks for a server, so that it can be counted against their
// limits. Asked only where there are limits.
#include "protocols/postgresql/front.hpp"

#include <optional>

namespace penstock::postgresql {

/// Those that hold for each text that a batch runs; of one that has not come whole, what has come of it counts.
std::uint64_t front::rules_for(bytes octets, read_judge& by) const
{
    constexpr auto every_rule = ~std::uint64_t{0};
    constexpr int longest_batch = 100;
    const auto of_any = by.rules().of_any();
    auto all = every_rule;
    bool runs = false;
    std::optional<std::string_view> parsed;
    for (int messages = 0; messages < longest_batch && octets.size() >= header_size; ++messages) {
        const auto header = load_header(octets);
        if (!header.is_sound() || header.frame_size() > octets.size()) {
            break;
        }
        byte_reader body{{octets.data() + header_size, header.body_size()}};
        octets.remove_prefix(header.frame_size());
        if (header.type == from_client::query) {
            return of_any | by.judge(body.c_string(), mode_).rules;
        }
        if (header.type == from_client::parse) {
            parsed = body.c_string();
            all &= by.judge(body.c_string(), mode_).rules;
        } else if (header.type == from_client::bind) {
            body.c_string();
            const auto name = body.c_string();
            if (const auto text = parsed == name ? std::nullopt : text_of_prepared(name)) {
                all &= by.judge(*text, mode_).rules;
            }
        } else if (header.type == from_client::execute) {
            runs = true;
        } else if (header.type == from_client::sync) {
            break;
        }
    }
    return runs && all != every_rule ? of_any | all : of_any;
}

}  // namespace penstock::postgresql
