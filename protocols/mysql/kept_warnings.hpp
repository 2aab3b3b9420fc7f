// SPDX-License-Identifier: Apache-2.0
//
// What a statement has left to be asked for by SHOW WARNINGS and the like, kept when its server connection is given
// back.
//
// The server's own answer to SHOW WARNINGS is kept, definitions of columns included, for products and character sets
// describe them differently. Questions that can be answered from it are told by their tokens; others pin.
#pragma once

#include "core/bytes.hpp"
#include "protocols/mysql/capabilities.hpp"
#include "protocols/mysql/effects_lexer.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace penstock::mysql {

/// SHOW WARNINGS and SHOW ERRORS with or without LIMIT, SHOW COUNT(*) of either, SELECT @@warning_count, @@error_count.
struct diagnostics_question {
    enum class kind : std::uint8_t { rows, count, variables };
    kind what = kind::rows;
    bool only_errors = false;
    std::uint64_t offset = 0;
    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
    /// Of variables: the names of the columns, as written, and whether it is the number of errors.
    std::vector<std::pair<std::string, bool>> variables{};
    friend bool operator==(const diagnostics_question&, const diagnostics_question&) = default;
};

/// Nothing where the text asks for anything else besides.
[[nodiscard]] std::optional<diagnostics_question> read_diagnostics_question(bytes text, sql_reading reading);

class kept_warnings {
public:
    void clear()
    {
        definitions_.clear();
        rows_.clear();
        memory_ = 0;
    }
    /// The payloads of the answer to SHOW WARNINGS. `extended`: the server connection has MariaDB's extended metadata.
    void take_definition(bytes payload, bool extended);
    void take_row(bytes payload);
    /// One more behind those that are there, as SHOW WARNINGS tells of it.
    void add_error(std::uint16_t code, std::string_view message);
    [[nodiscard]] bool can_answer() const { return definitions_.size() == 3; }
    [[nodiscard]] bool is_empty() const { return rows_.empty(); }
    /// `count` is the number of warnings, where that is more than are kept.
    void answer(const diagnostics_question& question,
                std::size_t count,
                capability_flags agreed,
                std::uint16_t status,
                std::uint8_t sequence,
                std::string& out) const;

private:
    struct definition {
        std::string names;
        std::string rest;
    };
    [[nodiscard]] std::vector<std::string> rows_of(const diagnostics_question& question) const;
    [[nodiscard]] std::size_t errors() const;

    std::vector<definition> definitions_;
    std::vector<std::string> rows_;
    std::size_t memory_ = 0;
};

}  // namespace penstock::mysql
