// SPDX-License-Identifier: Apache-2.0
//
// What a session's front keeps where reads may go to replicas: what is known of the request at hand, the transaction
// that no server has begun yet, and what it answers by itself.
#pragma once

#include "protocols/postgresql/local_statement.hpp"
#include "protocols/postgresql/read_dialect.hpp"
#include "protocols/wire/parameter_set.hpp"
#include "protocols/wire/route_rules.hpp"

#include "core/error.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace penstock::postgresql {

/// A transaction that its client has begun.
enum class begun : std::uint8_t {
    none,        ///< there is none, or the server at hand knows all of it
    held,        ///< and no server knows of it
    sent,        ///< BEGIN is under way
    on_replica,  ///< the server at hand is a replica: it may be begun anew on the primary
};

struct front_routes {
    read_judge* judge;
    session_wishes wishes;
    bool patient;        ///< no request is sent to a replica behind another
    bool only_replicas;  ///< the client has come to where there is nothing but reading

    request_facts facts{};
    bool is_judged = false;          ///< facts are of the next request
    bool is_plain = false;           ///< of the Query at hand it is known that it leaves nothing behind
    std::size_t request_octets = 0;  ///< how long the request is that facts are of
    bool wrote = false;
    bool defined = false;           ///< and among it may have been what changes functions
    bool again_on_primary = false;  ///< the next request
    bool has_isolation = false;     ///< the session's transactions are none for replicas
    bool one_by_one = false;        ///< no request is sent to a replica behind another any more
    bool records = false;           ///< a part of `sent` has not been sent yet
    std::string sent{};             ///< the request under way on a replica; empty: cannot be sent again

    begun block = begun::none;
    transaction_modes modes{};                  ///< of that transaction
    bool needs_primary = false;                 ///< it was found to be none for replicas
    std::optional<client_error> begin_error{};  ///< what the server has said to its BEGIN
    bool has_committed_reads = true;            ///< each of its statements sees what was committed before it
    bool usually_committed_reads = true;        ///< and so do those that do not say otherwise

    /// A portal that is ours, of one of those statements.
    struct local_portal {
        std::string name{};
        local_statement what{};
        exit_statement exit = exit_statement::none;
        bool is_binary = false;
    };
    std::optional<local_portal> portal{};
    bool prepares_ours = false;  ///< some statement that was prepared may be one of those

    /// What was last said of a text in Parse: most programs send the same few, each in front of its Bind.
    struct parsed_text {
        static constexpr std::size_t longest = 512;
        std::string text{};
        lexical_mode mode{};
        std::uint64_t version = 0;  ///< of the judge, 0 before the first
        request_facts facts{};
    };
    parsed_text last_parsed{};

    parameter_set_ptr seen{};         ///< the session's parameters when it was found out
    bool wants_serializable = false;  ///< that they make its transactions serializable
};

}  // namespace penstock::postgresql
