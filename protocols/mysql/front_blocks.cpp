// SPDX-License-Identifier: Apache-2.0
//
// Transactions that only read, on replicas: where they begin, and what becomes of them when a statement comes that is
// no proved read.
//
// START TRANSACTION READ ONLY (or BEGIN, or nothing at all under autocommit = 0, where the session reads by default) is
// answered here; its first statement says where it belongs. Each of its statements sees the same snapshot, so it stays
// where it is to its end, unless it is READ COMMITTED. Therefore only such go to a replica as have been seen to do
// nothing but read: those that begin with a statement of the same shape are watched on the primary first.
#include "protocols/mysql/front.hpp"

#include "protocols/mysql/errors.hpp"

#include <utility>

namespace penstock::mysql {

namespace {

/// Transactions that begin with longer statements are the primary's.
constexpr std::size_t longest_first = 16 * 1024;
constexpr std::uint16_t flags_of_block = server_status::in_transaction | server_status::in_transaction_readonly;

const std::string* value_of(const parameter_set& set, std::string_view name, std::string_view older_name)
{
    const auto* const value = set.find(name);
    return value != nullptr ? value : set.find(older_name);
}

/// They ask nothing of a transaction.
bool is_aside(command what)
{
    return what == command::ping || what == command::stmt_close || what == command::stmt_reset ||
           what == command::stmt_fetch || what == command::process_kill;
}

client_error no_way_on()
{
    client_error why{error_kind::unsupported_feature,
                     "This READ ONLY transaction has read on a replica, and this statement needs the primary: the "
                     "transaction was rolled back; try restarting it (it will be run on the primary)",
                     "40001"};
    why.number = 1213;  // ER_LOCK_DEADLOCK: what clients know to try again
    return why;
}

}  // namespace

/// Answers the text if it begins a transaction that only reads.
bool front::hold_back(bytes payload, outbox& to_client)
{
    auto& own = *routing_;
    const auto text = refusal_ ? std::nullopt : query_text(payload);
    const auto what =
        text && may_be_about_transactions(*text) ? read_transaction(*text, reading()) : transaction_statement{};
    if (what.role != block_role::begins) {
        return false;
    }
    const bool only_reads = what.access == transaction_access::read_only ||
                            (what.access == transaction_access::unstated && reads_by_default());
    const bool is_for_server = what.has_snapshot || own.only_replicas || own.patient || own.has_unlogged ||
                               wishes_.tells_transactions() || must_stay() ||
                               session_isolation() == isolation::serializable;
    if (!only_reads || is_for_server) {
        return false;
    }
    own.block = {.held = true};  // what was held before is committed, and was empty
    own.is_judged = false;
    ++counters_.queries;
    ++sent_;  // the server that ran the last statement does not know of this one
    row_count_ = 0;
    if (!was_on_mariadb_) {  // which keeps them
        forget_diagnostics();
    }
    status_ = static_cast<std::uint16_t>(status_ | flags_of_block);
    answer_ok(to_client);
    return true;
}

bool front::reads_by_default() const
{
    const auto* const value = value_of(*state_.current(), "transaction_read_only", "tx_read_only");
    return value != nullptr && (*value == "ON" || *value == "1");
}

isolation front::session_isolation() const
{
    const auto* const value = value_of(*state_.current(), "transaction_isolation", "tx_isolation");
    return value != nullptr ? isolation_of(*value) : isolation::unknown;
}

isolation front::isolation_on(const back& server) const
{
    const auto own = session_isolation();
    return own != isolation::unknown ? own : isolation_of(server.isolation);
}

/// The next statement that reads a table begins a transaction that only reads.
bool front::begins_unsaid() const
{
    return (status_ & (server_status::autocommit | server_status::in_transaction)) == 0 && reads_by_default();
}

/// Its first statement is at hand, a proved read.
bool front::may_begin_on_replica()
{
    auto& own = *routing_;
    auto& block = own.block;
    const auto level = session_isolation();
    if (own.patient || block.needs_primary || level == isolation::serializable || own.text.empty() ||
        own.text.size() > longest_first) {
        return false;
    }
    block.first = own.text;
    block.how = own.how;
    const auto seen = own.judge->blocks_behind(own.text, own.how);
    const bool is_wished = own.facts.hint == route_hint::replica || own.facts.hint == route_hint::node;
    block.is_watched = seen == read_judge::blocks::unseen;
    return level == isolation::committed || seen == read_judge::blocks::read || (is_wished && block.is_watched);
}

/// In front of the first statement; true where something was sent.
bool front::begin_block(back& server, outbox& to_server)
{
    if (!routing_ || !(routing_->block.held || (server.is_replica && begins_unsaid()))) {
        return false;
    }
    if (server.is_replica && session_isolation() == isolation::unknown && server.isolation.empty()) {
        const auto* const question =
            server.is_mariadb() ? "\3SELECT @@tx_isolation" : "\3SELECT @@transaction_isolation";
        inject(purpose::ask_isolation, reply_kind::query, question, server, to_server);
        return true;
    }
    if (routing_->block.held) {
        inject(purpose::begin, reply_kind::ok, "\3START TRANSACTION READ ONLY", server, to_server);
    }
    return routing_->block.held;
}

void front::on_block_begun(const back& server)
{
    auto& block = routing_->block;
    block.held = false;
    block.was_begun = block.is_first = server.is_replica;
}

/// On a replica, in a transaction or in front of one.
front_need front::choose_in_block(command what, bool anew, back& server)
{
    auto& own = *routing_;
    auto& block = own.block;
    const auto level = isolation_on(server);
    if (is_aside(what)) {
        return front_need::more;
    }
    if (!server.in_transaction()) {
        const bool must_choose = anew && own.facts.hint == route_hint::node;
        if (own.facts.reads() && pins_.empty() && !must_choose && level != isolation::serializable) {
            return front_need::more;
        }
        server.must_close = server.must_close || !pins_.empty();  // nobody else meets what it was that pins
        if (level == isolation::serializable) {
            block.needs_primary = true;
            own.facts.verdict = own.facts.reads() ? read_verdict::isolation : own.facts.verdict;
        }
        return front_need::server;
    }
    if (!anew) {  // or it was found meanwhile that it cannot be prepared here
        return block.held || own.facts.verdict == read_verdict::refused ? front_need::server : front_need::more;
    }
    block.is_first = false;
    if (what == command::reset_connection || what == command::change_user) {
        block = {};
        return front_need::server;
    }
    switch (block.is_doomed ? block_step::give_up : next_step(level)) {
        case block_step::stay: break;
        case block_step::move:
            block.held = block.was_begun;
            block.needs_primary = true;
            own.facts = {.verdict = read_verdict::transaction};
            return front_need::server;
        case block_step::give_up: own.gives_up = true; break;
    }
    return front_need::more;
}

/// What becomes of the transaction with the statement at hand.
block_step front::next_step(isolation level)
{
    const auto& own = *routing_;
    if (own.facts.reads()) {
        return block_step::stay;
    }
    const auto& effects = store_.inspect_whole(own.text, own.how);
    const bool asks_of_earlier = (effects.reads_diagnostics || effects.reads_found_rows || effects.reads_row_count) &&
                                 !effects.sets && changes_nothing(own.text, effects, own.facts.text);
    return next_in_block(asks_of_earlier, read_transaction(own.text, own.how), reads_by_default(), level);
}

/// The transaction is on the primary: could it have been on a replica?
void front::watch(command what)
{
    auto& own = *routing_;
    if (is_aside(what)) {
        return;
    }
    const auto role = own.facts.reads() ? block_role::other : read_transaction(own.text, own.how).role;
    const bool fits = next_step(isolation::repeatable) == block_step::stay && role != block_role::refused &&
                      role != block_role::begins;
    if (fits && role != block_role::ends) {
        return;
    }
    own.judge->note_blocks(own.block.first, own.block.how, fits ? read_judge::blocks::read : read_judge::blocks::write);
    own.block = {};
}

/// The transaction ends with an error, and those that begin like it are the primary's from then on.
front_need front::give_up(command what, bool whole, back& server, outbox& to_server, outbox& to_client)
{
    auto& own = *routing_;
    if (what == command::stmt_send_long_data) {  // has no answer that could tell
        own.block.is_doomed = true;
        if (!whole) {
            drop_stream(std::nullopt);
        }
        return front_need::more;
    }
    own.judge->note_blocks(own.block.first, own.block.how, read_judge::blocks::write);
    own.block = {};
    inject(purpose::housekeeping, reply_kind::ok, "\3ROLLBACK", server, to_server);
    status_ = static_cast<std::uint16_t>(status_ & ~flags_of_block);
    row_count_ = -1;
    ++sent_;
    if (whole) {
        return answer(no_way_on(), to_client);
    }
    drop_stream(no_way_on());
    return front_need::more;
}

}  // namespace penstock::mysql
