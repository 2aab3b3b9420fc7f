// SPDX-License-Identifier: Apache-2.0
//
// What a client's bytes become does not depend on how they are cut, whoever the client is. The first octet chooses
// where to cut, the second whether a server is there and has answered something before.
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
    front_need need = front_need::more;
    std::string to_server;
    std::string to_client;
    std::size_t owed = 0;

    friend bool operator==(const outcome&, const outcome&) = default;
};

outcome play(bytes input, std::size_t stride, unsigned options)
{
    exchange talk{{}, {.inspected_statement = 16 * 1024, .statements = 8}, 3};
    if ((options & 1) != 0) {
        talk.send(wire::parse("a", "SET a.b = 1") + wire::parse("", "SELECT 1") + wire::sync());
        talk.answer(wire::parse_complete() + wire::parse_complete() + wire::ready((options & 2) != 0 ? 'E' : 'T'));
    }
    if ((options & 4) != 0) {
        talk.move_to(1);
    } else if ((options & 8) != 0) {
        talk.send(wire::query("COPY t FROM STDIN"));
        talk.answer(wire::copy_in_response());
    } else if ((options & 16) != 0) {
        talk.server = nullptr;
    }
    talk.sent_to_server();
    outcome result;
    for (std::size_t at = 0; at < input.size() && result.need == front_need::more; at += stride) {
        result.need = talk.send(input.substr(at, stride));
    }
    result.to_server = talk.sent_to_server();
    result.to_client = talk.sent_to_client();
    result.owed = talk.server == nullptr ? 0 : talk.server->outstanding();
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 3) {
        return 0;
    }
    const bytes input{reinterpret_cast<const char*>(data) + 2, size - 2};
    const auto whole = play(input, input.size(), data[1]);
    require(play(input, 1 + data[0], data[1]) == whole);
    require(whole.to_server.size() <= 4096 + input.size() * 64);
    return 0;
}
