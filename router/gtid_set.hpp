// SPDX-License-Identifier: Apache-2.0
//
// How far a MySQL or a MariaDB server is, in its own words: which transactions it has. Pure; nothing of a server's
// answer is believed beyond its form.
//
// MySQL: per source (a UUID, from 8.3 on with a tag or without) intervals of numbers, since replicas may apply them out
// of order. MariaDB: per domain the last transaction, with the number of the server that wrote it first; within a
// domain they are in order. See "GTID Format and Storage" of MySQL's manual and "Global Transaction ID" of MariaDB's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::router {

/// MySQL: @@gtid_executed.
class gtid_set {
public:
    /// Nothing where the text is no such set. Intervals may come in any order, and overlap.
    [[nodiscard]] static std::optional<gtid_set> parse(std::string_view text);

    /// All of `other` is in it.
    [[nodiscard]] bool has_all_of(const gtid_set& other) const;
    /// Intervals, over all sources.
    [[nodiscard]] std::size_t size() const;
    friend bool operator==(const gtid_set&, const gtid_set&) = default;

private:
    struct interval {
        std::uint64_t first;
        std::uint64_t last;  ///< is in it
        friend bool operator==(const interval&, const interval&) = default;
    };
    struct source {
        std::string name;                 ///< the UUID and, behind a colon, the tag; lower case
        std::vector<interval> intervals;  ///< in order, none touches the next
        friend bool operator==(const source&, const source&) = default;
    };

    std::vector<interval>& of(const std::string& name);
    static bool is_within(const std::vector<interval>& all, const interval& wanted);
    void tidy();

    std::vector<source> sources_;  ///< by name
};

/// MariaDB: @@gtid_binlog_pos, @@gtid_slave_pos and the like.
class gtid_position {
public:
    /// A list of more is none.
    static constexpr std::size_t most_domains = 4096;

    /// Nothing where the text is no such list. A domain may be there several times, as where two lists are joined.
    [[nodiscard]] static std::optional<gtid_position> parse(std::string_view text);

    /// A replica at this position has all that a primary had at `primary`. Numbers of two servers in one domain are
    /// compared only where the later is of `writer`, the primary itself, which counts on from what it has.
    [[nodiscard]] bool has_reached(const gtid_position& primary, std::uint32_t writer) const;
    /// No domain of `earlier` has gone, or gone back.
    [[nodiscard]] bool goes_on_from(const gtid_position& earlier) const;
    [[nodiscard]] std::size_t size() const { return last_.size(); }
    friend bool operator==(const gtid_position&, const gtid_position&) = default;

private:
    struct transaction {
        std::uint32_t domain;
        std::uint32_t server;
        std::uint64_t number;
        friend auto operator<=>(const transaction&, const transaction&) = default;
    };

    std::vector<transaction> last_;  ///< in order, without duplicates
};

}  // namespace penstock::router
