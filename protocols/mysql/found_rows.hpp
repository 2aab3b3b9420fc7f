// SPDX-License-Identifier: Apache-2.0
//
// What a statement leaves for FOUND_ROWS(), as far as its text and the servers' own words in its OK packet tell. Of use
// where the session's next statement runs on another server; SQL_CALC_FOUND_ROWS keeps its server instead.
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::mysql {

/// By how a text begins. What reads no rows at all leaves what was there.
enum class row_finder : std::uint8_t {
    result,    ///< as many as its result set has; of an UPDATE, MySQL counts the rows it has matched
    selected,  ///< SELECT; and SET, which has none
    inserted,  ///< INSERT or REPLACE: likewise, if it has one
    records,   ///< with a SELECT: as many as that has given
    one,       ///< DO, which MySQL counts as one row
    nothing,   ///< SHOW WARNINGS or SHOW ERRORS: what was there stays, rows or not
};
[[nodiscard]] row_finder row_finder_of(bytes text);

/// What FOUND_ROWS() gives behind such a statement, if it is another number than before. `info` is the text of its OK
/// packet; `rows` those of its result set, if it had one.
[[nodiscard]] std::optional<std::uint64_t> found_rows_behind(row_finder what,
                                                             bool is_mariadb,
                                                             std::optional<std::uint64_t> rows,
                                                             std::string_view info);

}  // namespace penstock::mysql
