// SPDX-License-Identifier: Apache-2.0
//
// One compressed payload at a time, by zlib or zstd.
//
// Payloads are independent of each other, so contexts are needed only while one is being dealt with. They are kept by
// the thread: one to compress with, and a few to decompress with, for payloads that have come in part. An idle
// connection has none.
#pragma once

#include "core/bytes.hpp"
#include "protocols/mysql/capabilities.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace penstock::mysql {

enum class compression : std::uint8_t { none, zlib, zstd };

/// What the capabilities that both sides have mean: of both methods it is zlib, as servers and clients have it.
[[nodiscard]] constexpr compression compression_of(capability_flags agreed)
{
    return has(agreed, capability::compress)           ? compression::zlib
           : has(agreed, capability::zstd_compression) ? compression::zstd
                                                       : compression::none;
}

/// Takes a payload apart as it comes.
class decompressor {
public:
    enum class state : std::uint8_t {
        more,   ///< needs input or room
        ended,  ///< the payload is complete
        broken,
    };

    virtual ~decompressor() = default;
    /// Takes of the front of `input` and fills the front of the room, both of which shrink by as much.
    virtual state step(bytes& input, char*& into, std::size_t& room) = 0;
    /// Gets ready for another payload. False where it should rather be given up, for the memory that it holds.
    virtual bool restart() = 0;
};

struct decompressor_returned {
    compression how = compression::none;
    void operator()(decompressor* done) const;
};
using borrowed_decompressor = std::unique_ptr<decompressor, decompressor_returned>;

/// One for a payload that holds `plain_size` octets, says its sender; its memory is bounded by that. Goes back to the
/// thread that lets go of it.
[[nodiscard]] borrowed_decompressor borrow_decompressor(compression how, std::size_t plain_size);

/// Appends the compressed form and gives true; false, and appends nothing, where that is no shorter.
bool compress(compression how, int level, bytes plain, std::string& out);

inline constexpr int zlib_level = 6;  ///< as servers have it
inline constexpr int usual_zstd_level = 3;
/// Clients may wish for more, which would be at the cost of the others on their thread: about as dear as zlib.
inline constexpr int highest_zstd_level = 9;

}  // namespace penstock::mysql
