// SPDX-License-Identifier: Apache-2.0
//
// outbox: what one side is to be sent, gathered without copying where the input can go out as it came.
//
// Octets that follow each other in the receive buffer stay one view; only an insertion or a gap makes a copy, into a
// scratch string that belongs to the worker. The views passed must stay valid until contents() has been sent. Who has
// to change a little of much may do so in the receive buffer, where it is one that may be changed.
#pragma once

#include "core/bytes.hpp"

#include <cstddef>
#include <functional>
#include <span>
#include <string>

namespace penstock {

class outbox {
public:
    /// `scratch` is reused from call to call and is empty between them.
    /// `received` is what may be changed: of the receive buffer, or empty.
    explicit outbox(std::string& scratch, std::span<char> received = {}) : scratch_{scratch}, received_{received} {}
    outbox(const outbox&) = delete;
    outbox& operator=(const outbox&) = delete;
    ~outbox() { clear(); }

    /// Octets of the receive buffer, to go out unchanged.
    void pass(bytes octets)
    {
        if (octets.data() == direct_.data() + direct_.size()) {
            direct_ = {direct_.data(), direct_.size() + octets.size()};
        } else {
            pass_apart(octets);
        }
    }

    /// The place of octets in the receive buffer, where they may be changed, and with them so many octets in front of
    /// them; else null. They have been taken in by then: nobody looks at them again, and nothing in front of them has
    /// been passed where any are asked for.
    [[nodiscard]] char* editable(bytes octets, std::size_t room_in_front = 0)
    {
        const std::less_equal<const char*> is_in_order;
        const auto* const begin = received_.data();
        const auto* const end = begin + received_.size();
        if (begin == nullptr || !is_in_order(begin, octets.data()) ||
            !is_in_order(octets.data() + octets.size(), end)) {
            return nullptr;
        }
        const auto place = static_cast<std::size_t>(octets.data() - begin);
        const bool has_room = room_in_front == 0 || (place >= room_in_front && empty());
        return has_room ? received_.data() + place : nullptr;
    }

    /// Where octets of our own are appended; what was passed before comes first.
    std::string& made()
    {
        if (!direct_.empty()) {
            scratch_.append(direct_);
            direct_ = {};
        }
        return scratch_;
    }

    [[nodiscard]] bytes contents() const { return scratch_.empty() ? direct_ : bytes{scratch_}; }
    [[nodiscard]] bool empty() const { return contents().empty(); }

    void clear()
    {
        direct_ = {};
        if (!scratch_.empty()) {
            clear_scratch();
        }
    }

private:
    void pass_apart(bytes octets)
    {
        if (octets.empty()) {
            return;  // and pass() must not go on from its place
        }
        if (direct_.empty() && scratch_.empty()) {
            direct_ = octets;
        } else {
            made().append(octets);
        }
    }

    void clear_scratch()
    {
        constexpr std::size_t most_kept = 256 * 1024;
        scratch_.clear();
        if (scratch_.capacity() > most_kept) {
            std::string{}.swap(scratch_);  // assignment would keep the memory
        }
    }

    std::string& scratch_;
    std::span<char> received_;
    bytes direct_{};  ///< empty where scratch_ is not
};

}  // namespace penstock
