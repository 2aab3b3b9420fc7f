// SPDX-License-Identifier: Apache-2.0
//
// The seam filled in for MySQL and MariaDB; see protocols/wire/protocol.hpp for what each part is for.
#pragma once

#include "protocols/mysql/back.hpp"
#include "protocols/mysql/front.hpp"
#include "protocols/wire/conversation.hpp"
#include "protocols/wire/login_types.hpp"
#include "protocols/wire/protocol.hpp"

namespace penstock::mysql {

struct protocol {
    static constexpr std::string_view name = "mysql";
    static constexpr bool client_speaks_first = false;

    using front = mysql::front;
    using back = mysql::back;
    using statement_store = mysql::statement_store;
    using read_judge = mysql::read_judge;

    static conversation<login_result> client_login(dialogue& line, login_context context);
    /// COM_CHANGE_USER.
    static conversation<login_result> login_again(dialogue& line,
                                                  login_context context,
                                                  client_identity before,
                                                  std::string request);
    static conversation<outcome<server_identity>> server_login(dialogue& line, server_account account);

    static function_catalogue_ptr known_functions() { return well_known_functions(); }
    /// TLS is asked for inside the protocol, behind our greeting.
    static bool begins_with_tls(char) { return false; }
    /// The character set of the client's handshake, and whether several statements may come in one text.
    static parameter_set_ptr carried_parameters(const client_identity& who);
    /// There is no cancel key: KILL names a connection id and its sender has logged in.
    static std::size_t cancel_secret_size(const client_identity&) { return 0; }

    /// Capabilities that change what statements do: servers take them at login only.
    static std::uint64_t connection_kind(const client_identity& who);
    static bool is_clear_text(const secret& stored);
    static std::unique_ptr<stream_layer> layer_for(const client_identity& who);
    static std::unique_ptr<stream_layer> layer_for(const server_identity& server);

    static void encode_refusal(const client_error& error, const client_identity& who, std::string& out);
    static conversation<bool> cancel(dialogue& line, cancel_key target, server_account account);
    static client_error interrupted()
    {
        return {error_kind::server_unavailable, "Query execution was interrupted", "70100", 1317};
    }
    static void encode_goodbye(std::string& out);

    static void announce_query(std::string_view text, front& asker, back& server, outbox& to_server);
    static void announce_reset(cleanup how, front& asker, back& server, outbox& to_server);
    static void announce_absorber(front& asker, back& server, outbox& to_server);
    static void end_abandoned(front& asker, back& server, outbox& to_server);
};

static_assert(penstock::protocol<protocol>);

}  // namespace penstock::mysql
