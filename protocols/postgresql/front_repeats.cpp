// SPDX-License-Identifier: Apache-2.0
//
// Reads that the primary has under way when it is lost are sent again to the next one, unseen.
//
// The one request under way outside of a transaction is kept as it was sent, and judged only if it is lost: it is sent
// again if nothing of its answer has gone out and it is proved to be a plain read, or nothing of it has left us. What
// no text shows (a view or an operator with a function that writes) may have made it a write all the same; so whatever
// may have run already runs under default_transaction_read_only the next time, and what would write twice is refused.
// Where somebody has told the server to end (57P01) the session finds out first whether this connection alone was
// meant.
#include "protocols/postgresql/front.hpp"

namespace penstock::postgresql {

namespace {

/// A server that has said why it ends while it owes this was amid the settings in front of the request, so nothing of
/// that has run.
bool is_amid_settings(const back& server)
{
    const auto& owed = server.expected();
    return !owed.empty() && owed[0].why == purpose::catch_up;
}

/// Class 57 is "operator intervention".
bool refuses_settings(const back& server)
{
    return is_amid_settings(server) && !server.last_error().sqlstate.starts_with("57");
}

}  // namespace

/// On a quiet server.
void front::begin_request(back& server) const
{
    if (server.transaction_status() == 'I') {
        server.request.begin(stamp_);
    } else {
        server.request.drop();
    }
}

void front::keep_request(char type, bytes whole, back& server) const
{
    if (!(routes_ && routes_->records)) {  // else it is kept already, as what a replica has under way
        server.request.add(whole, type == from_client::query || type == from_client::sync);
    }
}

/// What has refused the session's own settings would do so again; another session's may be gone with the connection.
bool front::may_repeat(const back& server, bool said_why)
{
    const bool refuses = said_why && refuses_settings(server);
    const bool is_hopeless = refuses && !meets_others_settings_;
    const bool is_unseen = server.owes_client() && !server.has_relayed() && !server.withholds_ready();
    if (server.is_replica || server.is_faulty || !is_unseen || server.in_transaction() || is_in_block() ||
        !healed_batch_.empty() || !pins_.empty() || parameters_.has_acknowledged() ||
        has_repeated_enough(repeats_, server.ran_long) || is_hopeless) {
        return false;
    }
    const auto request = server.request.of(stamp_);
    return !request.empty() && (server.is_unsent || refuses || is_proved_read(request));
}

bool front::repeat(const back& server, bool said_why)
{
    if (!may_repeat(server, said_why)) {
        return false;
    }
    healed_batch_ = server.request.of(stamp_);
    free_names(healed_batch_);
    ++repeats_;
    repeats_reading_ = repeats_reading_ || !(server.is_unsent || (said_why && refuses_settings(server)));
    return true;
}

/// Of the functions that it calls, too, whoever has asked for a replica; and nobody wants it to be sent only once.
bool front::is_proved_read(bytes request)
{
    if (judge_ == nullptr || load_header(request).type == from_client::function_call) {
        return false;
    }
    const bool is_query = load_header(request).type == from_client::query;
    const auto facts =
        is_query ? look_at_text(byte_reader{body_of(request)}.c_string(), mode_) : look_at_batch(request, nullptr);
    return facts.text == read_verdict::read && facts.is_harmless && !facts.no_retry;
}

}  // namespace penstock::postgresql
