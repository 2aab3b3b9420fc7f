// SPDX-License-Identifier: Apache-2.0
//
// Session tracking as one client asked for it: which of a server's reports it is to see.
//
// On server connections Penstock turns all tracking on for itself. A client gets what it would get from a server of its
// own: the defaults of both products, until it sets session_track_* itself. redirect_url is never passed on: a
// connector would follow it past the proxy.
#pragma once

#include "core/bytes.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace penstock::mysql {

/// What makes a server report all that a session may change. Also asks for sql_mode by assigning it to itself.
[[nodiscard]] std::string_view tracking_statement();
/// Asks for what session_track_* are now.
[[nodiscard]] std::string_view wishes_query();

class tracking_wishes {
public:
    /// Takes a report of a variable if it is one of session_track_*: these are the client's own and not carried, save
    /// session_track_gtids.
    bool note(std::string_view name, std::string_view value);
    /// The client has set what is reported, so that itself may not have been: its wishes have to be asked for.
    void must_ask() { asks_ = disturbed_ = true; }
    [[nodiscard]] bool take_question() { return std::exchange(asks_, false); }
    /// The row that wishes_query() gives. False where it is malformed.
    bool learn(bytes row);
    /// Back to what a new session has.
    void reset() { *this = tracking_wishes{}; }
    /// The client has set one of them, so the server's have to be put right.
    [[nodiscard]] bool must_be_restored() const { return disturbed_; }
    void restored() { disturbed_ = false; }
    /// The client is told of each transaction.
    [[nodiscard]] bool tells_transactions() const { return transaction_state_ || characteristics_; }

    /// Nothing of `changes` concerns anybody but a client that wants all variables: MySQL numbers its statements so
    /// (statement_id), in every reply.
    [[nodiscard]] bool are_no_news(bytes changes) const;
    /// The blocks of `changes` that this client is to see.
    [[nodiscard]] std::string filter(bytes changes) const;
    /// What an EOF packet has no room for, or an error: a later OK packet tells it, as with a server of the client's
    /// own.
    void hold(std::string_view filtered) { held_ = with_held(filtered); }
    /// The session is reset: MySQL tells nothing any more of what was before.
    void drop_held() { held_.clear(); }
    [[nodiscard]] bool holds() const { return !held_.empty(); }
    /// What an OK packet that has `filtered` to tell tells. MySQL's next one tells what is held, and MariaDB's next one
    /// that has something to tell anyhow.
    [[nodiscard]] std::string tell(std::string_view filtered, bool is_mariadb);

private:
    [[nodiscard]] std::string with_held(std::string_view filtered) const;
    void set(std::string_view name, std::string_view value);
    [[nodiscard]] bool wants_variable(std::string_view name) const;

    std::string variables_ = "time_zone,autocommit,character_set_client,character_set_results,character_set_connection";
    bool schema_ = true;
    bool state_change_ = false;
    bool gtids_ = false;
    bool transaction_state_ = false;
    bool characteristics_ = false;
    bool disturbed_ = false;
    bool asks_ = false;
    std::string held_;
};

}  // namespace penstock::mysql
