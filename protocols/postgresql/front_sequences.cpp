// SPDX-License-Identifier: Apache-2.0
//
// currval() and lastval() tell what this session drew, or fail: never what another session drew on the same connection.
//
// Whoever calls a function of sequences is pinned, and is given a connection that has forgotten those of others. That
// is done in front of a transaction: once one client of the worker is known to call them, whenever a connection changes
// hands. Where it is known too late, in the middle of a transaction which may have drawn a value by a column's default,
// the client gets an error.
#include "protocols/postgresql/front.hpp"

namespace penstock::postgresql {

/// The first request of this session, or the first since another's, goes to this server, outside of a transaction.
void front::take_over(back& server, outbox& to_server, outbox& to_client)
{
    if (server.user_stamp == stamp_) {
        return;
    }
    server.foreign_sequences = server.foreign_sequences || server.user_stamp != 0;
    server.user_stamp = stamp_;
    close_foreign_names(server, to_server, to_client);
    if (server.foreign_sequences && store_.uses_sequences && !pins_.has(pin_reason::sequence)) {
        discard_sequences(server, to_server, to_client);
    }
}

void front::discard_sequences(back& server, outbox& to_server, outbox& to_client)
{
    server.foreign_sequences = false;
    inject(
        purpose::housekeeping, without_waiting("DISCARD SEQUENCES", *server.parameters), server, to_server, to_client);
}

/// Whether a text with these effects (null: none) may go to this server now.
front::sequence_guard front::guard_sequences(const text_effects* effects,
                                             back& server,
                                             outbox& to_server,
                                             outbox& to_client)
{
    if (effects == nullptr || !effects->pins.has(pin_reason::sequence)) {
        return sequence_guard::pass;
    }
    store_.uses_sequences = true;
    if (!server.foreign_sequences || pins_.has(pin_reason::sequence)) {
        return sequence_guard::pass;  // what it drew last is its own
    }
    if (server.is_idle()) {
        discard_sequences(server, to_server, to_client);
        return sequence_guard::pass;
    }
    if (!effects->reads_sequences) {
        return sequence_guard::pass;
    }
    return server.outstanding() > 0 && !server.is_unsynced() ? sequence_guard::wait : sequence_guard::refuse;
}

/// For currval() and lastval() in a transaction on a connection that has what others drew.
client_error front::unknown_sequences()
{
    return {
        error_kind::unsupported_feature,
        "currval() and lastval() cannot be told in this transaction: the connection has other sessions' values; run "
        "the transaction again, or use INSERT ... RETURNING",
        "55000"};
}

}  // namespace penstock::postgresql
