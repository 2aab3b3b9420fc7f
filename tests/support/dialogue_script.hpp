// SPDX-License-Identifier: Apache-2.0
//
// Drives conversations without sockets: one of them by script, or two against each other.
//
// A scripted conversation answers its own look-ups and TLS handshakes from what the test has set, so that a test feeds
// octets and looks at what comes out. converse() wires two of them together and cuts what flows between them where a
// sweep wants it.
#pragma once

#include "protocols/wire/conversation.hpp"

#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace penstock::test {

/// One conversation with its dialogue and the answers to what it asks of its driver.
template <class T>
class scripted {
public:
    std::function<user_record(const user_question&)> users = [](const user_question&) { return user_record{}; };
    std::optional<tls_facts> tls{};  ///< what a handshake gives; empty: it fails
    std::string into_handshake{};    ///< octets that belonged to it because they had come before
    /// They are what the peer says under TLS: for two conversations against each other, without TLS between them.
    bool handshake_is_transparent = false;

    /// `begin` makes the conversation from its dialogue; nothing runs before start().
    template <class Begin>
    explicit scripted(Begin begin) : talk_{begin(line_)}
    {
    }

    scripted& start()
    {
        talk_.start();
        return answer();
    }

    scripted& feed(bytes octets)
    {
        if (!talk_.done()) {
            line_.feed(octets);
        }
        return answer();
    }

    scripted& end_of_input()
    {
        if (!talk_.done()) {
            line_.end_of_input();
        }
        return answer();
    }

    /// What the conversation has sent since this was last asked.
    std::string sent() { return std::exchange(line_.to_send(), {}); }
    [[nodiscard]] bool done() const { return talk_.done(); }
    T result() { return talk_.take(); }
    dialogue& line() { return line_; }

private:
    scripted& answer()
    {
        for (;;) {
            if (line_.waiting_for() == want::tls) {
                const auto unread = line_.take_unread();
                into_handshake.append(unread);
                line_.tls_done(tls);
                if (handshake_is_transparent && !talk_.done()) {
                    line_.feed(unread);
                }
            } else if (line_.waiting_for() == want::user) {
                line_.user_found(users(line_.question()));
            } else {
                return *this;
            }
        }
    }

    dialogue line_{};
    conversation<T> talk_;
};

inline constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

/// How one direction of a wire behaves.
struct wire {
    std::size_t cut_at = never;   ///< what flows is delivered in two parts, cut after so many octets of the whole
    std::size_t ends_at = never;  ///< after so many octets the sender has gone
    bool octet_by_octet = false;
    std::string passed{};  ///< everything that has been delivered

    /// Delivers to `to`; false where nothing could be delivered any more.
    template <class T>
    void deliver(std::string octets, scripted<T>& to)
    {
        while (!octets.empty() && passed.size() < ends_at) {
            auto part = octets.substr(0, octet_by_octet ? 1 : octets.size());
            for (const auto limit : {cut_at, ends_at}) {
                if (limit > passed.size()) {
                    part = part.substr(0, limit - passed.size());
                }
            }
            octets.erase(0, part.size());
            passed.append(part);
            to.feed(part);
        }
        if (passed.size() >= ends_at) {
            to.end_of_input();
        }
    }
};

/// Lets both talk until neither has anything to say.
template <class Left, class Right>
void converse(scripted<Left>& left, wire& to_right, scripted<Right>& right, wire& to_left)
{
    left.start();
    right.start();
    for (bool moved = true; moved;) {
        auto from_left = left.sent();
        auto from_right = right.sent();
        moved = !from_left.empty() || !from_right.empty();
        to_right.deliver(std::move(from_left), right);
        to_left.deliver(std::move(from_right), left);
    }
}

}  // namespace penstock::test
