// SPDX-License-Identifier: Apache-2.0
//
// Whatever octets a server sends while we log in, cut wherever: the login ends or waits, and it never waits for more
// than its bound.
#include "protocols/postgresql/server_login.hpp"
#include "tests/support/dialogue_script.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

namespace {

using namespace penstock;

void play(bytes input, server_account::tls_mode tls, std::size_t cut)
{
    test::scripted<outcome<server_identity>> back{[tls](dialogue& line) {
        server_account account{.user = "ann", .database = "shop", .password = secret{"pencil"}, .tls = tls};
        return postgresql::server_login(line, std::move(account));
    }};
    back.tls = tls_facts{"TLSv1.3", "", "hash", ""};
    back.start().feed(input.substr(0, cut)).feed(input.substr(cut));
    if (!back.done() && back.line().buffered().size() > postgresql::longest_report) {
        std::abort();
    }
    back.end_of_input();
    if (!back.done()) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2) {
        return 0;
    }
    const bytes input{reinterpret_cast<const char*>(data) + 2, size - 2};
    const auto tls = data[0] % 2 == 0 ? server_account::tls_mode::disable : server_account::tls_mode::prefer;
    play(input, tls, std::min<std::size_t>(data[1], input.size()));
    return 0;
}
