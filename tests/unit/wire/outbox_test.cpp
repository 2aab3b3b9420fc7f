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

}  // namespace
