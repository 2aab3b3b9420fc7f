// SPDX-License-Identifier: Apache-2.0
//
// The beginning of an answer, of which the client is to have nothing should the request have to be sent again.
#include "protocols/postgresql/back.hpp"

#include "protocols/postgresql/front.hpp"

namespace penstock::postgresql {

namespace {

/// Servers send what they have to say once they have so much of it (PQ_SEND_BUFFER_SIZE), or at its end. Less of an
/// answer is sent with a notice, and by a server that is being killed: the rest is missing then.
constexpr std::size_t server_buffer = 8192;

}  // namespace

advance_result back::advance(bytes chunk, front& client, outbox& to_client)
{
    relayed_for_good_ = relayed_;
    if (!beginning_.empty()) {
        to_client.made().append(std::exchange(beginning_, {}));
        relayed_ = true;
    }
    const auto outcome = take(chunk, client, to_client);
    if (outcome == advance_result::lost && relayed_ && !relayed_for_good_) {
        forget_beginning(client, to_client);
        return outcome;
    }
    const bool is_short = is_replica && !expected_.empty() && to_client.contents().size() < server_buffer;
    if (outcome == advance_result::ok && relayed_ && !relayed_for_good_ && is_short && client.may_send_again()) {
        beginning_ = to_client.contents();
        to_client.clear();
        relayed_ = false;
    }
    return outcome;
}

/// A server that is being killed says so, and sends what it had of an answer along with it: where the request is to be
/// sent again, the client gets nothing of that.
void back::forget_beginning(front& client, outbox& to_client)
{
    relayed_ = false;
    if (is_replica ? client.may_send_again() : client.may_repeat(*this, true)) {
        to_client.clear();
    } else {
        relayed_ = true;
    }
}

/// A replica cannot do what it was asked, and the client has nothing of its answer: what of it was to go out with this
/// error is taken back.
bool back::move_elsewhere(const error_report& why, front& client, outbox& to_client)
{
    const bool unseen = !relayed_for_good_;
    if (expected_.front().why != purpose::client || !client.leave_replica(why, unseen)) {
        return false;
    }
    to_client.clear();
    relayed_ = false;
    return true;
}

}  // namespace penstock::postgresql
