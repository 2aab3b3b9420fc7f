// SPDX-License-Identifier: Apache-2.0
//
// The usual answer to a read, a small result set that has come whole, taken in one go. It is looked at first, and where
// anything about it is out of the ordinary nothing is taken: back::take() then goes through it packet by packet. What
// the client gets and what is remembered is the same either way.
#include "protocols/mysql/back.hpp"

#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/front.hpp"

#include <algorithm>
#include <cstring>

namespace penstock::mysql {

namespace {

/// Octets. Longer answers are mostly rows, which take_rows() is for.
constexpr std::size_t longest_plain = 16 * 1024;
/// In the one octet of a length-encoded integer.
constexpr std::uint8_t most_in_octet = 250;

/// Goes through packets that are there whole and follow each other.
class packet_walk {
public:
    packet_walk(bytes input, std::uint8_t first_number) : rest_{input}, number_{first_number} {}

    /// Takes the next one. False where it is not there whole, is empty, or has another number.
    bool next()
    {
        if (rest_.size() <= header_size) {
            return false;
        }
        const auto header = load_header(rest_);
        if (header.length == 0 || header.frame_size() > rest_.size() || header.sequence != number_) {
            return false;
        }
        payload_ = {rest_.data() + header_size, header.length};
        rest_ = {rest_.data() + header.frame_size(), rest_.size() - header.frame_size()};
        ++number_;
        return true;
    }
    /// Takes all that are rows, up to the first that may be none. Gives their number.
    std::uint64_t skip_rows()
    {
        const auto* at = rest_.data();
        const auto* const end = at + rest_.size();
        std::uint64_t rows = 0;
        for (; static_cast<std::size_t>(end - at) > header_size; ++rows, ++number_) {
            const auto header = load_header({at, header_size});
            const bool may_end = static_cast<std::uint8_t>(at[header_size]) >= eof_header;  // or be an error
            if (may_end || header.length == 0 || header.sequence != number_ ||
                header.frame_size() > static_cast<std::size_t>(end - at)) {
                break;
            }
            at += header.frame_size();
        }
        rest_ = {at, static_cast<std::size_t>(end - at)};
        return rows;
    }
    [[nodiscard]] bytes payload() const { return payload_; }
    [[nodiscard]] std::uint8_t octet(std::size_t place) const { return static_cast<std::uint8_t>(payload_[place]); }
    [[nodiscard]] std::uint16_t number_at(std::size_t place) const
    {
        return static_cast<std::uint16_t>(octet(place) | octet(place + 1) << 8);
    }
    [[nodiscard]] const char* place() const { return rest_.data(); }
    [[nodiscard]] bytes rest() const { return rest_; }
    [[nodiscard]] std::uint8_t next_number() const { return number_; }

private:
    bytes rest_;
    bytes payload_{};
    std::uint8_t number_;
};

/// What the OK packet in the place of EOF says, if that is no more than how a result ends.
std::optional<ok_packet> plain_end(const packet_walk& at, const tracking_wishes& wishes)
{
    constexpr std::size_t shortest = 7;  // header, two integers of an octet, status and warnings
    constexpr auto unusual = server_status::more_results_exist | server_status::cursor_exists;
    const auto size = at.payload().size();
    if (size < shortest || at.octet(1) != 0 || at.octet(2) != 0) {
        return std::nullopt;
    }
    ok_packet end{.status = at.number_at(3), .warnings = at.number_at(5)};
    if ((end.status & unusual) != 0) {
        return std::nullopt;
    }
    if (size == shortest) {
        return end;
    }
    const bool is_told = (end.status & server_status::session_state_changed) != 0 && size > shortest + 2 &&
                         at.octet(shortest) == 0 && at.octet(shortest + 1) <= most_in_octet &&
                         shortest + 2 + at.octet(shortest + 1) == size;
    return is_told && wishes.are_no_news(at.payload().substr(shortest + 2)) ? std::optional{end} : std::nullopt;
}

}  // namespace

/// Results of statements of the client's that leave nothing behind, as most connections have them.
bool back::is_plain_result_next(bytes chunk, const front& client) const
{
    constexpr auto shapes = capability::optional_resultset_metadata | capability::mariadb_cache_metadata |
                            capability::mariadb_extended_metadata;
    const auto& head = expected_.front();
    return follower_.is_at_start() && held_.empty() && chunk.size() <= longest_plain && head.why == purpose::client &&
           head.is_statement() && head.relayed && !head.effects && !head.told_warnings && !head.has_result &&
           has(agreed_, capability::deprecate_eof | capability::session_track) && !counts_frames_ &&
           ((agreed_ | client.capabilities()) & shapes) == 0 && client_sequence_ == server_sequence_.next();
}

/// Takes a result set off `chunk`, and so ends the reply. False: nothing has been taken.
bool back::take_plain_result(bytes& chunk, front& client, outbox& to_client)
{
    packet_walk at{chunk, server_sequence_.next()};
    if (!at.next() || at.payload().size() != 1 || at.octet(0) == 0 || at.octet(0) > most_in_octet) {
        return false;
    }
    for (auto definitions = at.octet(0); definitions > 0; --definitions) {
        if (!at.next() || at.octet(0) == err_header) {
            return false;
        }
    }
    const auto* const rows_at = at.place();
    const auto rows = at.skip_rows();
    const auto* const end_at = at.place();
    if (!at.next() || at.octet(0) != eof_header) {
        return false;
    }
    const auto end = plain_end(at, client.wishes());
    if (!end) {
        return false;
    }
    const auto size_to = [&chunk](const char* place) { return static_cast<std::size_t>(place - chunk.data()); };
    auto& head = expected_.front();
    head.rows = rows;
    owes_eof_ = false;
    server_sequence_.set_next(at.next_number());
    follower_.on_rows();
    if (has(client.capabilities(), capability::deprecate_eof)) {
        to_client.pass(chunk.substr(0, size_to(end_at)));
        client_sequence_ = static_cast<std::uint8_t>(at.next_number() - 1);
        const bool as_it_is = !client.wishes().holds() && (end->status & server_status::session_state_changed) == 0;
        if (as_it_is) {
            relay({end_at, at.payload().size() + header_size}, false, to_client);
        } else {
            relay_end(*end, true, client, to_client);
        }
    } else {
        relay_with_eof(chunk.substr(0, size_to(at.place())), size_to(rows_at), size_to(end_at), *end, to_client);
    }
    end_result(*end, client);
    chunk = at.rest();
    return true;
}

/// A whole result, for a client that is told where definitions end: one EOF more, other numbers behind it, and EOF in
/// place of OK, which is longer. Where the octets may be changed, the definitions are moved to make room, for they are
/// fewer than the rows.
void back::relay_with_eof(bytes whole, std::size_t rows_at, std::size_t end_at, const ok_packet& end, outbox& to_client)
{
    auto& head = expected_.front();
    head.is_flagged = false;
    const auto known = head.rows > 0 ? status_ & server_status::lasting : static_cast<unsigned>(end.status);
    const auto status = static_cast<std::uint16_t>(known & server_status::of_definitions);
    const auto status_at_end = static_cast<std::uint16_t>(end.status & ~server_status::session_state_changed);
    const auto last = server_sequence_.next();
    const auto first = static_cast<std::uint8_t>(last - 1 - head.rows);
    const auto eof = eof_octets({.warnings = 0, .status = status}, first);
    const auto end_eof = eof_octets({.warnings = end.warnings, .status = status_at_end}, last);
    client_sequence_ = static_cast<std::uint8_t>(last + 1);
    char* rows = nullptr;
    if (auto* const place = to_client.editable(whole, eof_size)) {
        std::memmove(place - eof_size, place, rows_at);
        rows = place + rows_at;
        std::copy(eof.begin(), eof.end(), rows - eof_size);
        std::copy(end_eof.begin(), end_eof.end(), place + end_at);
        to_client.pass({place - eof_size, eof_size + end_at + eof_size});
    } else {
        auto& out = to_client.made();
        const auto before = out.size();
        out.append(whole.substr(0, rows_at)).append(eof.data(), eof_size);
        out.append(whole.substr(rows_at, end_at - rows_at)).append(end_eof.data(), eof_size);
        rows = out.data() + before + rows_at + eof_size;
    }
    number_packets({rows, end_at - rows_at}, static_cast<std::uint8_t>(first + 1));
}

}  // namespace penstock::mysql
