// SPDX-License-Identifier: Apache-2.0
//
// Which rules of the configuration hold for a command that asks for a server, so that it can be counted against their
// limits. Asked only where there are limits.
#include "protocols/mysql/front.hpp"

namespace penstock::mysql {

std::uint64_t front::rules_for(bytes octets, read_judge& by)
{
    const auto of_any = by.rules().of_any();
    if (octets.size() <= header_size || load_header(octets).frame_size() > octets.size()) {
        return of_any;
    }
    const auto payload = octets.substr(header_size, load_header(octets).length);
    if (static_cast<command>(payload[0]) == command::query) {
        const auto text = query_text(payload);
        return text ? of_any | by.judge(*text, reading()).rules : of_any;
    }
    if (static_cast<command>(payload[0]) != command::stmt_execute) {
        return of_any;  // it runs no statement
    }
    wire_reader in{payload.substr(1)};
    auto id = in.u32();
    const auto* const wanted = in.failed() ? nullptr : find_statement(id);
    return wanted == nullptr ? of_any : of_any | by.judge(wanted->what->text, wanted->how).rules;
}

}  // namespace penstock::mysql
