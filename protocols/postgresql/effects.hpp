// SPDX-License-Identifier: Apache-2.0
//
// Reads SQL as it streams by and tells what it may leave behind in the server session.
//
// The text is never held: memory is bounded and small, whatever its length, and the result does not depend on how it is
// cut into chunks. Statements that leave nothing behind cost no allocation. Reads by PostgreSQL's lexical rules
// (manual, "Lexical Structure") and by as much of its grammar as decides about session state; a text that does not
// parse is the server's to refuse, and then leaves nothing.
#pragma once

#include "core/bytes.hpp"
#include "protocols/postgresql/text_effects.hpp"
#include "protocols/wire/lexical_mode.hpp"

#include <memory>
#include <string_view>

namespace penstock::postgresql {

/// Collects the effects of one text after the other: begin, feed as often as needed, finish.
class effects_collector {
public:
    effects_collector();
    ~effects_collector();
    effects_collector(effects_collector&&) noexcept;
    effects_collector& operator=(effects_collector&&) noexcept;

    void begin(lexical_mode mode);
    void feed(bytes chunk);
    /// Ends the text. Valid until the next begin().
    const text_effects& finish();

private:
    class reader;
    std::unique_ptr<reader> reader_;
};

/// The effects of a text that is held whole. Allocates; where texts come one after the other keep a collector.
[[nodiscard]] text_effects inspect(std::string_view text, lexical_mode mode);

}  // namespace penstock::postgresql
