// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/compression_codec.hpp"

#include "core/assert.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

namespace penstock::mysql {

namespace {

/// Decompressors that a thread keeps of each kind, and the memory of one that is kept.
constexpr std::size_t most_kept = 4;
constexpr std::size_t largest_kept = 512 * 1024;
/// Windows of zstd up to here are taken whatever a payload announces: senders may not have known its length.
constexpr int least_window_bits = 21;

class zlib_decompressor final : public decompressor {
public:
    zlib_decompressor() { PENSTOCK_ASSERT(inflateInit(&stream_) == Z_OK); }
    ~zlib_decompressor() override { inflateEnd(&stream_); }
    zlib_decompressor(const zlib_decompressor&) = delete;
    zlib_decompressor& operator=(const zlib_decompressor&) = delete;

    state step(bytes& input, char*& into, std::size_t& room) override
    {
        stream_.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(input.data()));
        stream_.avail_in = static_cast<unsigned>(input.size());
        stream_.next_out = reinterpret_cast<unsigned char*>(into);
        stream_.avail_out = static_cast<unsigned>(room);
        const int status = inflate(&stream_, Z_NO_FLUSH);
        input.remove_prefix(input.size() - stream_.avail_in);
        into += room - stream_.avail_out;
        room = stream_.avail_out;
        // Z_BUF_ERROR: nothing could be done, for want of input or room.
        return status == Z_STREAM_END                    ? state::ended
               : status == Z_OK || status == Z_BUF_ERROR ? state::more
                                                         : state::broken;
    }

    bool restart() override { return inflateReset(&stream_) == Z_OK; }

private:
    z_stream stream_{};
};

class zstd_decompressor final : public decompressor {
public:
    zstd_decompressor() : context_{ZSTD_createDCtx()} { PENSTOCK_ASSERT(context_ != nullptr); }
    ~zstd_decompressor() override { ZSTD_freeDCtx(context_); }
    zstd_decompressor(const zstd_decompressor&) = delete;
    zstd_decompressor& operator=(const zstd_decompressor&) = delete;

    void bound_by(std::size_t plain_size)
    {
        const auto bits = std::max(least_window_bits, static_cast<int>(std::bit_width(plain_size)));
        ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, bits);
    }

    state step(bytes& input, char*& into, std::size_t& room) override
    {
        ZSTD_inBuffer in{input.data(), input.size(), 0};
        ZSTD_outBuffer out{into, room, 0};
        const auto status = ZSTD_decompressStream(context_, &out, &in);
        input.remove_prefix(in.pos);
        into += out.pos;
        room -= out.pos;
        return ZSTD_isError(status) != 0 ? state::broken : status == 0 ? state::ended : state::more;
    }

    bool restart() override
    {
        return ZSTD_sizeof_DCtx(context_) <= largest_kept &&
               ZSTD_isError(ZSTD_DCtx_reset(context_, ZSTD_reset_session_only)) == 0;
    }

private:
    ZSTD_DCtx* context_;
};

/// Those of this thread that nobody needs.
std::vector<std::unique_ptr<decompressor>>& spare(compression how)
{
    thread_local std::vector<std::unique_ptr<decompressor>> of_zlib;
    thread_local std::vector<std::unique_ptr<decompressor>> of_zstd;
    return how == compression::zlib ? of_zlib : of_zstd;
}

/// This thread's compressor of zlib, made at its first use.
class zlib_compressor {
public:
    zlib_compressor() { PENSTOCK_ASSERT(deflateInit(&stream_, zlib_level) == Z_OK); }
    ~zlib_compressor() { deflateEnd(&stream_); }
    zlib_compressor(const zlib_compressor&) = delete;
    zlib_compressor& operator=(const zlib_compressor&) = delete;

    /// Octets written; none where they do not fit.
    std::size_t run(bytes plain, char* into, std::size_t room)
    {
        deflateReset(&stream_);
        stream_.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(plain.data()));
        stream_.avail_in = static_cast<unsigned>(plain.size());
        stream_.next_out = reinterpret_cast<unsigned char*>(into);
        stream_.avail_out = static_cast<unsigned>(room);
        return deflate(&stream_, Z_FINISH) == Z_STREAM_END ? room - stream_.avail_out : 0;
    }

private:
    z_stream stream_{};
};

struct zstd_freed {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

std::size_t compress_zlib(bytes plain, char* into, std::size_t room)
{
    thread_local zlib_compressor compressor;
    return compressor.run(plain, into, room);
}

std::size_t compress_zstd(int level, bytes plain, char* into, std::size_t room)
{
    thread_local const std::unique_ptr<ZSTD_CCtx, zstd_freed> context{ZSTD_createCCtx()};
    const auto size = ZSTD_compressCCtx(context.get(), into, room, plain.data(), plain.size(), level);
    return ZSTD_isError(size) != 0 ? 0 : size;
}

}  // namespace

void decompressor_returned::operator()(decompressor* done) const
{
    std::unique_ptr<decompressor> owned{done};
    auto& kept = spare(how);
    if (kept.size() < most_kept && owned->restart()) {
        kept.push_back(std::move(owned));
    }
}

borrowed_decompressor borrow_decompressor(compression how, std::size_t plain_size)
{
    PENSTOCK_ASSERT(how != compression::none);
    auto& kept = spare(how);
    std::unique_ptr<decompressor> found;
    if (!kept.empty()) {
        found = std::move(kept.back());
        kept.pop_back();
    } else if (how == compression::zlib) {
        found = std::make_unique<zlib_decompressor>();
    } else {
        found = std::make_unique<zstd_decompressor>();
    }
    if (how == compression::zstd) {
        static_cast<zstd_decompressor&>(*found).bound_by(plain_size);
    }
    return {found.release(), decompressor_returned{how}};
}

bool compress(compression how, int level, bytes plain, std::string& out)
{
    if (plain.size() < 2) {
        return false;
    }
    const auto before = out.size();
    const auto room = plain.size() - 1;
    out.resize(before + room);
    const auto size = how == compression::zlib ? compress_zlib(plain, out.data() + before, room)
                                               : compress_zstd(level, plain, out.data() + before, room);
    out.resize(before + size);
    return size > 0;
}

}  // namespace penstock::mysql
