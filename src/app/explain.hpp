// SPDX-License-Identifier: Apache-2.0
//
// What a statement is to Penstock, and where it would go: `penstock explain "SELECT ..."` and SHOW ROUTE on the
// console.
//
// The route is found as a session finds it, by the same judge and the same policy. What a session has done before is
// not known here: it is taken to be new, with the usual settings, and outside of a transaction.
#pragma once

#include "admin/console_dialogue.hpp"
#include "core/engine.hpp"
#include "protocols/wire/function_catalogue.hpp"
#include "protocols/wire/route_rules.hpp"
#include "settings/settings.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace penstock::app {

/// For whom, and with what is known there.
struct explain_context {
    engine of = engine::postgresql;
    function_catalogue_ptr functions{};  ///< null: only the well-known ones
    route_rules_ptr rules{};             ///< null: none
    // Of the session; empty: that is not known, and neither is what a rule makes of it.
    std::string user{};
    std::string database{};
    std::string application_name{};
    bool splits = true;  ///< reads may go to replicas
};

struct explanation {
    std::string shape{};   ///< empty: not understood
    std::string digest{};  ///< of it
    std::string kind{};    ///< its class
    std::string functions{};
    std::string transaction{};  ///< what BEGIN says
    std::string hint{};
    std::string pins{};
    bool to_replica = false;
    std::string reason{};  ///< one word, as metrics and SHOW ROUTES have it
    std::string because{};
};

[[nodiscard]] explanation explain(std::string_view text, const explain_context& in);

/// Lines of "name: value".
[[nodiscard]] std::string in_lines(const explanation& found);

/// The functions that are known of a cluster's database; may give null.
using find_functions = std::function<function_catalogue_ptr(const std::string& cluster, const std::string& database)>;

/// What is known for a question that names a database and a user; and what is wrong with it, if anything is.
[[nodiscard]] std::pair<explain_context, std::string> context_of(const admin::route_question& question,
                                                                 const settings::tree& all,
                                                                 const find_functions& find);

/// The answer to SHOW ROUTE.
[[nodiscard]] admin::route_answer route_of(const admin::route_question& question,
                                           const settings::tree& all,
                                           const find_functions& find);

}  // namespace penstock::app
