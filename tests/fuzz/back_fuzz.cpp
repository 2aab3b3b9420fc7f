// SPDX-License-Identifier: Apache-2.0
//
// What a server's bytes become does not depend on how they are cut, whoever the server is, and never ends the process.
// The first octet chooses where to cut, the second what the server has been asked for.
#include "tests/support/exchange_script.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace penstock;
using namespace penstock::test;

void require(bool claim)
{
    if (!claim) {
        std::abort();
    }
}

struct outcome {
    advance_result how = advance_result::ok;
    std::string to_client;
    std::string to_server;
    bool idle = false;
    bool stays = false;
    char status = 'I';

    friend bool operator==(const outcome&, const outcome&) = default;
};

/// One bit for each part.
std::string requests(unsigned which)
{
    std::string made;
    const auto add = [&](unsigned bit, const std::string& octets) { made += (which >> bit & 1) != 0 ? octets : ""; };
    add(0, wire::query("SET my.own = 1; SELECT 1"));
    add(1, wire::parse("", "SELECT 1") + wire::bind("", "") + wire::describe('P', "") + wire::execute() + wire::sync());
    add(2, wire::bind("", "a") + wire::describe('S', "a") + wire::execute() + wire::sync());
    add(3, wire::close('S', "a") + wire::parse("b", "RESET timezone") + wire::bind("p", "b") + wire::execute("p"));
    add(4, wire::sync() + wire::function_call(955));
    add(5, wire::query("COPY t FROM STDIN") + wire::copy_data("1\n") + wire::copy_done());
    add(6, wire::parse("", "COPY t FROM STDIN") + wire::bind("", "") + wire::execute() + wire::sync());
    add(7, wire::query("DISCARD ALL"));
    return made;
}

outcome play(bytes input, std::size_t stride, unsigned which)
{
    exchange talk{{{"timezone", "CET"}}, {}, 1};
    talk.send(wire::parse("a", "SELECT 1") + wire::sync());
    talk.answer(wire::set_config_answer() + wire::parse_complete() + wire::ready());
    talk.sent_to_client();
    talk.send(requests(which));
    outcome result;
    for (std::size_t at = 0; at < input.size() && result.how == advance_result::ok; at += stride) {
        result.how = talk.answer(input.substr(at, stride));
    }
    if (result.how == advance_result::ok && talk.server->is_quiet()) {
        talk.settle();
    }
    result.to_client = talk.sent_to_client();
    result.to_server = talk.sent_to_server();
    if (result.how == advance_result::ok) {  // else nobody uses it any more
        result.idle = talk.server->is_idle();
        result.stays = talk.client.must_stay();
        result.status = talk.server->transaction_status();
    }
    require(result.how != advance_result::ok || result.to_client.size() <= input.size() + 200);
    talk.lose_server({error_kind::server_lost, {}, {}});
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 3) {
        return 0;
    }
    const bytes input{reinterpret_cast<const char*>(data) + 2, size - 2};
    require(play(input, 1 + data[0], data[1]) == play(input, input.size(), data[1]));
    postgresql::back idle{1};
    idle.advance_idle(input);
    return 0;
}
