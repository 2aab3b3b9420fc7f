// SPDX-License-Identifier: Apache-2.0
//
// Rules of the configuration that say where requests go, or how many of them may come, and how what is wished for becomes
// part of what is known of a request.
//
// A rule speaks of sessions (user, database, application) and of statements (by their shape); the first one counts that
// holds for both. What holds for a shape is found out once, when the shape is met for the first time, and kept as a set
// of bits; what holds for a session likewise. So a request costs the intersection of two sets. A wish for a replica or
// a node never makes a read of what is none. Of a closer voice than a rule is the session's setting, and of the closest
// a comment in the statement.
#pragma once

#include "protocols/wire/request_facts.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

struct route_rule {
    std::string name{};  ///< for reports
    // Patterns, in which '*' stands for any text; empty: whatever it is.
    std::string user{};
    std::string database{};  ///< as clients call it
    std::string application_name{};
    std::string statement{};  ///< of the shape
    std::string digest{};     ///< of the shape; empty: any
    route_hint route = route_hint::primary;  ///< none: it says nothing of that
    node_place node = 0;  ///< for route_hint::node
    std::string limit{};  ///< the name of the limit that what it holds for is counted against; empty: none
};

class route_rules {
public:
    static constexpr std::size_t most = 64;

    route_rules() = default;
    /// `nodes`: the cluster's by their places, as they are configured ("db1:5432"); no more than `most` rules.
    route_rules(std::vector<route_rule> rules, std::vector<std::string> nodes);

    [[nodiscard]] bool empty() const { return rules_.empty(); }
    [[nodiscard]] std::size_t size() const { return rules_.size(); }
    [[nodiscard]] const route_rule& at(std::size_t place) const { return rules_[place]; }
    /// Those that say where requests go.
    [[nodiscard]] std::uint64_t with_route() const { return with_route_; }
    /// Those that have a limit.
    [[nodiscard]] std::uint64_t with_limit() const { return with_limit_; }
    /// Those that hold for any shape.
    [[nodiscard]] std::uint64_t of_any() const { return of_any_; }
    /// Those that may hold for statements of a session of these.
    [[nodiscard]] std::uint64_t of_session(std::string_view user,
                                           std::string_view database,
                                           std::string_view application_name) const;
    /// Those that hold for this shape.
    [[nodiscard]] std::uint64_t of_shape(std::string_view shape) const;
    /// The place of that node in the cluster, named with its port or, where that is enough, without; or `unknown`.
    [[nodiscard]] std::size_t place_of(std::string_view node) const;
    static constexpr std::size_t unknown = static_cast<std::size_t>(-1);
    /// Some rule asks for the name of the application, which a session may change.
    [[nodiscard]] bool asks_for_application() const;

private:
    std::vector<route_rule> rules_;
    std::vector<std::string> nodes_;
    std::uint64_t with_route_ = 0;
    std::uint64_t with_limit_ = 0;
    std::uint64_t of_any_ = 0;
};

using route_rules_ptr = std::shared_ptr<const route_rules>;

/// Whether '*' in the pattern can stand for texts so that it becomes `text`.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view text);

/// What is known of a request whose session has this setting, and for which those rules may hold.
[[nodiscard]] request_facts with_wishes(request_facts facts,
                                        route_hint setting,
                                        const route_rules& rules,
                                        std::uint64_t of_session);

/// A session's part in it.
class session_wishes {
public:
    session_wishes(std::string user, std::string database) : user_{std::move(user)}, database_{std::move(database)} {}

    /// What it has set; none: nothing.
    route_hint setting = route_hint::none;

    /// `version` grows with whatever is said of texts, and so with other rules.
    [[nodiscard]] request_facts apply(const request_facts& facts,
                                      const route_rules& rules,
                                      std::uint64_t version,
                                      std::string_view application_name);

private:
    std::string user_;
    std::string database_;
    std::string application_name_{};
    std::uint64_t version_ = 0;
    std::uint64_t rules_ = 0;  ///< that may hold for it
};

}  // namespace penstock
