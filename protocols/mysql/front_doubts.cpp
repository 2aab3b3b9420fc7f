// SPDX-License-Identifier: Apache-2.0
//
// Answers that make it doubtful what a server is: its answer waits then until that is known.
//
// Writes that a primary refuses because somebody has made it read-only: most likely it is to be the primary no more. A
// server looks at read_only before it begins a statement, so of one that is refused so nothing has run. That holds for
// a single statement; of several, or of code that runs some, the first ones may have run while the server still took
// writes. Whether there is another primary the front does not know.
//
// Reads that are broken off (1317): MySQL does that to what runs when it is shut down, and anybody by KILL QUERY.
#include "protocols/mysql/first_word.hpp"
#include "protocols/mysql/front.hpp"

namespace penstock::mysql {

namespace {

constexpr std::uint16_t er_option_prevents_statement = 1290, er_read_only_mode = 1836, er_query_interrupted = 1317;

/// MariaDB refuses writes a moment before @@read_only tells of it, so one that is sent again may meet that, too.
constexpr std::uint8_t most_refusals = 3;

/// The first of these errors names an option, and that is not translated.
bool says_read_only(const err_packet& why)
{
    return why.code == er_read_only_mode ||
           (why.code == er_option_prevents_statement && why.message.find("read-only") != std::string_view::npos);
}

}  // namespace

doubt front::doubt_by(const err_packet& why, bool is_first, const back& server)
{
    if (is_first && is_refused_as_demoted(why, server)) {
        return doubt::demoted;
    }
    if (why.code != er_query_interrupted) {
        return doubt::none;
    }
    const bool is_read =
        server.is_replica ? may_send_again() && !routing_->only_replicas && healed_.empty() && !server.in_transaction()
                          : repeats_ == 0 && may_repeat(server);
    return is_read ? doubt::interrupted : doubt::none;
}

bool front::is_refused_as_demoted(const err_packet& why, const back& server)
{
    if (!says_read_only(why) || refusals_ >= most_refusals || server.is_replica || (routing_ && routing_->only_replicas)) {
        return false;
    }
    const bool is_alone = (server.status() & server_status::autocommit) != 0 && !server.in_transaction();
    return is_alone && !server.must_close && !must_stay() && !repeats_reading_ && healed_.empty() &&
           is_single_statement(server.request.of(stamp_), server);
}

/// A text or what was prepared of one, in which nothing runs that is not seen.
bool front::is_single_statement(bytes whole, const back& server)
{
    if (whole.size() <= header_size) {
        return false;
    }
    const auto payload = whole.substr(header_size);
    auto how = reading();
    bytes text;
    if (static_cast<command>(payload[0]) == command::query) {
        text = query_text(payload).value_or(bytes{});
    } else if (static_cast<command>(payload[0]) == command::stmt_execute) {
        wire_reader in{payload.substr(1)};
        auto id = in.u32();
        const auto* const wanted = in.failed() ? nullptr : find_statement(id);
        if (wanted == nullptr || wanted->holds_server()) {
            return false;
        }
        text = wanted->what->text;
        how = wanted->how;
    }
    if (text.empty() || (judge_ != nullptr && judge_->judge(text, how).no_retry)) {
        return false;
    }
    const auto effects = store_.inspect_whole(text, how);
    return effects.statements == 1 && !runs_code(effects, server) && first_word(text) != "load";
}

bool front::leave_doubted(doubt why, back& server)
{
    server.must_close = true;
    if (why == doubt::demoted) {
        healed_ = server.request.of(stamp_);
        ++refusals_;
        prepare_failed_ = false;
        ++counters_.refused_by_primary;
        return true;
    }
    server.is_ending = true;
    if (!server.is_replica) {
        return repeat(server);
    }
    const bool is_sent = send_again();
    counters_.lost_with_replica += is_sent ? 1 : 0;
    return is_sent;
}

}  // namespace penstock::mysql
