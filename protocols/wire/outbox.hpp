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
        if (octets.empty()) {
            return;
        }
        if (scratch_.empty() && (direct_.empty() || direct_.data() + direct_.size() == octets.data())) {
            direct_ = direct_.empty() ? octets : bytes{direct_.data(), direct_.size() + octets.size()};
        } else {
            made().append(octets);
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
        scratch_.clear();
        if (scratch_.capacity() > most_kept) {
            std::string{}.swap(scratch_);  // assignment would keep the memory
        }
    }

private:
    static constexpr std::size_t most_kept = 256 * 1024;

    std::string& scratch_;
    bytes direct_{};
};

}  // namespace penstock
