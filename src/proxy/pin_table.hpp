// SPDX-License-Identifier: Apache-2.0
//
// What pins: the shapes of statements after which sessions keep their server connections, most frequent first.
//
// One table per worker, of bounded size. A shape that finds it full takes the place of the rarest one and goes on from
// its count (Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams",
// 2005): so no frequent shape is missing, and a count is too large by at most what it began with.
#pragma once

#include "core/engine.hpp"
#include "protocols/wire/pin_reason.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace penstock::proxy {

/// A short name for a shape (FNV-1a of 64 bits, in hexadecimal); empty for an empty one.
[[nodiscard]] std::string digest_of_shape(std::string_view shape);

/// Who was pinned by it last.
struct pinned_session {
    std::string_view user{};
    std::string_view database{};
    std::string_view application_name{};
};

struct pin_statement {
    std::string digest{};
    std::string shape{};  ///< without literals, and without what is beyond pin_table::longest_shape
    engine of = engine::postgresql;
    pin_set reasons{};
    std::uint64_t count = 0;      ///< sessions that it pinned, each time for a reason that they had not had
    std::uint64_t inherited = 0;  ///< of these, how many may belong to shapes that are not in the table any more
    std::string user{};
    std::string database{};
    std::string application_name{};
};

class pin_table {
public:
    static constexpr std::size_t most_statements = 100;
    static constexpr std::size_t longest_shape = 1000;

    void note(std::string digest, std::string_view shape, engine of, pin_set reasons, const pinned_session& who);
    [[nodiscard]] std::vector<pin_statement> statements() const;

private:
    void make_room(std::uint64_t& inherited);

    std::unordered_map<std::string, pin_statement> statements_;  ///< by digest and engine
};

/// Adds another worker's, and leaves the most frequent ones, in that order.
void merge(std::vector<pin_statement>& into, std::vector<pin_statement> others);
void sort_and_cut(std::vector<pin_statement>& all);

}  // namespace penstock::proxy
