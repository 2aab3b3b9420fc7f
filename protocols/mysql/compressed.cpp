// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/compressed.hpp"

#include "core/assert.hpp"

#include <algorithm>

namespace penstock::mysql {

namespace {

std::uint32_t load_u24(bytes at)
{
    const auto octet = [at](std::size_t place) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(at[place]));
    };
    return octet(0) | octet(1) << 8 | octet(2) << 16;
}

void store_u24(char* at, std::uint32_t value)
{
    at[0] = static_cast<char>(value);
    at[1] = static_cast<char>(value >> 8);
    at[2] = static_cast<char>(value >> 16);
}

}  // namespace

compressed_header load_compressed_header(bytes at)
{
    return {load_u24(at), static_cast<std::uint8_t>(at[3]), load_u24(at.substr(4))};
}

void store_compressed_header(char* at, compressed_header header)
{
    store_u24(at, header.length);
    at[3] = static_cast<char>(header.number);
    store_u24(at + 4, header.plain_length);
}

void append_compressed(compression how, int level, std::uint8_t number, bytes plain, std::string& out)
{
    PENSTOCK_ASSERT(plain.size() <= longest_compressed);
    const auto place = out.size();
    out.append(compressed_header_size, '\0');
    const bool packed = plain.size() >= least_compressed && compress(how, level, plain, out);
    if (!packed) {
        out.append(plain);
    }
    const auto length = out.size() - place - compressed_header_size;
    store_compressed_header(
        out.data() + place,
        {static_cast<std::uint32_t>(length), number, packed ? static_cast<std::uint32_t>(plain.size()) : 0U});
}

compressed_reader::step compressed_reader::take(bytes input, char* into, std::size_t room)
{
    step now;
    if (!fault_.empty()) {
        now.taken = input.size();
    } else if (!in_payload_) {
        now.taken = input.copy(header_ + header_count_, compressed_header_size - header_count_);
        header_count_ = static_cast<std::uint8_t>(header_count_ + now.taken);
        if (header_count_ == compressed_header_size) {
            begin(now);
        }
    } else if (decompressor_) {
        take_packed(input, into, room, now);
    } else {
        take_plain(input, into, room, now);
    }
    return now;
}

void compressed_reader::begin(step& now)
{
    const auto header = load_compressed_header({header_, compressed_header_size});
    header_count_ = 0;
    now.began = header.number;
    left_ = header.length;
    plain_left_ = header.plain_length;
    if (header.length == 0) {
        fail("an empty compressed packet");
        return;
    }
    in_payload_ = true;
    if (header.plain_length > 0) {
        decompressor_ = borrow_decompressor(how_, header.plain_length);
    }
}

void compressed_reader::take_plain(bytes input, char* into, std::size_t room, step& now)
{
    now.taken = now.given = input.copy(into, std::min<std::size_t>(room, left_));
    left_ -= static_cast<std::uint32_t>(now.taken);
    if (left_ == 0) {
        end();
    }
}

/// Behind the last octet announced there is room for one more, so that a payload that holds it is found out.
void compressed_reader::take_packed(bytes input, char* into, std::size_t room, step& now)
{
    char surplus = 0;
    const bool is_full = plain_left_ == 0;
    char* place = is_full ? &surplus : into;
    const auto offered = is_full ? std::size_t{1} : std::min<std::size_t>(room, plain_left_);
    auto free = offered;
    auto rest = input.substr(0, left_);
    const auto before = rest.size();
    const auto how = decompressor_->step(rest, place, free);
    now.taken = before - rest.size();
    now.given = offered - free;
    left_ -= static_cast<std::uint32_t>(now.taken);
    wants_room_ = false;
    if (is_full && now.given > 0) {
        now.given = 0;
        fail("a payload that holds more than it announces");
        return;
    }
    plain_left_ -= static_cast<std::uint32_t>(now.given);
    switch (how) {
        case decompressor::state::broken: fail("a payload that cannot be decompressed"); break;
        case decompressor::state::ended:
            if (plain_left_ > 0) {
                fail("a payload that holds less than it announces");
            } else if (left_ > 0) {
                fail("a payload with something behind its end");
            } else {
                end();
            }
            break;
        case decompressor::state::more:
            wants_room_ = free == 0;
            if (left_ == 0 && !wants_room_) {
                fail("a payload that is cut off");
            } else if (now.taken == 0 && before > 0 && !wants_room_) {
                fail("a payload that leads nowhere");
            }
            break;
    }
}

void compressed_reader::end()
{
    in_payload_ = false;
    wants_room_ = false;
    decompressor_.reset();
}

void compressed_reader::fail(std::string_view why)
{
    end();
    fault_ = why;
}

}  // namespace penstock::mysql
