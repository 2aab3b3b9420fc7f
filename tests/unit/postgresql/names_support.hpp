// SPDX-License-Identifier: Apache-2.0
//
// A client whose statements have names in SQL, and what a server is sent for them.
#pragma once

#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace penstock::test {

using namespace penstock::postgresql;

inline constexpr std::string_view maker = "ps_00000000000000000000000000000000";

/// What is sent to prepare by SQL what was prepared by SQL, and what a server says to it.
inline std::string made_again(std::string_view text)
{
    return wire::close('S', maker) + wire::parse(maker, text) + wire::bind(maker, maker) + wire::execute(maker) +
           wire::close('P', maker) + wire::close('S', maker);
}
inline const std::string made = wire::close_complete() + wire::parse_complete() + wire::bind_complete() +
                                wire::command_complete("PREPARE") + wire::close_complete() + wire::close_complete();

inline std::string server_name(exchange& talk, std::string_view text)
{
    return talk.store.intern(wire::c_string(text) + wire::short_number(0), {})->server_name;
}

struct names : exchange {
    explicit names(front_limits limits = {}) : exchange{{}, limits} {}

    void run(std::string_view text, std::string_view tag)
    {
        send(wire::query(text));
        answer(wire::command_complete(tag) + wire::ready());
        forget();
    }
    void parse(std::string_view name, std::string_view text)
    {
        send(wire::parse(name, text) + wire::sync());
        answer(wire::parse_complete() + wire::ready());
        forget();
    }
    void forget()
    {
        sent_to_server();
        sent_to_client();
    }
    /// The server answers all that it is sent, and nothing fails.
    void answer_all()
    {
        for (int turn = 0; turn < 20 && !server->is_quiet(); ++turn) {
            std::string replies;
            for (const char type : types_of(sent_to_server())) {
                replies += type == 'P'   ? wire::parse_complete()
                           : type == 'B' ? wire::bind_complete()
                           : type == 'C' ? wire::close_complete()
                           : type == 'S' ? wire::ready()
                                         : wire::command_complete("DONE") + (type == 'Q' ? wire::ready() : "");
            }
            ASSERT_EQ(answer(replies), advance_result::ok);
            send({});
        }
        ASSERT_TRUE(server->is_quiet());
        forget();
    }
    [[nodiscard]] bool is_pinned() const { return client.must_stay(); }
};

}  // namespace penstock::test
