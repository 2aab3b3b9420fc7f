// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/compressed_layer.hpp"

#include "core/assert.hpp"
#include "protocols/mysql/packet.hpp"

#include <algorithm>
#include <utility>

namespace penstock::mysql {

std::size_t compressed_layer::open(bytes from_wire, char* into, std::size_t room)
{
    const bool is_left_over = !left_over_.empty();
    PENSTOCK_ASSERT(from_wire.empty() || !is_left_over);
    bytes input = is_left_over ? bytes{left_over_}.substr(left_over_taken_) : from_wire;
    const auto before = input.size();
    std::size_t given = 0;
    while (take(input, into, room, given)) {
    }
    if (input.empty() || fault_) {
        std::string{}.swap(left_over_);
        left_over_taken_ = 0;
    } else if (is_left_over) {
        left_over_taken_ += before - input.size();
    } else {
        left_over_ = input;
    }
    return given;
}

/// One step. False where this call ends.
bool compressed_layer::take(bytes& input, char* into, std::size_t room, std::size_t& given)
{
    if (fault_ || given == room || (input.empty() && !reader_.may_go_on()) ||
        (given > 0 && reader_.is_between_frames() && !joins_frames())) {
        return false;
    }
    const auto now = reader_.take(input, into + given, room - given);
    input.remove_prefix(now.taken);
    given += now.given;
    if (!reader_.fault().empty()) {
        fail("Couldn't uncompress communication packet: " + std::string{reader_.fault()}, 1157);
    } else if (now.began && !accept(*now.began)) {
        fail("Got packets out of order", 1156);
    }
    return !fault_;
}

void compressed_layer::fail(std::string_view why, std::uint16_t number)
{
    fault_ = client_error{error_kind::protocol_violation, std::string{why}, "08S01", number};
}

// ---- towards a client ----

void compressed_client_layer::seal(bytes& messages, std::string& to_wire)
{
    const auto part = messages.substr(0, longest_compressed_part);
    messages.remove_prefix(part.size());
    append(part, to_wire);
    spoke_last_ = true;
}

void compressed_client_layer::begin_answer()
{
    if (deferred_) {
        next_ = *std::exchange(deferred_, {});
    }
}

/// The answer to a command of one frame, as most are.
void compressed_client_layer::answer_early()
{
    begin_answer();
    if (std::exchange(spoke_last_, false)) {
        next_ = 1;
    }
}

bool compressed_client_layer::accept(std::uint8_t number)
{
    spoke_last_ = false;
    if (number == 0 && (deferred_ || next_ != 0)) {
        deferred_ = 1;  // a command, even where one before it has been given up
        return true;
    }
    auto& expected = deferred_ ? *deferred_ : next_;
    const bool in_order = number == expected;
    expected = static_cast<std::uint8_t>(number + 1);  // either way: whoever is told off shall hear it
    return in_order;
}

// ---- towards a server ----

void compressed_server_layer::seal(bytes& messages, std::string& to_wire)
{
    bool is_command = false;
    const auto part = messages.substr(0, next_part(messages, is_command));
    messages.remove_prefix(part.size());
    if (is_command) {
        next_ = 0;
    }
    append(part, to_wire);
    answer_ = next_;
    heard_ = false;
}

/// How much goes into the next frame: up to the next command, and no more than a frame should hold.
std::size_t compressed_server_layer::next_part(bytes messages, bool& is_command)
{
    std::size_t size = 0;
    const auto most = std::min(messages.size(), longest_compressed_part);
    while (size < most) {
        if (packet_left_ == 0) {
            const auto rest = messages.substr(size);
            PENSTOCK_ASSERT(rest.size() >= header_size);  // whoever sends does not split a header
            if (begins_command(rest)) {
                if (size > 0) {
                    break;
                }
                is_command = true;
            }
            const auto header = load_header(rest);
            packet_ = header.sequence;
            message_goes_on_ = header.goes_on();
            packet_left_ = header.frame_size();
        }
        const auto some = std::min(packet_left_, most - size);
        packet_left_ -= some;
        size += some;
    }
    return size;
}

/// Number 0 at the start of a message, unless it follows 255 in a file that is being sent.
bool compressed_server_layer::begins_command(bytes header)
{
    return !message_goes_on_ && load_header(header).sequence == 0 && (packet_ != 255 || heard_);
}

/// Several commands may be under way; each answer begins with its own number.
bool compressed_server_layer::accept(std::uint8_t number)
{
    heard_ = true;
    const bool expected = number == next_ || number == answer_;
    next_ = static_cast<std::uint8_t>(number + 1);
    return expected;
}

}  // namespace penstock::mysql
