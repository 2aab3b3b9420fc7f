// SPDX-License-Identifier: Apache-2.0
//
// The seam: what a wire protocol gives to proxy/, which tells the story of a session once for all of them.
//
// A front is the client's half of a session (its statements, its parameters, why it is pinned); a back is the server's
// half of a connection (which replies it owes, what it knows). Both only transform bytes. Dialogues are conversations.
#pragma once

#include "core/stream_layer.hpp"
#include "protocols/wire/conversation.hpp"
#include "protocols/wire/kill.hpp"
#include "protocols/wire/login_types.hpp"
#include "protocols/wire/outbox.hpp"
#include "protocols/wire/parameter_set.hpp"
#include "protocols/wire/pin_reason.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace penstock {

/// Bounds on what one client may make us hold.
struct front_limits {
    std::size_t inspected_statement = 1 << 20;  ///< octets; longer texts pass through in pieces
    std::size_t statements = 10000;
    std::size_t statement_memory = 16 << 20;  ///< octets
};

/// Why front::consume() stopped.
enum class front_need : std::uint8_t {
    more,     ///< everything was taken; or the rest is the start of a message
    server,   ///< the next message needs a server connection, or another one than is held
    answers,  ///< the next message has to wait until the server owes nothing
    leave,    ///< the client said goodbye
    log_in,   ///< the client wants to log in anew: front::take_login() is what it sent, for P::login_again()
    kill,     ///< another session is to end, or its statement: front::wanted_kill(), answered by on_killed()
    close,    ///< the client broke the protocol or a limit: front::error() tells
};

struct front_progress {
    std::size_t consumed = 0;
    front_need need = front_need::more;
};

/// What a session has done, for statistics.
struct front_counters {
    std::uint64_t queries = 0;
    std::uint64_t client_parses = 0;
    std::uint64_t server_parses = 0;
    std::uint64_t binds = 0;
    std::uint64_t catch_ups = 0;
    std::uint64_t probes = 0;
    std::uint64_t healed = 0;
    std::uint64_t reprepared = 0;          ///< on a server that did not know what the client had prepared
    std::uint64_t evicted = 0;             ///< closed on a server to make room
    std::uint64_t refused_by_replica = 0;  ///< and sent to the primary unseen
    std::uint64_t lost_with_replica = 0;   ///< and sent to another server unseen
    std::uint64_t lost_with_primary = 0;   ///< likewise
    std::uint64_t refused_by_primary = 0;  ///< which was none any more, and sent to the next one unseen
    std::uint64_t wrong_hints = 0;         ///< comments about routes that were not understood

    /// Of all but queries and binds: what most requests leave as it is.
    [[nodiscard]] std::uint64_t sum_of_rare() const
    {
        return client_parses + server_parses + catch_ups + probes + healed + reprepared + evicted + refused_by_replica +
               lost_with_replica + lost_with_primary + refused_by_primary + wrong_hints;
    }
};

/// How back::advance() ended.
enum class advance_result : std::uint8_t {
    ok,
    lost,       ///< the server ended the session; back::last_error() tells
    violation,  ///< the server broke the protocol; back::last_error() tells
};

/// What has to happen to a server connection before somebody else may use it.
enum class cleanup : std::uint8_t {
    none,
    rollback,    ///< its client left in a transaction
    everything,  ///< it was pinned: all session state goes
};

// Version 14 tears the requirements apart.
// clang-format off
template <class P>
concept protocol = requires(typename P::front& client,
                            typename P::back& server,
                            bytes input,
                            outbox& box,
                            std::string& out,
                            dialogue& line,
                            const client_identity& who) {
    { P::name } -> std::convertible_to<std::string_view>;
    { P::client_speaks_first } -> std::convertible_to<bool>;
    { P::client_login(line, login_context{}) } -> std::same_as<conversation<login_result>>;
    // On the connection that it has; what came with the wish to is the last argument.
    { P::login_again(line, login_context{}, who, std::string{}) } -> std::same_as<conversation<login_result>>;
    { P::server_login(line, server_account{}) } -> std::same_as<conversation<outcome<server_identity>>>;
    { P::begins_with_tls('x') } -> std::same_as<bool>;
    { P::carried_parameters(who) } -> std::same_as<parameter_set_ptr>;  // start-up parameters that follow the session
    { P::cancel_secret_size(who) } -> std::same_as<std::size_t>;
    { P::connection_kind(who) } -> std::same_as<std::uint64_t>;  // what its server connections must have been opened with
    { P::is_clear_text(secret{}) } -> std::same_as<bool>;        // a stored secret that servers can be told
    { P::layer_for(who) } -> std::same_as<std::unique_ptr<stream_layer>>;  // what the login has agreed on; or null
    { P::layer_for(server_identity{}) } -> std::same_as<std::unique_ptr<stream_layer>>;
    P::encode_refusal(client_error{}, who, out);  // in the place of a greeting; the connection ends
    // Has the server give up what that connection is doing, from a connection of its own: whether the server knows.
    { P::cancel(line, cancel_key{}, server_account{}) } -> std::same_as<conversation<bool>>;
    { P::interrupted() } -> std::same_as<client_error>;  // what a client is told that was cancelled while it waited
    P::encode_goodbye(out);
    P::announce_query(std::string_view{}, client, server, box);  // of our own; its reply is swallowed
    P::announce_reset(cleanup::rollback, client, server, box);
    P::announce_absorber(client, server, box);  // takes the blow of a cancel request that came too late, if any can
    P::end_abandoned(client, server, box);  // ends what a vanished client left half done

    client.logged_in(who);             // what its login has agreed on
    client.greet(out, parameter_list{}, cancel_key{});
    client.tell_error(client_error{}, &server, out, true);  // beside its replies; the server may be null
    { client.consume(input, &server, box, box) } -> std::same_as<front_progress>;
    client.refuse(client_error{});  // the request that needs a server gets this answer
    { client.settle(server, box, box) } -> std::same_as<bool>;
    { client.catch_up(server, box, box) } -> std::same_as<bool>;
    { client.must_stay() } -> std::same_as<bool>;
    { client.pins() } -> std::same_as<pin_set>;
    // The shape of the statement that pinned last; null where it is not known.
    { client.pin_cause() } -> std::convertible_to<std::shared_ptr<const std::string>>;
    client.follow(pin_rules{});
    client.excuse(pin_set{});  // its connection will be cleaned
    { client.is_mid_message() } -> std::same_as<bool>;
    { client.on_server_lost(server, client_error{}, box) } -> std::same_as<bool>;
    { client.take_healed_batch() } -> std::same_as<std::string>;
    { client.counters() } -> std::convertible_to<front_counters>;

    server.logged_in(server_identity{});
    { server.statement_count() } -> std::same_as<std::size_t>;
    { server.advance(input, client, box) } -> std::same_as<advance_result>;
    { server.advance_idle(input) } -> std::same_as<bool>;
    { server.is_idle() } -> std::same_as<bool>;
    { server.is_quiet() } -> std::same_as<bool>;
    { server.owes_client() } -> std::same_as<bool>;
    { server.is_mid_relay() } -> std::same_as<bool>;  // the client has a part of a message
    { server.in_transaction() } -> std::same_as<bool>;
    { server.last_error() } -> std::convertible_to<client_error>;
};
// clang-format on

}  // namespace penstock
