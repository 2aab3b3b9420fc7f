// SPDX-License-Identifier: Apache-2.0
//
// outbox: what one side is to be sent, gathered without copying where the input can go out as it came.
//
// Octets that follow each other in the receive buffer stay one view; only an insertion or a gap makes a copy, into a
// scratch string that belongs to the worker. The views passed must stay valid until contents() has been sent.
#pragma once

#include "core/bytes.hpp"

#include <string>

namespace penstock {

class outbox {
public:
    /// `scratch` is reused from call to call and is empty between them.
    explicit outbox(std::string& scratch) : scratch_{scratch} {}
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
    bytes direct_{};  ///< empty where scratch_ is not
};

}  // namespace penstock
