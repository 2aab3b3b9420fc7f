// SPDX-License-Identifier: Apache-2.0
//
// Drives a conversation over a stream: sends what it says, feeds it what comes, does the handshake, finds the user.
//
// One loop for both protocols and both directions. It ends when the conversation has ended; a peer that goes away, a
// deadline or a request to stop is the end of its input. Octets that came behind the conversation's end stay in the
// dialogue.
#pragma once

#include "core/task.hpp"
#include "net/driver.hpp"
#include "net/event.hpp"
#include "net/stream.hpp"
#include "net/tls_context.hpp"
#include "protocols/wire/conversation.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace penstock::proxy {

/// Where the answer to a look-up arrives. Who asked may have given up by then.
struct look_up_answer_slot {
    std::optional<user_record> answer{};
    net::event* tell = nullptr;  ///< null: nobody waits any more
};
using look_up_slot = std::shared_ptr<look_up_answer_slot>;

/// What a conversation may ask of the world besides octets.
struct login_surroundings {
    std::shared_ptr<const net::tls_context> tls{};
    net::tls_role role = net::tls_role::server;
    std::string host_name{};  ///< for verify-full and SNI, where we are the client
    /// Finds a user, puts the answer in place and notifies. Null where nobody asks.
    std::function<void(const user_question&, look_up_slot)> look_up{};
    user_record* keep_record = nullptr;  ///< gets a copy of what was found
    /// Whether to give up before the deadline; asked whenever the event is told. Null where nothing can demand it.
    std::function<bool()> must_end{};
};

/// How driving ended.
enum class drive_end : std::uint8_t { done, peer_gone, timed_out, stopped };

namespace detail {

/// Waits for the handshake; octets that come with its last flight go to `early`.
template <class Claim>
task<std::optional<tls_facts>> shake_hands(net::stream& peer,
                                           net::event& told,
                                           std::string& early,
                                           const Claim& is_over)
{
    while (peer.tls() == net::tls_state::handshaking && !is_over()) {
        const auto in = peer.receive();
        if (in.how == net::received::kind::data) {
            early.append(in.data);
        } else if (in.how == net::received::kind::would_block && peer.tls() == net::tls_state::handshaking) {
            co_await told.wait();
        } else if (in.how != net::received::kind::would_block) {
            break;
        }
    }
    if (peer.tls() != net::tls_state::established) {
        co_return std::optional<tls_facts>{};
    }
    co_return std::optional<tls_facts>{peer.facts()};
}

}  // namespace detail

/// `told` is subscribed to the stream. The conversation was made for `line` and not started.
template <class T>
task<drive_end> drive(net::driver& on,
                      net::stream& peer,
                      net::event& told,
                      dialogue& line,
                      conversation<T>& talk,
                      login_surroundings with,
                      time_point deadline)
{
    bool expired = false;
    const auto timer = on.call_by(deadline, [&expired, &told] {
        expired = true;
        told.notify();
    });
    const auto is_stopped = [&with] { return with.must_end && with.must_end(); };
    const auto is_over = [&expired, &is_stopped] { return expired || is_stopped(); };
    auto how = drive_end::done;
    talk.start();
    while (!talk.done()) {
        if (!line.to_send().empty()) {
            peer.send(line.to_send());
            line.to_send().clear();
        }
        if (line.waiting_for() == want::tls) {
            std::string early;
            if (with.tls) {
                const auto unread = line.take_unread();
                peer.start_tls(*with.tls, with.role, with.host_name, unread);
            }
            auto facts = co_await detail::shake_hands(peer, told, early, is_over);
            line.tls_done(std::move(facts));
            if (!early.empty()) {
                line.feed(early);
            }
        } else if (line.waiting_for() == want::user) {
            const auto slot = std::make_shared<look_up_answer_slot>();
            slot->tell = &told;
            with.look_up(line.question(), slot);
            while (!slot->answer && !is_over()) {
                co_await told.wait();
            }
            slot->tell = nullptr;
            if (!slot->answer) {  // as though the client had left
                how = expired ? drive_end::timed_out : drive_end::stopped;
                line.end_of_input();
                slot->answer.emplace();
            }
            if (with.keep_record != nullptr) {
                *with.keep_record = *slot->answer;
            }
            line.user_found(std::move(*slot->answer));
        } else if (is_over()) {
            how = expired ? drive_end::timed_out : drive_end::stopped;
            line.end_of_input();
        } else {
            const auto in = peer.receive();
            switch (in.how) {
                case net::received::kind::data: line.feed(in.data); break;
                case net::received::kind::would_block: co_await told.wait(); break;
                case net::received::kind::end:
                case net::received::kind::error:
                    how = drive_end::peer_gone;
                    line.end_of_input();
                    break;
            }
        }
    }
    on.cancel(timer);
    if (!line.to_send().empty()) {
        peer.send(line.to_send());
        line.to_send().clear();
    }
    co_return how;
}

}  // namespace penstock::proxy
