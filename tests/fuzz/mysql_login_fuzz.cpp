// SPDX-License-Identifier: Apache-2.0
//
// Whatever octets a MySQL client or server sends during a login or a COM_CHANGE_USER, cut wherever: the login ends or
// waits, nobody gets in without a proof, and it never waits for more than its bound.
#include "protocols/mysql/client_login.hpp"
#include "protocols/mysql/handshake.hpp"
#include "protocols/mysql/packet.hpp"
#include "protocols/mysql/server_login.hpp"
#include "protocols/mysql/server_login_proof.hpp"
#include "tests/support/dialogue_script.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace {

using namespace penstock;

template <class T>
void feed(test::scripted<T>& talk, bytes input, std::size_t cut, std::size_t most_held)
{
    talk.tls = tls_facts{"TLSv1.3", "", "hash", ""};
    talk.handshake_is_transparent = true;
    talk.start().feed(input.substr(0, cut)).feed(input.substr(cut));
    if (!talk.done() && talk.line().buffered().size() > most_held + mysql::header_size) {
        std::abort();
    }
    talk.end_of_input();
    if (!talk.done()) {
        std::abort();
    }
}

user_record record_of(std::uint8_t choice)
{
    static constexpr std::string_view stored[] = {"a password nobody guesses",
                                                  "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4",
                                                  "ed25519:ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY",
                                                  ""};
    return {.exists = (choice & 4) == 0,
            .method = (choice & 8) == 0 ? auth_method::scram_sha_256 : auth_method::password,
            .stored = secret{stored[choice & 3]}};
}

void expect_refused(test::scripted<login_result>& front)
{
    if (front.result().how == login_result::kind::logged_in) {
        std::abort();
    }
}

void play_client(bytes input, std::uint8_t choice, std::size_t cut)
{
    test::scripted<login_result> front{[](dialogue& line) {
        login_context context{.tls_available = true, .client_address = "10.0.0.7:1"};
        return mysql::client_login(line, std::move(context));
    }};
    front.users = [choice](const user_question&) { return record_of(choice); };
    feed(front, input, cut, mysql::longest_login_packet);
    expect_refused(front);
}

void play_change(bytes input, std::uint8_t choice)
{
    client_identity before;
    before.capabilities = (choice & 16) == 0 ? mysql::login_capabilities : mysql::capability::protocol_41;
    before.nonce = "abcdefghij0123456789";
    const auto payload = std::string{input.substr(0, 200)};
    test::scripted<login_result> front{
        [&](dialogue& line) { return mysql::client_change_user(line, {}, before, payload); }};
    front.users = [choice](const user_question&) { return record_of(choice); };
    feed(front, input.substr(payload.size()), 0, mysql::longest_login_packet);
    expect_refused(front);
}

void play_server(bytes input, std::uint8_t choice, std::size_t cut)
{
    test::scripted<outcome<server_identity>> back{[choice](dialogue& line) {
        server_account account{.user = "ann", .database = "shop", .password = secret{"pencil"}};
        account.tls = (choice & 1) == 0 ? server_account::tls_mode::disable : server_account::tls_mode::prefer;
        account.fetch_public_key = (choice & 2) != 0;
        return mysql::server_login(line, std::move(account));
    }};
    feed(back, input, cut, mysql::longest_server_packet);
    auto result = back.result();
    if (result && result->parameters.size() > mysql::most_server_variables) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 3) {
        return 0;
    }
    const bytes input{reinterpret_cast<const char*>(data) + 3, size - 3};
    const auto cut = std::min<std::size_t>(data[2], input.size());
    switch (data[0] % 3) {
        case 0: play_client(input, data[1], cut); break;
        case 1: play_change(input, data[1]); break;
        default: play_server(input, data[1], cut); break;
    }
    return 0;
}
