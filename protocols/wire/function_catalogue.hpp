// SPDX-License-Identifier: Apache-2.0
//
// Which functions a read may call on a replica, and which relations it may name: what read_judge asks, and
// control/catalog answers.
//
// A catalogue is an immutable snapshot of one database's definitions, published by the control plane and read by every
// worker. It is asked when a statement's shape is met for the first time, never for each statement. Whatever it does
// not know is not harmless.
#pragma once

#include "protocols/wire/relation_names.hpp"
#include "protocols/wire/statement_class.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace penstock {

class function_catalogue {
public:
    function_catalogue() = default;
    function_catalogue(const function_catalogue&) = delete;
    function_catalogue& operator=(const function_catalogue&) = delete;
    virtual ~function_catalogue() = default;

    /// Grows with every snapshot of a database: what an older one said is asked again.
    [[nodiscard]] virtual std::uint64_t version() const = 0;

    /// True where no function that the name may stand for changes anything or leaves anything behind, be it in the
    /// database or in the session, and where its answer is the same on a replica. All overloads count.
    /// `search_path`: the session's, for names without a schema, without "$user" in it. Empty: it is not known, and
    /// then functions of that name in all schemas count.
    [[nodiscard]] virtual bool harmless(const function_name& function,
                                        std::span<const std::string> search_path) const = 0;

    /// Relations that are read on the primary: a function that is not harmless is called behind them (a view's), or
    /// replicas do not have what they hold.
    [[nodiscard]] virtual const relation_names& of_primary() const
    {
        static const relation_names none;
        return none;
    }
};

using function_catalogue_ptr = std::shared_ptr<const function_catalogue>;

/// A statement is a plain read if its text is one and all its functions are harmless.
[[nodiscard]] inline bool is_plain_read(const statement_class& what,
                                        const function_catalogue& catalogue,
                                        std::span<const std::string> search_path)
{
    return what.reads_only() && std::all_of(what.functions.begin(), what.functions.end(), [&](const auto& each) {
               return catalogue.harmless(each, search_path);
           });
}

}  // namespace penstock
