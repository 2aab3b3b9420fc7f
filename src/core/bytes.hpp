// SPDX-License-Identifier: Apache-2.0
//
// Reading and writing of wire data: octet views, a reader that remembers its first failure, and a writer.
//
// A reader never reads past its view and never throws: after the first fault every further read gives zero or empty,
// and finish() tells. Every count that a peer chose is thereby bounded by the bytes that are really there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

/// A view of octets; whose they are and until when is said where one is handed out.
using bytes = std::string_view;

/// Big-endian ("network order") numbers at a place the caller has checked.
inline std::uint16_t load_u16(const char* at)
{
    const auto* octets = reinterpret_cast<const unsigned char*>(at);
    return static_cast<std::uint16_t>(octets[0] << 8 | octets[1]);
}

inline std::uint32_t load_u32(const char* at)
{
    const auto* octets = reinterpret_cast<const unsigned char*>(at);
    return static_cast<std::uint32_t>(octets[0]) << 24 | static_cast<std::uint32_t>(octets[1]) << 16 |
           static_cast<std::uint32_t>(octets[2]) << 8 | static_cast<std::uint32_t>(octets[3]);
}

inline void store_u32(char* at, std::uint32_t value)
{
    at[0] = static_cast<char>(value >> 24);
    at[1] = static_cast<char>(value >> 16);
    at[2] = static_cast<char>(value >> 8);
    at[3] = static_cast<char>(value);
}

/// Takes a message apart in wire order; the views it gives live as long as the bytes it was built on.
class byte_reader {
public:
    explicit byte_reader(bytes input) : rest_{input} {}

    std::uint8_t u8() { return enough(1) ? static_cast<std::uint8_t>(take_unchecked(1)[0]) : std::uint8_t{0}; }
    std::uint16_t u16() { return enough(2) ? load_u16(take_unchecked(2).data()) : std::uint16_t{0}; }
    std::uint32_t u32() { return enough(4) ? load_u32(take_unchecked(4).data()) : 0U; }
    std::int32_t i32() { return static_cast<std::int32_t>(u32()); }

    /// The next `count` octets, or nothing (and a fault) where fewer remain.
    bytes take(std::size_t count) { return enough(count) ? take_unchecked(count) : bytes{}; }

    /// Text up to a zero octet, which is consumed and not part of the result.
    std::string_view c_string()
    {
        const auto end = !rest_.empty() && rest_.front() == '\0' ? 0 : rest_.find('\0');  // most names are empty
        if (end == bytes::npos) {
            failed_ = true;
            rest_ = {};
            return {};
        }
        const auto text = take_unchecked(end);
        rest_.remove_prefix(1);
        return text;
    }

    /// Everything that is left.
    bytes remainder() { return take_unchecked(rest_.size()); }

    [[nodiscard]] std::size_t left() const { return rest_.size(); }
    [[nodiscard]] bool failed() const { return failed_; }

    /// True if every read was within bounds and nothing is left over.
    [[nodiscard]] bool finished_cleanly() const { return !failed_ && rest_.empty(); }

private:
    bool enough(std::size_t count)
    {
        if (count > rest_.size()) {
            failed_ = true;
            rest_ = {};
        }
        return !failed_;
    }

    bytes take_unchecked(std::size_t count)
    {
        const bytes part{rest_.data(), count};
        rest_.remove_prefix(count);
        return part;
    }

    bytes rest_;
    bool failed_ = false;
};

/// Appends wire data to a string that the caller owns.
class byte_writer {
public:
    explicit byte_writer(std::string& out) : out_{out} {}

    byte_writer& u8(std::uint8_t value)
    {
        out_.push_back(static_cast<char>(value));
        return *this;
    }
    byte_writer& u16(std::uint16_t value)
    {
        const char octets[] = {static_cast<char>(value >> 8), static_cast<char>(value)};
        out_.append(octets, sizeof octets);
        return *this;
    }
    byte_writer& u32(std::uint32_t value)
    {
        char octets[4];
        store_u32(octets, value);
        out_.append(octets, sizeof octets);
        return *this;
    }
    byte_writer& i32(std::int32_t value) { return u32(static_cast<std::uint32_t>(value)); }
    byte_writer& raw(bytes value)
    {
        out_.append(value);
        return *this;
    }
    /// Text and its closing zero octet. The text holds no zero octet itself.
    byte_writer& c_string(std::string_view value)
    {
        out_.append(value);
        out_.push_back('\0');
        return *this;
    }

    [[nodiscard]] std::size_t size() const { return out_.size(); }
    /// Overwrites four octets written earlier, as lengths that are known only at the end need.
    void patch_u32(std::size_t offset, std::uint32_t value) { store_u32(out_.data() + offset, value); }

private:
    std::string& out_;
};

}  // namespace penstock
