// SPDX-License-Identifier: Apache-2.0
//
// The layer between packets and a stream: how its frames are numbered on either side, what breaks it, and what an
// exchange makes of packets' numbers once frames are counted.
#include "protocols/mysql/compressed_layer.hpp"

#include "protocols/mysql/packet.hpp"
#include "tests/unit/mysql/compression_support.hpp"
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace penstock::mysql {
namespace {

using test::frame;
using test::packed;
using test::prose;

/// The numbers of whole frames.
std::vector<int> numbers_of(bytes stream)
{
    std::vector<int> all;
    while (stream.size() >= compressed_header_size) {
        const auto header = load_compressed_header(stream);
        all.push_back(header.number);
        stream.remove_prefix(compressed_header_size + header.length);
    }
    EXPECT_TRUE(stream.empty());
    return all;
}

std::string seal(stream_layer& by, bytes messages)
{
    std::string out;
    while (!messages.empty()) {
        const auto before = messages.size();
        by.seal(messages, out);
        EXPECT_LT(messages.size(), before);
    }
    return out;
}

std::string open_once(stream_layer& by, bytes from_wire, std::size_t room = 65536)
{
    std::string space(room, '\0');
    space.resize(by.open(from_wire, space.data(), room));
    return space;
}

/// All that comes of these octets, whatever is in between.
std::string open(stream_layer& by, bytes from_wire, std::size_t room = 65536)
{
    auto all = open_once(by, from_wire, room);
    while (by.has_input()) {
        all += open_once(by, {}, room);
    }
    return all;
}

std::string message(std::uint8_t sequence, bytes payload)
{
    std::string out;
    append_packet(out, sequence, payload);
    return out;
}

using numbers = std::vector<int>;

struct towards_client {
    compressed_client_layer layer{compression::zlib, zlib_level};
    /// Octets of a command that the session deals with at once.
    void command(const std::string& frames)
    {
        open(layer, frames);
        layer.begin_answer();
    }
};

TEST(CompressedTowardsClient, AnswersGoOnFromTheCommandsFrames)
{
    towards_client to;
    to.command(frame(0, "one"));
    EXPECT_EQ(numbers_of(seal(to.layer, "answer")), numbers{1});
    EXPECT_EQ(numbers_of(seal(to.layer, "and more")), numbers{2});
    to.command(frame(0, "a long ") + frame(1, "long ") + frame(2, "command"));
    EXPECT_EQ(numbers_of(seal(to.layer, "answer")), numbers{3});
    to.command(frame(0, "again"));
    EXPECT_EQ(numbers_of(seal(to.layer, prose(longest_compressed_part + 1))), (numbers{1, 2}));
}

TEST(CompressedTowardsClient, AnExchangeGoesOnWithFramesOfEither)
{
    towards_client to;
    to.command(frame(0, "load"));
    EXPECT_EQ(numbers_of(seal(to.layer, "give me the file")), numbers{1});
    EXPECT_EQ(open(to.layer, frame(2, "some") + frame(3, "more")), "somemore");
    EXPECT_EQ(numbers_of(seal(to.layer, "thank you")), numbers{4});
    EXPECT_EQ(to.layer.fault(), nullptr);
}

TEST(CompressedTowardsClient, NumbersWrapAround)
{
    towards_client to;
    to.command(frame(0, "load"));
    for (int number = 1; number < 1000; ++number) {
        if (number % 3 == 0) {
            EXPECT_EQ(open(to.layer, frame(static_cast<std::uint8_t>(number), "x")), "x") << number;
        } else {
            EXPECT_EQ(numbers_of(seal(to.layer, "y")), numbers{number & 255});
        }
    }
    EXPECT_EQ(to.layer.fault(), nullptr);
}

TEST(CompressedTowardsClient, ACommandThatComesEarlyDoesNotDisturbTheAnswerUnderWay)
{
    towards_client to;
    to.command(frame(0, "one"));
    EXPECT_EQ(numbers_of(seal(to.layer, "part")), numbers{1});
    EXPECT_EQ(open(to.layer, frame(0, "tw") + frame(1, "o")), "two");
    EXPECT_EQ(numbers_of(seal(to.layer, "rest")), numbers{2});
    to.layer.begin_answer();
    EXPECT_EQ(numbers_of(seal(to.layer, "answer to two")), numbers{2});
    EXPECT_EQ(to.layer.fault(), nullptr);
}

TEST(CompressedTowardsClient, AGoodbyeIsNumberedAsTheAnswerToTheNextCommand)
{
    towards_client to;
    to.layer.answer_early();
    EXPECT_EQ(numbers_of(seal(to.layer, "goodbye")), numbers{1});
    to.command(frame(0, "one"));
    seal(to.layer, "answer");
    seal(to.layer, "and more");
    to.layer.answer_early();
    EXPECT_EQ(numbers_of(seal(to.layer, "goodbye")), numbers{1});
    to.command(frame(0, "a long ") + frame(1, "command that is refused"));
    to.layer.answer_early();
    EXPECT_EQ(numbers_of(seal(to.layer, "goodbye")), numbers{2});
    to.command(frame(0, "two"));
    seal(to.layer, "answer");
    open(to.layer, frame(0, "early, ") + frame(1, "in two frames"));
    to.layer.answer_early();
    EXPECT_EQ(numbers_of(seal(to.layer, "goodbye")), numbers{2});
}

TEST(CompressedTowardsClient, NoTwoFramesAreGivenTogether)
{
    compressed_client_layer layer{compression::zlib, zlib_level};
    EXPECT_EQ(open_once(layer, frame(0, "no reply") + frame(0, "wants one") + frame(1, "!")), "no reply");
    ASSERT_TRUE(layer.has_input());
    layer.begin_answer();
    EXPECT_EQ(open_once(layer, {}), "wants one");
    EXPECT_EQ(open_once(layer, {}), "!");
    EXPECT_FALSE(layer.has_input());
    layer.begin_answer();
    EXPECT_EQ(numbers_of(seal(layer, "answer")), numbers{2});
}

TEST(CompressedTowardsClient, FramesOutOfOrderEndIt)
{
    for (const int number : {1, 2, 255}) {
        compressed_client_layer layer{compression::zlib, zlib_level};
        EXPECT_EQ(open(layer, frame(static_cast<std::uint8_t>(number), "x")), "");
        ASSERT_NE(layer.fault(), nullptr) << number;
        EXPECT_EQ(layer.fault()->number, 1156);
        EXPECT_EQ(layer.fault()->sqlstate, "08S01");
        EXPECT_EQ(open(layer, frame(0, "y")), "") << "for good";
    }
    compressed_client_layer layer{compression::zlib, zlib_level};
    EXPECT_EQ(open(layer, frame(0, "x") + frame(2, "y")), "x");
    EXPECT_NE(layer.fault(), nullptr);
}

TEST(CompressedTowardsClient, WhatCannotBeDecompressedEndsItAndCanBeAnswered)
{
    towards_client to;
    to.command(frame(0, "fine"));
    EXPECT_EQ(open(to.layer, frame(0, "not compressed", 14)), "");
    ASSERT_NE(to.layer.fault(), nullptr);
    EXPECT_EQ(to.layer.fault()->number, 1157);
    EXPECT_TRUE(to.layer.fault()->detail.starts_with("Couldn't uncompress communication packet"));
    EXPECT_FALSE(to.layer.has_input());
    EXPECT_FALSE(seal(to.layer, "an error").empty());
}

TEST(CompressedTowardsServer, EachCommandBeginsAFrameOfItsOwn)
{
    compressed_server_layer layer{compression::zlib, zlib_level};
    const auto one = message(0, "set a"), two = message(0, "set b");
    const auto sent = seal(layer, one + two);
    EXPECT_EQ(sent, frame(0, one) + frame(0, two));
    EXPECT_EQ(open(layer, frame(1, "ok")), "ok");
    EXPECT_EQ(open(layer, frame(1, "ok") + frame(2, "..")), "ok..") << "of the second";
    EXPECT_EQ(layer.fault(), nullptr);
}

TEST(CompressedTowardsServer, ALongCommandGoesOutInSeveralFrames)
{
    compressed_server_layer layer{compression::zstd, usual_zstd_level};
    const auto text = message(0, prose(2 * longest_compressed_part + 100));
    EXPECT_EQ(numbers_of(seal(layer, text)), (numbers{0, 1, 2}));
    EXPECT_EQ(open(layer, frame(3, "ok")), "ok");
    EXPECT_EQ(open(layer, frame(4, "ok")), "ok");
    EXPECT_EQ(numbers_of(seal(layer, message(0, "next"))), numbers{0});
    EXPECT_EQ(open(layer, frame(5, "late")), "");
    EXPECT_EQ(layer.fault()->number, 1156);
}

TEST(CompressedTowardsServer, ACommandMayComeInPieces)
{
    compressed_server_layer layer{compression::zlib, zlib_level};
    const auto text = message(0, prose(1000));
    EXPECT_EQ(numbers_of(seal(layer, bytes{text}.substr(0, 10))), numbers{0});
    EXPECT_EQ(numbers_of(seal(layer, bytes{text}.substr(10, 500))), numbers{1});
    EXPECT_EQ(numbers_of(seal(layer, text.substr(510) + message(0, "next"))), (numbers{2, 0}));
}

TEST(CompressedTowardsServer, AFileGoesOnWhereTheServerEnded)
{
    compressed_server_layer layer{compression::zlib, zlib_level};
    seal(layer, message(0, "load"));
    EXPECT_EQ(open(layer, frame(1, "the file")), "the file");
    int number = 2;
    for (int packet = 2; packet < 600; ++packet) {  // its packets wrap around as well
        EXPECT_EQ(numbers_of(seal(layer, message(static_cast<std::uint8_t>(packet), "row"))), numbers{number & 255});
        ++number;
    }
    EXPECT_EQ(open(layer, frame(static_cast<std::uint8_t>(number), "ok")), "ok");
    EXPECT_EQ(numbers_of(seal(layer, message(0, "next"))), numbers{0});
}

TEST(CompressedTowardsServer, ACommandBehindPacket255IsACommand)
{
    compressed_server_layer layer{compression::zlib, zlib_level};
    seal(layer, message(0, "load"));
    open(layer, frame(1, "the file"));
    seal(layer, message(255, "end of the file"));
    EXPECT_EQ(open(layer, frame(3, "ok")), "ok");
    EXPECT_EQ(numbers_of(seal(layer, message(0, "next"))), numbers{0});
}

TEST(CompressedTowardsServer, FramesOfAServerAreGivenTogether)
{
    compressed_server_layer layer{compression::zstd, usual_zstd_level};
    seal(layer, message(0, "select"));
    const auto plain = prose(5000);
    EXPECT_EQ(open_once(layer, frame(1, "a") + frame(2, packed(compression::zstd, plain), 5000) + frame(3, "b")),
              "a" + plain + "b");
}

TEST(CompressedLayers, PacketsOfEveryLengthArriveAsTheyWere)
{
    for (const auto how : {compression::zlib, compression::zstd}) {
        for (const std::size_t size : {std::size_t{0},
                                       std::size_t{1},
                                       longest_compressed_part,
                                       std::size_t{longest_frame} - 1,
                                       std::size_t{longest_frame},
                                       std::size_t{longest_frame} + 1,
                                       2 * std::size_t{longest_frame}}) {
            compressed_server_layer ours{how, 1};
            compressed_client_layer theirs{how, 1};
            const auto question = message(0, std::string(size, 'q'));
            EXPECT_TRUE(open(theirs, seal(ours, question)) == question) << size;
            theirs.begin_answer();
            const auto answer = message(1, std::string(size, 'a'));
            EXPECT_TRUE(open(ours, seal(theirs, answer)) == answer) << size;
            EXPECT_EQ(ours.fault(), nullptr);
            EXPECT_EQ(theirs.fault(), nullptr);
        }
    }
}

TEST(CompressedLayers, AnyCutAndAnyRoomGivesTheSame)
{
    std::string question = message(0, prose(700)) + message(0, "short") + message(0, prose(200, 7));
    std::string sealed;
    {
        compressed_server_layer ours{compression::zlib, zlib_level};
        sealed = seal(ours, question);
    }
    for (const std::size_t room : {1U, 100U, 65536U}) {
        for (std::size_t cut = 0; cut <= sealed.size(); ++cut) {
            compressed_client_layer theirs{compression::zlib, zlib_level};
            auto found = open(theirs, bytes{sealed}.substr(0, cut), room);
            theirs.begin_answer();
            found += open(theirs, bytes{sealed}.substr(cut), room);
            ASSERT_EQ(found, question) << cut;
        }
    }
}

TEST(CompressedExchange, NumbersOfAServersPacketsMayBeginAnewAtAnyTime)
{
    using namespace test;
    const std::vector<std::string> reply{"\1", say::column("x"), say::text("1"), say::end({.status = 2 | 8})};
    const auto more = packets({"\1", say::column("x"), say::text("2"), say::end()}, 2);
    exchange compressed{modern, modern | capability::compress};
    compressed.send(ask::query("select 1; select 2"));
    EXPECT_EQ(compressed.answer(packets(reply) + more), advance_result::ok);
    EXPECT_EQ(test::numbers_of(compressed.sent_to_client()), "1,2,3,4,5,6,7,8") << "the client's go on";
    exchange plain;
    plain.send(ask::query("select 1; select 2"));
    EXPECT_EQ(plain.answer(packets(reply) + more), advance_result::violation);
}

TEST(CompressedExchange, NumbersOfAClientsFileMayBeginAnywhere)
{
    using namespace test;
    for (const auto flag : {capability::compress, capability_flags{0}}) {
        exchange talk{modern | capability::local_files | flag, modern | capability::local_files};
        talk.send(ask::query("load data local infile 'f' into table t"));
        talk.reply(
            {"\xfb"
             "f"});
        EXPECT_EQ(talk.send(packets({"a row"}, 9)), flag != 0 ? front_need::more : front_need::close);
    }
}

}  // namespace
}  // namespace penstock::mysql
