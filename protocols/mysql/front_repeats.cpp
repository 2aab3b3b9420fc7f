// SPDX-License-Identifier: Apache-2.0
//
// Reads that the primary has under way when it is lost are sent again to the next one, unseen.
//
// The command under way outside of a transaction is kept as it was sent, and judged only if it is lost: it is sent
// again if nothing of its answer has gone out and it is proved to be a plain read, or nothing of it has left us. What
// no text shows (a view that calls a function that writes) may have made it a write all the same; so whatever may have
// run already runs in a READ ONLY transaction the next time, and what would write twice is refused.
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/front.hpp"
#include "protocols/mysql/plain_text.hpp"

#include <algorithm>
#include <array>

namespace penstock::mysql {

namespace {

/// In COM_STMT_EXECUTE: all that asks for a cursor.
constexpr std::uint8_t cursor_flags = 7;

/// A server says these to what it runs when it is shut down, or leaves its cluster.
constexpr std::array<std::uint16_t, 3> shutting_down{
    1047,  // not prepared (Galera)
    1053,  // shutdown in progress
    1077,  // normal shutdown
};

constexpr std::uint16_t er_read_only_transaction = 1792;

/// The name that the session's own setting has, or that the server knows.
std::string_view read_only_variable(const parameter_set& session, const back& server)
{
    constexpr std::string_view name = "transaction_read_only";
    constexpr std::string_view older = "tx_read_only";  // the only one that MySQL 5 and MariaDB before 11.1 know
    const bool knows_older = server.is_mariadb() || server.version().starts_with("5.");
    const bool takes_older = session.find(older) != nullptr || (knows_older && session.find(name) == nullptr);
    return takes_older ? older : name;
}

}  // namespace

/// The command has gone to the server.
void front::keep_request(bytes whole, back& server) const
{
    if (!server.is_replica && whole.size() <= kept_request::longest && server.owes_client()) {
        server.request.begin(stamp_);
        server.request.add(whole, true);
    }
}

bool front::may_repeat(const back& server)
{
    const bool is_alone = (server.status() & server_status::autocommit) != 0 && !server.in_transaction();
    if (server.is_replica || server.is_faulty || !is_alone || !server.owes_client() || server.has_relayed() ||
        must_stay() || !healed_.empty() || has_repeated_enough(repeats_, server.ran_long)) {
        return false;
    }
    if (default_sql_mode_.empty()) {
        default_sql_mode_ = server.default_sql_mode();
    }
    const auto whole = server.request.of(stamp_);
    return !whole.empty() && (server.is_unsent || is_proved_read(whole, server));
}

bool front::repeat(const back& server)
{
    if (!may_repeat(server)) {
        return false;
    }
    healed_ = server.request.of(stamp_);
    ++repeats_;
    repeats_reading_ = repeats_reading_ || !server.is_unsent;
    prepare_failed_ = false;
    ++counters_.lost_with_primary;
    return true;
}

bool front::repeat_refused(const err_packet& why, back& server)
{
    const bool leaves = std::find(shutting_down.begin(), shutting_down.end(), why.code) != shutting_down.end();
    server.is_ending = server.is_ending || leaves;
    if (!leaves || repeats_ > 0 || !repeat(server)) {  // once: MySQL has the same number for KILL
        return false;
    }
    server.must_close = true;
    return true;
}

bool front::has_repeated_a_write(std::uint16_t code) const
{
    return repeats_reading_ && code == er_read_only_transaction;
}

/// Preparing runs nothing, whatever the text is.
bool front::is_proved_read(bytes whole, const back& server)
{
    const auto payload = whole.substr(header_size);
    switch (static_cast<command>(payload[0])) {
        case command::ping:
        case command::stmt_prepare: return true;
        case command::query: {
            const auto text = query_text(payload);
            return text && is_proved_text(*text, reading(), server);
        }
        case command::stmt_execute: {
            wire_reader in{payload.substr(1)};
            auto id = in.u32();
            const auto flags = in.u8();
            const auto* const wanted = in.failed() ? nullptr : find_statement(id);
            return wanted != nullptr && (flags & cursor_flags) == 0 && !wanted->holds_server() &&
                   !wanted->what->text.empty() && wanted->how == reading() &&
                   is_proved_text(wanted->what->text, wanted->how, server);
        }
        default: return false;
    }
}

/// Whoever has asked for a replica; and nobody wants it to be sent only once.
bool front::is_proved_text(bytes text, const sql_reading& how, const back& server)
{
    if (judge_ == nullptr) {
        return false;
    }
    const auto facts = judge_->judge(text, how);
    return facts.text == read_verdict::read && facts.is_harmless && !facts.no_retry &&
           (is_plain_text(text) || !runs_code(store_.inspect_whole(text, how), server));
}

/// What a server is brought to in front of a command: what is sent again must not write.
parameter_set_ptr front::settings_on(const back& server, const parameter_set_ptr& wanted) const
{
    const bool must_not_write = repeats_reading_ && !server.is_replica;
    return must_not_write ? wanted->with(read_only_variable(*wanted, server), "ON") : wanted;
}

/// The command that was sent again has its answer; its connection goes on under the settings that it had.
void front::end_repeats(back& server)
{
    if (repeats_reading_ && !server.is_replica) {
        server.parameters = settings_on(server, state_.current());
    }
    repeats_ = 0;
    repeats_reading_ = false;
}

}  // namespace penstock::mysql
