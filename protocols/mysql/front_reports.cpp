// SPDX-License-Identifier: Apache-2.0
//
// What a server does not report of the session's state, or reports late.
#include "protocols/mysql/front.hpp"

#include <string>
#include <string_view>

namespace penstock::mysql {

/// MariaDB is silent about SET @@name = ..., so it has to be asked.
void front::note_unreported(const text_effects& effects, bool failed, const back& server)
{
    const bool is_mariadb = !has(server.agreed(), capability::long_password);
    const bool took_effect = !failed || effects.unscoped.size() > 1 || effects.statements > 1;
    if (!is_mariadb || !took_effect) {
        return;
    }
    if (effects.sets_odd_unscoped) {
        pins_.add(pin_reason::unknown_setting);
    }
    for (const auto& name : effects.unscoped) {
        unreported_.append(unreported_.empty() ? "" : ",").append(name).append("=@@session.").append(name);
    }
}

/// Servers change to a prepared statement's schema (or a procedure's) and back, and where it has failed they tell of
/// that with the next one.
bool front::is_of_another_schema(std::uint32_t client_statement) const
{
    const auto found = statements_.find(client_statement);
    if (found == statements_.end()) {
        return false;
    }
    const auto* const its = found->second.what->context->find(schema_entry);
    const auto* const now = state_.current()->find(schema_entry);
    return (its != nullptr ? *its : std::string{}) != (now != nullptr ? *now : std::string{});
}

/// A change by an earlier statement, which had failed: that says nothing of them, and our own statement behind it does.
void front::note_late(const session_change& change, back& server)
{
    pins_.add(state_.note(change, nullptr));
    server.parameters = state_.current();
    if (has(capabilities_, capability::session_track)) {
        wishes_.hold(wishes_.filter(change.block));
    }
}

/// What sql_mode is said to be when it is asked for what else has changed.
bool front::is_known_mode(const session_change& change, back& server)
{
    if (change.name != "sql_mode") {
        return false;
    }
    const auto* const set = server.parameters->find("sql_mode");
    if (set == nullptr && !server.knows_default_sql_mode()) {
        note_default_sql_mode(change.value, server);
    }
    return change.value == (set != nullptr ? std::string_view{*set} : server.default_sql_mode());
}

void front::note_default_sql_mode(std::string_view mode, back& server)
{
    server.note_default_sql_mode(mode);
    default_sql_mode_ = mode;
}

/// Where @@last_gtid is another session's, and the text cannot be changed: it gets a connection that is as new, and
/// from then on the session keeps it. True where something was sent.
bool front::forget_others_gtid(back& server, outbox& to_server)
{
    const bool may_reset = server.is_idle() && !must_stay() && diagnostics_ != diagnostics::server;
    asks_.for_counts = true;
    pins_.add(pin_reason::diagnostics);
    if (may_reset && !server.last_gtid.empty()) {
        inject(purpose::housekeeping, reply_kind::ok, bytes{"\x1f", 1}, server, to_server);
        server.was_reset();
        return true;
    }
    return false;
}

}  // namespace penstock::mysql
