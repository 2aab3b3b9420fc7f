// SPDX-License-Identifier: Apache-2.0
//
// A server that is lost in a transaction takes the transaction with it, not the session.
//
// MySQL has no failed transactions: one that is rolled back as a whole (by a deadlock, 1213) leaves its client outside
// of any, told by the error. So is one that is lost with its server: the command under way gets the error, or the next
// one if there is none, and the session goes on, autocommit as it was. What the client has sent behind a command that
// gets such an error was meant for the transaction and must not run outside of it: then the session ends. A command
// that may have committed leaves its outcome open (08007); all else has been rolled back.
#include "protocols/mysql/effects.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/first_word.hpp"
#include "protocols/mysql/front.hpp"
#include "protocols/mysql/plain_text.hpp"

#include <algorithm>
#include <array>

namespace penstock::mysql {

namespace {

using std::string_view_literals::operator""sv;

constexpr std::uint16_t flags_of_block = server_status::in_transaction | server_status::in_transaction_readonly;

/// Statements that begin so commit nothing, alone in their text.
constexpr std::array quiet_words{"delete"sv,
                                 "explain"sv,
                                 "insert"sv,
                                 "release"sv,
                                 "replace"sv,
                                 "rollback"sv,
                                 "savepoint"sv,
                                 "select"sv,
                                 "show"sv,
                                 "update"sv,
                                 "with"sv};

bool is_rollback(bytes text)
{
    while (!text.empty() && (text.back() == ';' || text.back() == ' ' || text.back() == '\n')) {
        text.remove_suffix(1);
    }
    const auto word = lower_case(text);
    return word == "rollback" || word == "rollback work";
}

client_error rolled_back(const client_error& error)
{
    client_error why{error_kind::server_lost, error.detail, {}};
    if (why.detail.empty()) {
        why.detail = "The connection to the database server was lost; the transaction was rolled back";
    }
    return why;
}

}  // namespace

bool front::lose_transaction(const back& server, const client_error& error, outbox& to_client)
{
    if (server.is_followed) {
        return false;
    }
    status_ = static_cast<std::uint16_t>(status_ & ~flags_of_block);
    if (routing_) {
        routing_->block = {};
    }
    prepare_failed_ = false;
    if (stream_begun_) {
        drop_stream(rolled_back(error));
    } else if (!server.owes_client()) {
        lost_ = rolled_back(error);
    } else if (may_have_committed(server)) {
        tell_lost({error_kind::outcome_unknown, error.detail, {}}, server, to_client);
    } else {
        tell_lost(rolled_back(error), server, to_client);
    }
    return true;
}

/// By the command under way.
bool front::may_have_committed(const back& server)
{
    const auto whole = server.request.of(stamp_);
    if (server.is_unsent || server.is_replica) {
        return false;
    }
    if (whole.size() <= header_size) {
        return true;
    }
    const auto payload = whole.substr(header_size);
    switch (static_cast<command>(payload[0])) {
        case command::query: {
            const auto text = query_text(payload);
            return !text || may_commit(*text, reading());
        }
        case command::stmt_execute: {
            wire_reader in{payload.substr(1)};
            auto id = in.u32();
            const auto* const wanted = in.failed() ? nullptr : find_statement(id);
            return wanted == nullptr || may_commit(wanted->what->text, wanted->how);
        }
        case command::stmt_prepare:
        case command::stmt_fetch:
        case command::stmt_reset:
        case command::init_db:
        case command::field_list:
        case command::ping: return false;
        default: return true;
    }
}

/// Functions and triggers cannot; procedures and definitions can.
bool front::may_commit(bytes text, const sql_reading& how)
{
    const auto word = first_word(text);
    const bool is_quiet = std::find(quiet_words.begin(), quiet_words.end(), word) != quiet_words.end();
    return !is_quiet || !(is_plain_text(text) || store_.inspect_whole(text, how).statements == 1);
}

/// The first command that has an answer is told; but for those that end the transaction without a commit.
front::lost_step front::in_lost_transaction(
    command what, bytes payload, bool is_whole, bool is_followed, outbox& to_client)
{
    if (what == command::stmt_close || what == command::stmt_send_long_data) {
        return lost_step::goes_on;
    }
    if (what == command::reset_connection || what == command::change_user) {
        lost_.reset();
        return lost_step::goes_on;
    }
    auto why = *std::exchange(lost_, {});
    if (!is_whole) {
        drop_stream(std::move(why));
        return lost_step::answered;
    }
    const auto text = what == command::query ? query_text(payload) : std::nullopt;
    if (text && is_rollback(*text)) {
        ++sent_;  // the server that ran the last statement does not know of this one
        row_count_ = 0;
        answer_ok(to_client);
        return lost_step::answered;
    }
    answer(why, to_client);
    if (is_followed) {
        error_ = std::move(why);
        return lost_step::close;
    }
    return lost_step::answered;
}

}  // namespace penstock::mysql
