// SPDX-License-Identifier: Apache-2.0
//
// What is sent is in order, and is copied only where it has to be.
#include "protocols/wire/outbox.hpp"

#include <gtest/gtest.h>

using namespace penstock;

namespace {

TEST(Outbox, PassesOctetsThatFollowEachOtherWithoutACopy)
{
    const std::string input = "abcdef";
    std::string scratch;
    outbox box{scratch};
    EXPECT_TRUE(box.empty());
    box.pass(bytes{input}.substr(0, 2));
    box.pass({});
    box.pass(bytes{input}.substr(2, 3));
    EXPECT_EQ(box.contents(), "abcde");
    EXPECT_EQ(box.contents().data(), input.data());
    EXPECT_TRUE(scratch.empty());
}

TEST(Outbox, CopiesWhereSomethingIsLeftOutOrPutIn)
{
    const std::string input = "abcdef";
    std::string scratch;
    outbox box{scratch};
    box.pass(bytes{input}.substr(0, 2));
    box.pass(bytes{input}.substr(3, 1));
    EXPECT_EQ(box.contents(), "abd");
    box.made().append("!");
    box.pass(bytes{input}.substr(4));
    EXPECT_EQ(box.contents(), "abd!ef");
}

TEST(Outbox, WhatIsMadeComesBehindWhatWasPassed)
{
    const std::string input = "abc";
    std::string scratch;
    outbox box{scratch};
    box.made().append("1");
    box.pass(input);
    box.made().append("2");
    EXPECT_EQ(box.contents(), "1abc2");
}

TEST(Outbox, NothingGoesOnFromThePlaceOfAnEmptyPiece)
{
    const std::string input = "abc";
    std::string scratch;
    outbox box{scratch};
    box.pass(bytes{input}.substr(0, 0));
    box.made().append("1");
    box.pass(input);
    EXPECT_EQ(box.contents(), "1abc");
}

TEST(Outbox, LeavesTheScratchEmpty)
{
    std::string scratch;
    {
        outbox box{scratch};
        box.made().append("x");
    }
    EXPECT_TRUE(scratch.empty());
    {
        outbox box{scratch};
        box.made().append(1'000'000, 'x');
        box.clear();
        EXPECT_TRUE(box.empty());
    }
    EXPECT_LT(scratch.capacity(), 300'000U);
}

TEST(Outbox, OctetsMayBeChangedWhereTheyAreInTheReceiveBuffer)
{
    std::string buffer = "....abcdef";
    const std::string other = "abcdef";
    std::string scratch;
    outbox box{scratch, buffer};
    const auto whole = bytes{buffer}.substr(4);
    EXPECT_EQ(box.editable(whole), buffer.data() + 4);
    EXPECT_EQ(box.editable(whole.substr(2, 3)), buffer.data() + 6);
    EXPECT_EQ(box.editable(whole, 4), buffer.data() + 4);
    EXPECT_EQ(box.editable(whole, 5), nullptr);
    EXPECT_EQ(box.editable(other), nullptr);
    EXPECT_EQ(box.editable({buffer.data() + 9, 2}), nullptr);
    EXPECT_EQ(outbox{scratch}.editable(whole), nullptr);
    EXPECT_EQ(outbox{scratch}.editable({}), nullptr);
}

TEST(Outbox, NothingThatWasPassedIsRoomForWhatComesBehind)
{
    std::string buffer = "....abcdef";
    std::string scratch;
    outbox box{scratch, buffer};
    const auto whole = bytes{buffer}.substr(4);
    box.pass(whole.substr(0, 3));
    EXPECT_EQ(box.editable(whole.substr(3), 1), nullptr);
    EXPECT_EQ(box.editable(whole.substr(3)), buffer.data() + 7);
    box.made().append("!");
    EXPECT_EQ(box.editable(whole.substr(3), 1), nullptr);
}

}  // namespace
