// SPDX-License-Identifier: Apache-2.0
//
// LAST_INSERT_ID(): what the session's statements find of it, on whichever server they run, and what they leave.
//
// A server has some client's id. Before a statement that may use or change it, the server is given the session's, so
// that what it has afterwards is the session's, too. Triggers and stored code use it without a word in the client's
// text: whatever is not known to run none counts. What no packet tells is asked before somebody else gets the server.
// Views over LAST_INSERT_ID() are not seen: before a session reads any table, another one's id is replaced by 0, once.
#include "protocols/mysql/front.hpp"

#include "protocols/mysql/first_word.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace penstock::mysql {

namespace {

constexpr std::uint16_t er_parse_error = 1064;

bool holds(std::string_view folded, std::string_view word)
{
    return folded.find(word) != std::string_view::npos;
}

/// Such statements change no tables, so that they run no triggers; and stored functions are known by their calls.
bool runs_no_triggers(bytes text)
{
    static constexpr std::array<std::string_view, 11> quiet{
        "select", "commit", "rollback", "begin", "start", "savepoint", "release", "set", "show", "use", "do"};
    const auto word = first_word(text);
    if (word == "with") {
        const auto folded = lower_case(text);
        return !holds(folded, "update") && !holds(folded, "delete") && !holds(folded, "insert");
    }
    return std::find(quiet.begin(), quiet.end(), word) != quiet.end();
}

/// A view, then, perhaps.
bool may_read_table(bytes text)
{
    const auto folded = lower_case(text);
    return holds(folded, "from") || holds(folded, "table");
}

}  // namespace

/// Whether the statement may use the session's id or change it; with an empty text, that is not known.
bool front::may_use_insert_id(bytes text, const text_effects& effects, const back& server) const
{
    const auto* const finds_by_null = state_.current()->find("sql_auto_is_null");
    const bool is_quiet = effects.statements == 1 && effects.for_one.empty() && runs_no_triggers(text) &&
                          (finds_by_null == nullptr || *finds_by_null == "OFF");
    return !is_quiet || effects.reads_insert_id || effects.sets_insert_id || runs_code(effects, server);
}

/// True where something was sent.
bool front::bring_insert_id(bytes text, const text_effects& effects, back& server, outbox& to_server)
{
    if (!lacks_insert_id(server)) {
        return false;
    }
    const bool uses = may_use_insert_id(text, effects, server);
    if (!uses && (server.insert_id == std::uint64_t{0} || !may_read_table(text))) {
        return false;
    }
    insert_id_is_exact_ = insert_id_is_exact_ || uses;  // as exact as it will be: the server that could tell is another
    const auto brought = uses ? insert_id_ : 0;
    server.has_insert_id(brought);
    const auto query = "\3DO LAST_INSERT_ID(" + std::to_string(brought) + ")";
    inject(purpose::insert_id, reply_kind::ok, query, server, to_server);
    return true;
}

/// With what else goes in front of the command (`stop`: how that is waited for), if the server keeps it till then.
front_need front::bring_insert_id_along(
    front_need stop, bytes text, const text_effects& effects, back* server, outbox& to_server)
{
    if (stop == front_need::answers && server != nullptr && !is_reset_for(effects, *server)) {
        bring_insert_id(text, effects, *server, to_server);
    }
    return stop;
}

/// Before this server forgets what it alone knows. True where it was asked.
bool front::ask_insert_id(back& server, outbox& to_server)
{
    if (insert_id_is_exact_ || lacks_insert_id(server)) {
        return false;
    }
    inject(purpose::ask_insert_id, reply_kind::query, "\3SELECT LAST_INSERT_ID()", server, to_server);
    return true;
}

/// The packet tells of an explicit value, too, which is no LAST_INSERT_ID(), and of many that were drawn it tells not.
void front::note_insert_id(const expected_reply& reply, back& server)
{
    static const text_effects nothing{};
    const auto& effects = reply.effects ? *reply.effects : nothing;
    const bool inserts = reply.finds == row_finder::inserted || reply.finds == row_finder::records;
    const bool is_one = effects.statements <= 1 && effects.for_one.empty();
    const bool has_failed =
        reply.failed && !(is_one && (reply.error_code == er_parse_error || reply.finds == row_finder::selected));
    const bool may_differ = reply.last_insert_id != 0 || has_failed || (inserts && reply.had_rows) ||
                            effects.sets_insert_id || effects.draws_untold || runs_code(effects, server);
    if (may_differ && reply.is_statement() && !lacks_insert_id(server)) {
        insert_id_ = reply.last_insert_id != 0 ? reply.last_insert_id : insert_id_;
        insert_id_is_exact_ = false;
        server.has_untold_insert_id(stamp_);
    }
}

}  // namespace penstock::mysql
