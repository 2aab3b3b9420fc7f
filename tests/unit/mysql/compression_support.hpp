// SPDX-License-Identifier: Apache-2.0
//
// Frames of the compressed protocol as tests make them, right or wrong, and the memory that this process has.
#pragma once

#include "protocols/mysql/compressed.hpp"

#include <malloc.h>
#include <zlib.h>
#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace penstock::mysql::test {

/// Octets that can be compressed to about a half.
inline std::string prose(std::size_t size, std::size_t from = 0)
{
    std::string text(size, '\0');
    std::uint32_t state = static_cast<std::uint32_t>(from) * 2654435761U + 12345U;
    for (auto& each : text) {
        state = state * 1664525U + 1013904223U;
        each = "etaoinshrdlucmf "[state >> 28];
    }
    return text;
}

/// Octets that cannot.
inline std::string noise(std::size_t size)
{
    std::string text(size, '\0');
    std::uint64_t state = 88172645463325252ULL;
    for (auto& each : text) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        each = static_cast<char>(state >> 24);
    }
    return text;
}

/// Any header before any payload.
inline std::string frame(std::uint8_t number, bytes payload, std::size_t announced = 0)
{
    std::string out(compressed_header_size, '\0');
    store_compressed_header(
        out.data(), {static_cast<std::uint32_t>(payload.size()), number, static_cast<std::uint32_t>(announced)});
    return out.append(payload);
}

/// A payload by the libraries' own functions.
inline std::string packed(compression how, bytes plain, int level = 3)
{
    std::string out;
    if (how == compression::zlib) {
        auto size = compressBound(plain.size());
        out.resize(size);
        ::compress2(reinterpret_cast<unsigned char*>(out.data()),
                    &size,
                    reinterpret_cast<const unsigned char*>(plain.data()),
                    plain.size(),
                    6);
        out.resize(size);
    } else {
        out.resize(ZSTD_compressBound(plain.size()));
        out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), level));
    }
    return out;
}

/// Octets that malloc has given out; 0 under sanitizers, which have an allocator of their own.
inline std::size_t memory_in_use()
{
    const auto all = ::mallinfo2();
    return all.uordblks + all.hblkhd;
}

}  // namespace penstock::mysql::test
