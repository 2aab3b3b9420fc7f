// SPDX-License-Identifier: Apache-2.0
//
// A client's file in packets of the length where one frame becomes two: an empty frame behind a full one ends the
// packet, not the file.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

#include <string>

namespace penstock::mysql::test {
namespace {

TEST(LargeFile, AnEmptyFrameBehindAFullOneEndsThePacketOnly)
{
    constexpr auto flags = modern | capability::local_files;
    for (const std::size_t size :
         {longest_frame - 1U, longest_frame + 0U, longest_frame + 1U, 2 * longest_frame + 0U}) {
        exchange talk{flags, flags};
        talk.send(ask::query("load data local infile 'f' into table t"));
        talk.reply(
            {"\xfb"
             "f"});
        talk.sent_to_server();
        std::string file;
        auto number = append_packet(file, 2, std::string(size, 'x'));
        talk.send(file);
        EXPECT_TRUE(talk.server->wants_file()) << size;
        number = append_packet(file, number, "more");
        std::string more;
        append_packet(more, static_cast<std::uint8_t>(number - 1), "more");
        talk.send(more);
        EXPECT_TRUE(talk.server->wants_file()) << size;
        EXPECT_TRUE(talk.sent_to_server() == file) << size;
        EXPECT_EQ(talk.send(packets({""}, number)), front_need::more);
        EXPECT_FALSE(talk.server->wants_file()) << size;
        EXPECT_EQ(talk.answer(packets({say::ok({.affected = 2})}, static_cast<std::uint8_t>(number + 1))),
                  advance_result::ok)
            << size;
        EXPECT_TRUE(talk.server->is_quiet());
    }
}

}  // namespace
}  // namespace penstock::mysql::test
