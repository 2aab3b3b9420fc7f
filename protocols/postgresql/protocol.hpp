// SPDX-License-Identifier: Apache-2.0
//
// The seam filled in for PostgreSQL; see protocols/wire/protocol.hpp for what each part is for.
#pragma once

#include "protocols/postgresql/back.hpp"
#include "protocols/postgresql/front.hpp"
#include "protocols/wire/conversation.hpp"
#include "protocols/wire/login_types.hpp"
#include "protocols/wire/protocol.hpp"

namespace penstock::postgresql {

struct protocol {
    static constexpr std::string_view name = "postgresql";
    static constexpr bool client_speaks_first = true;

    using front = postgresql::front;
    using back = postgresql::back;
    using statement_store = postgresql::statement_store;
    using read_judge = postgresql::read_judge;

    static conversation<login_result> client_login(dialogue& line, login_context context);
    /// There is no such thing.
    static conversation<login_result> login_again(dialogue& line,
                                                  login_context context,
                                                  client_identity before,
                                                  std::string request);
    static conversation<outcome<server_identity>> server_login(dialogue& line, server_account account);

    static function_catalogue_ptr known_functions() { return well_known_functions(); }
    static bool begins_with_tls(char first) { return first == 0x16; }
    static parameter_set_ptr carried_parameters(const client_identity& who);
    static std::size_t cancel_secret_size(const client_identity& who) { return who.protocol_minor >= 2 ? 32 : 4; }

    static std::uint64_t connection_kind(const client_identity&) { return 0; }
    static bool is_clear_text(const secret& stored);
    static std::unique_ptr<stream_layer> layer_for(const client_identity&) { return nullptr; }
    static std::unique_ptr<stream_layer> layer_for(const server_identity&) { return nullptr; }

    static void encode_greeting(std::string& out, const parameter_list& parameters, const cancel_key& key);
    static void encode_refusal(const client_error& error, const client_identity& who, std::string& out);
    static void encode_cancel(const cancel_key& key, std::string& out);
    static conversation<bool> cancel(dialogue& line, cancel_key target, server_account account);
    static client_error interrupted()
    {
        return {error_kind::server_unavailable, "canceling statement due to user request", "57014"};
    }
    static void encode_goodbye(std::string& out);

    static void announce_query(std::string_view text, front& asker, back& server, outbox& to_server);
    static void announce_reset(cleanup how, front& asker, back& server, outbox& to_server);
    /// A server ignores a cancel request for a connection that does nothing.
    static void announce_absorber(front&, back&, outbox&) {}
    static void end_abandoned(front& asker, back& server, outbox& to_server);
};

static_assert(penstock::protocol<protocol>);

}  // namespace penstock::postgresql
