// SPDX-License-Identifier: Apache-2.0
//
// Whatever octets a client sends before it is known, cut wherever: the login ends or waits, it never succeeds without a
// proof and never waits for more than its bound.
#include "protocols/postgresql/client_login.hpp"
#include "protocols/postgresql/startup.hpp"
#include "tests/support/dialogue_script.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using namespace penstock;

void play(bytes input, auth_method method, std::size_t cut)
{
    test::scripted<login_result> front{
        [](dialogue& line) { return postgresql::client_login(line, {.tls_available = true}); }};
    front.users = [method](const user_question&) {
        return user_record{.exists = true, .method = method, .stored = secret{"pencil"}};
    };
    front.tls = tls_facts{"TLSv1.3", "", "hash", "postgresql"};
    front.start().feed(input.substr(0, cut)).feed(input.substr(cut));
    if (!front.done() && front.line().buffered().size() > postgresql::longest_startup) {
        std::abort();
    }
    front.end_of_input();
    if (!front.done() || front.result().how == login_result::kind::logged_in) {
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
    const auto method = data[0] % 2 == 0 ? auth_method::scram_sha_256 : auth_method::md5;
    play(input, method, std::min<std::size_t>(data[1], input.size()));
    return 0;
}
