// SPDX-License-Identifier: Apache-2.0
//
// A command whose beginning is replaced while it streams by: frames are cut anew where octets were inserted.
//
// The client's frames are announced as they come, their octets follow. Of a command of any length no more is held than
// was inserted.
#pragma once

#include "core/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace penstock::mysql {

class message_rewriter {
public:
    /// A command begins; `inserted` goes out before the octets that follow.
    void begin(std::string inserted);
    /// A frame of the client's with so many octets comes next; those replaced by what was inserted are not counted.
    void frame(std::size_t length, bool last, std::string& out);
    /// Some of its octets.
    void octets(bytes part, std::string& out);
    /// Frames that have gone out: the number of the server's first packet.
    [[nodiscard]] std::uint8_t frames() const { return frames_; }

private:
    void put_header(std::size_t length, std::string& out);

    std::string carry_;         ///< octets that go out with the next frame
    std::size_t direct_ = 0;    ///< octets that still belong to the frame that is out
    std::size_t second_ = 0;    ///< octets of a second, last frame
    bool owes_second_ = false;  ///< whose header has not gone out
    bool carries_ = false;      ///< what is beyond direct_ goes to carry_
    std::uint8_t frames_ = 0;
};

}  // namespace penstock::mysql
