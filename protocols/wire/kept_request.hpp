// SPDX-License-Identifier: Apache-2.0
//
// The request that a server connection has under way, as its client sent it: should the connection be lost, it may be
// sent once more to another server.
//
// Kept with the connection, of which there are few, so that idle sessions own no buffer; the buffer stays allocated.
// It is another session's as soon as that one begins a request, so nobody ever sends what was somebody else's. What is
// known of a request is found out only when it is lost.
#pragma once

#include "core/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace penstock {

class kept_request {
public:
    /// Longer requests are not kept.
    static constexpr std::size_t longest = 16 * 1024;

    /// A request of that session begins; what was kept before is forgotten.
    void begin(std::uint64_t session)
    {
        octets_.clear();
        session_ = session;
        is_whole_ = false;
    }
    /// `ends`: with this all of it has been sent. Whatever comes behind that belongs to another request, and then
    /// neither can be sent again.
    void add(bytes some, bool ends)
    {
        if (session_ == 0) {
            return;
        }
        if (is_whole_ || octets_.size() + some.size() > longest) {
            drop();
            return;
        }
        octets_.append(some);
        is_whole_ = ends;
    }
    /// The request under way cannot be sent again.
    void drop()
    {
        session_ = 0;
        is_whole_ = false;
    }
    /// All of the request, if it is that session's and can be sent again; else nothing.
    [[nodiscard]] bytes of(std::uint64_t session) const
    {
        return is_whole_ && session_ == session ? bytes{octets_} : bytes{};
    }

private:
    std::string octets_;
    std::uint64_t session_ = 0;  ///< its stamp; 0: nothing is kept
    bool is_whole_ = false;
};

/// Whether a request that was lost with a server, and has been sent again so often, is given up. Connections that are
/// dead already may be met one after another; but a request that `ran_long` each time may be what ends them, or be
/// ended by an administrator.
[[nodiscard]] constexpr bool has_repeated_enough(std::uint8_t times, bool ran_long)
{
    return times >= (ran_long ? 1 : 3);
}

}  // namespace penstock
