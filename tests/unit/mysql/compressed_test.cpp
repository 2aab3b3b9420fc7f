// SPDX-License-Identifier: Apache-2.0
//
// Compressed frames: their headers, every cut, every lie about what they hold, and what they may cost.
#include "protocols/mysql/compressed.hpp"

#include "tests/unit/mysql/compression_support.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace penstock::mysql {
namespace {

using namespace std::string_literals;
using test::frame;
using test::noise;
using test::packed;
using test::prose;

struct reading {
    std::string plain{};
    std::string fault{};
    std::vector<int> numbers{};
    std::size_t most_at_once = 0;
};

/// Goes on with `input` until nothing more comes.
void read_on(compressed_reader& from, bytes input, std::size_t room, reading& into)
{
    std::string space(room, '\0');
    while (!input.empty() || from.may_go_on()) {
        const auto step = from.take(input, space.data(), room);
        into.plain.append(space, 0, step.given);
        into.most_at_once = std::max(into.most_at_once, step.given);
        if (step.began) {
            into.numbers.push_back(*step.began);
        }
        ASSERT_TRUE(input.empty() || step.taken > 0 || step.given > 0 || !from.fault().empty()) << "no progress";
        input.remove_prefix(step.taken);
    }
    into.fault = from.fault();
}

/// The stream in pieces of `piece` octets, after a first one of `first`.
reading read(compression how, bytes stream, std::size_t first, std::size_t piece, std::size_t room = 65536)
{
    compressed_reader from{how};
    reading all;
    read_on(from, stream.substr(0, first), room, all);
    for (stream.remove_prefix(std::min(first, stream.size())); !stream.empty();
         stream.remove_prefix(std::min(piece, stream.size()))) {
        read_on(from, stream.substr(0, piece), room, all);
    }
    EXPECT_TRUE(!all.fault.empty() || from.is_between_frames());
    return all;
}

reading read(compression how, bytes stream)
{
    return read(how, stream, stream.size(), 1);
}

std::string written(compression how, std::uint8_t number, bytes plain)
{
    std::string out;
    append_compressed(how, usual_zstd_level, number, plain, out);
    return out;
}

class Compressed : public testing::TestWithParam<compression> {};

INSTANTIATE_TEST_SUITE_P(Methods,
                         Compressed,
                         testing::Values(compression::zlib, compression::zstd),
                         [](const auto& which) { return which.param == compression::zlib ? "Zlib" : "Zstd"; });

TEST(CompressedHeader, HasTwoLengthsAndANumber)
{
    const auto header = load_compressed_header("\x01\x02\x03\xff\x04\x05\x06"s);
    EXPECT_EQ(header.length, 0x030201U);
    EXPECT_EQ(header.number, 255);
    EXPECT_EQ(header.plain_length, 0x060504U);
    char back[compressed_header_size];
    store_compressed_header(back, header);
    EXPECT_EQ(std::string(back, sizeof back), "\x01\x02\x03\xff\x04\x05\x06"s);
}

TEST_P(Compressed, FramesUnderFiftyOctetsGoOutAsTheyAre)
{
    EXPECT_EQ(written(GetParam(), 3, std::string(49, 'x')), frame(3, std::string(49, 'x')));
    const auto longer = written(GetParam(), 3, std::string(50, 'x'));
    EXPECT_EQ(load_compressed_header(longer).plain_length, 50U);
    EXPECT_LT(longer.size(), compressed_header_size + 50);
}

TEST_P(Compressed, WhatWouldGrowGoesOutAsItIs)
{
    for (const std::size_t size : {50U, 1000U, 100000U}) {
        const auto plain = noise(size);
        EXPECT_EQ(written(GetParam(), 0, plain), frame(0, plain)) << size;
    }
}

TEST_P(Compressed, WhatItWritesTheLibraryReads)
{
    const auto plain = prose(5000);
    const auto made = written(GetParam(), 9, plain);
    const auto payload = made.substr(compressed_header_size);
    std::string back(plain.size(), '\0');
    if (GetParam() == compression::zlib) {
        auto size = back.size();
        ASSERT_EQ(::uncompress(reinterpret_cast<unsigned char*>(back.data()),
                               &size,
                               reinterpret_cast<const unsigned char*>(payload.data()),
                               payload.size()),
                  Z_OK);
        EXPECT_EQ(size, back.size());
    } else {
        EXPECT_EQ(ZSTD_decompress(back.data(), back.size(), payload.data(), payload.size()), back.size());
    }
    EXPECT_EQ(back, plain);
}

TEST_P(Compressed, FramesAreFollowedWhereverTheyAreCut)
{
    const auto plain = "short"s + prose(900) + noise(60) + std::string(300, 'r') + "x";
    const auto stream = written(GetParam(), 0, bytes{plain}.substr(0, 5)) +
                        written(GetParam(), 1, bytes{plain}.substr(5, 900)) +
                        written(GetParam(), 2, bytes{plain}.substr(905, 60)) +
                        frame(255, packed(GetParam(), std::string(300, 'r')), 300) + frame(0, "x");
    const std::vector<int> numbers{0, 1, 2, 255, 0};
    for (const std::size_t room : {1U, 7U, 65536U}) {
        for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
            const auto found = read(GetParam(), stream, cut, stream.size(), room);
            ASSERT_EQ(found.plain, plain) << cut << " " << found.fault;
            ASSERT_EQ(found.numbers, numbers) << cut;
        }
        EXPECT_EQ(read(GetParam(), stream, 1, 1, room).plain, plain);
        EXPECT_EQ(read(GetParam(), stream, 3, 5, room).plain, plain);
    }
}

TEST_P(Compressed, FramesOfTheGreatestLength)
{
    for (const std::size_t size : {longest_compressed - 1U, longest_compressed + 0U}) {
        for (const auto& plain : {prose(size), noise(size)}) {
            const auto stream = written(GetParam(), 0, plain);
            EXPECT_TRUE(read(GetParam(), stream, stream.size() / 2, 65536).plain == plain) << size;
        }
    }
}

TEST_P(Compressed, WhatAFrameHoldsMustBeWhatItAnnounces)
{
    const auto how = GetParam();
    const auto plain = prose(1000);
    const auto payload = packed(how, plain);
    auto spoilt = payload;
    spoilt[payload.size() / 2] = static_cast<char>(spoilt[payload.size() / 2] ^ 0x55);
    const struct {
        std::string what;
        std::string stream;
        std::string fault;
    } table[] = {
        {"empty, not compressed", frame(0, ""), "an empty compressed packet"},
        {"empty, compressed", frame(0, "", 1000), "an empty compressed packet"},
        {"one less", frame(0, payload, 999), "a payload that holds more than it announces"},
        {"far less", frame(0, payload, 1), "a payload that holds more than it announces"},
        {"one more", frame(0, payload, 1001), "a payload that holds less than it announces"},
        {"far more", frame(0, payload, 0xffffff), "a payload that holds less than it announces"},
        {"an octet behind", frame(0, payload + "x", 1000), "a payload with something behind its end"},
        {"twice", frame(0, payload + payload, 2000), "a payload that holds less than it announces"},
        {"twice, announced once", frame(0, payload + payload, 1000), "a payload with something behind its end"},
        {"cut off", frame(0, bytes{payload}.substr(0, payload.size() - 1), 1000), "a payload that is cut off"},
        {"cut off early", frame(0, bytes{payload}.substr(0, 10), 1000), "a payload that is cut off"},
        {"one octet", frame(0, bytes{payload}.substr(0, 1), 1000), "a payload that is cut off"},
        {"not compressed", frame(0, plain, 1000), "a payload that cannot be decompressed"},
        {"the other method",
         frame(0, packed(how == compression::zlib ? compression::zstd : compression::zlib, plain), 1000),
         "a payload that cannot be decompressed"},
    };
    for (const auto& [what, stream, fault] : table) {
        for (const std::size_t piece : {stream.size(), std::size_t{1}}) {
            for (const std::size_t room : {1U, 1000U, 65536U}) {
                const auto found = read(how, stream, piece, piece, room);
                EXPECT_EQ(found.fault, fault) << what << ", pieces of " << piece << ", room " << room;
                EXPECT_LE(found.plain.size(), 1000U) << what;
            }
        }
    }
    EXPECT_NE(read(how, frame(0, spoilt, 1000)).plain, plain) << "spoilt";
}

TEST_P(Compressed, AFaultEndsIt)
{
    compressed_reader from{GetParam()};
    reading all;
    read_on(from, frame(0, ""), 100, all);
    read_on(from, frame(1, "hello") + frame(2, "hello"), 100, all);
    EXPECT_EQ(all.plain, "");
    EXPECT_EQ(all.fault, "an empty compressed packet");
}

TEST(CompressedByZstd, WindowsBeyondWhatIsAnnouncedAreRefused)
{
    const auto with_window = [](int bits, bytes plain) {
        ZSTD_CCtx* const context = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, bits);
        std::string out(ZSTD_compressBound(plain.size()) + 100, '\0');
        ZSTD_outBuffer to{out.data(), out.size(), 0};
        ZSTD_inBuffer from{plain.data(), plain.size() / 2, 0};
        ZSTD_compressStream2(context, &to, &from, ZSTD_e_continue);  // so that the length is not known
        from.size = plain.size();
        EXPECT_EQ(ZSTD_compressStream2(context, &to, &from, ZSTD_e_end), 0U);
        ZSTD_freeCCtx(context);
        out.resize(to.pos);
        return out;
    };
    const auto plain = prose(300000);
    const auto modest = frame(0, with_window(21, plain), plain.size());
    EXPECT_TRUE(read(compression::zstd, modest, 100, 1000).plain == plain);
    const auto greedy = frame(0, with_window(27, plain), plain.size());
    EXPECT_EQ(read(compression::zstd, greedy, 100, 1000).fault, "a payload that cannot be decompressed");
    const auto skipped = "\x50\x2a\x4d\x18\x04\0\0\0abcd"s;  // a frame that readers pass over
    EXPECT_EQ(read(compression::zstd, frame(0, skipped, 4)).fault, "a payload that holds less than it announces");
}

TEST_P(Compressed, ABombCostsNoMoreThanTheRoomAndAWindow)
{
    const std::string nothing(longest_compressed, '\0');
    const auto bomb = frame(0, packed(GetParam(), nothing, 19), nothing.size());
    ASSERT_LT(bomb.size(), 20000U);
    compressed_reader from{GetParam()};
    const auto before = test::memory_in_use();
    std::size_t most = 0;
    std::size_t total = 0;
    std::string space(65536, '\0');
    bytes input = bomb;
    while (!input.empty() || from.may_go_on()) {
        const auto step = from.take(input, space.data(), space.size());
        input.remove_prefix(step.taken);
        total += step.given;
        ASSERT_LE(step.given, space.size());
        most = std::max(most, test::memory_in_use());
    }
    EXPECT_EQ(total, nothing.size());
    EXPECT_EQ(from.fault(), "");
    const auto bound = GetParam() == compression::zlib ? 200'000U : 18'000'000U;
    EXPECT_LE(most - std::min(before, most), bound);
    EXPECT_LE(test::memory_in_use(), before + 600'000) << "a large window is not kept";
}

TEST_P(Compressed, AnIdleReaderHoldsNoContext)
{
    const auto stream = written(GetParam(), 0, prose(3000)) + frame(1, packed(GetParam(), prose(3000, 1)), 3000);
    read(GetParam(), stream, 100, 100);
    std::vector<compressed_reader> idle;
    idle.reserve(1000);
    const auto before = test::memory_in_use();
    for (int count = 0; count < 1000; ++count) {
        idle.emplace_back(GetParam());
        reading all;
        read_on(idle.back(), stream, 65536, all);
        ASSERT_EQ(all.plain.size(), 6000U);
    }
    EXPECT_LE(test::memory_in_use(), before + 10'000);
}

}  // namespace
}  // namespace penstock::mysql
