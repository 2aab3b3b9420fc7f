// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/reply_follower.hpp"

#include <utility>

namespace penstock::mysql {

namespace {

/// A server's own bound is 4096 columns; the two octets of a prepared statement's header allow more.
constexpr std::uint64_t most_columns = 0xffff;

}  // namespace

void reply_follower::begin(reply_kind kind, capability_flags agreed)
{
    kind_ = kind;
    deprecate_eof_ = has(agreed, capability::deprecate_eof);
    optional_metadata_ = has(agreed, capability::optional_resultset_metadata);
    cache_metadata_ = has(agreed, capability::mariadb_cache_metadata);
    behind_definitions_ = false;
    left_ = 0;
    next_left_ = 0;
    state_ = kind == reply_kind::fetch ? state::rows : state::first;
}

message_role reply_follower::role_of(std::uint8_t first, std::uint32_t length) const
{
    const bool is_end = ends_rows(first, length);
    if (state_ == state::ended || state_ == state::file) {
        return message_role::unexpected;
    }
    if (first == err_header && kind_ != reply_kind::text) {
        return state_ == state::definitions_end ? message_role::unexpected : message_role::err;
    }
    switch (state_) {
        case state::definitions: return message_role::definition;
        case state::definitions_end: return is_end ? message_role::definitions_end : message_role::unexpected;
        case state::rows: return is_end ? message_role::rows_end : message_role::row;
        case state::after_file: return first == ok_header ? message_role::ok : message_role::unexpected;
        default: break;
    }
    switch (kind_) {
        case reply_kind::query:
            if (first == local_infile_header) {
                return message_role::local_infile;
            }
            [[fallthrough]];
        case reply_kind::execute:
            if (first == ok_header) {
                return message_role::ok;
            }
            return first == local_infile_header || length > 11 ? message_role::unexpected : message_role::column_count;
        case reply_kind::prepare: return first == ok_header ? message_role::prepared : message_role::unexpected;
        case reply_kind::field_list: return is_end ? message_role::rows_end : message_role::definition;
        case reply_kind::ok: return first == ok_header ? message_role::ok : message_role::unexpected;
        case reply_kind::eof:
            return is_end ? message_role::rows_end : first == ok_header ? message_role::ok : message_role::unexpected;
        case reply_kind::text: return message_role::text;
        case reply_kind::fetch: break;
    }
    return message_role::unexpected;
}

bool reply_follower::on_column_count(bytes payload)
{
    wire_reader in{payload};
    const auto count = in.lenenc();
    const bool has_flag = optional_metadata_ || cache_metadata_;
    const auto follows = has_flag ? in.u8() : std::uint8_t{1};
    if (optional_metadata_ && follows > 1) {
        return false;
    }
    const bool has_metadata = follows != 0;
    if (!in.finished_cleanly() || count == 0 || count > most_columns) {
        return false;
    }
    behind_definitions_ = false;
    left_ = static_cast<std::uint32_t>(count);
    next_left_ = 0;
    state_ = state::definitions;
    if (!has_metadata) {
        left_ = 0;
        end_group();
    }
    return true;
}

std::optional<prepared_header> reply_follower::on_prepared(bytes payload)
{
    wire_reader in{payload};
    prepared_header header{};
    in.skip(1);
    header.statement = in.u32();
    header.columns = in.u16();
    header.parameters = in.u16();
    in.skip(1);
    header.warnings = in.u16();
    if (optional_metadata_ && in.left() > 0) {
        header.has_metadata = in.u8() != 0;
    }
    if (!in.finished_cleanly()) {
        return std::nullopt;
    }
    left_ = header.has_metadata ? header.parameters : 0;
    next_left_ = header.has_metadata ? header.columns : 0;
    state_ = state::definitions;
    if (left_ == 0) {
        left_ = std::exchange(next_left_, 0);
    }
    if (left_ == 0) {
        state_ = state::ended;
    }
    return header;
}

void reply_follower::on_definition()
{
    behind_definitions_ = false;
    if (kind_ != reply_kind::field_list && --left_ == 0) {
        end_group();
    }
}

/// The definitions of a group have come.
void reply_follower::end_group()
{
    if (!deprecate_eof_) {
        state_ = state::definitions_end;
        return;
    }
    behind_definitions_ = true;
    if (kind_ != reply_kind::prepare) {
        state_ = state::rows;
    } else if (next_left_ > 0) {
        left_ = std::exchange(next_left_, 0);
    } else {
        state_ = state::ended;
    }
}

void reply_follower::on_definitions_end(bool cursor)
{
    if (kind_ != reply_kind::prepare) {
        state_ = cursor ? state::ended : state::rows;
    } else if (next_left_ > 0) {
        left_ = std::exchange(next_left_, 0);
        state_ = state::definitions;
    } else {
        state_ = state::ended;
    }
}

void reply_follower::on_end(bool more)
{
    behind_definitions_ = false;
    const bool may_go_on = kind_ == reply_kind::query || kind_ == reply_kind::execute;
    state_ = more && may_go_on ? state::first : state::ended;
}

}  // namespace penstock::mysql
