// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL's md5 method against values made with md5sum.
#include "protocols/postgresql/md5_auth.hpp"

#include <gtest/gtest.h>

#include <string>

namespace penstock::postgresql {
namespace {

constexpr auto hash_of_pencil = "md520c46e3762c864548e296b33c3406aa9";
constexpr auto answer_to_1234 = "md54376eb6913b38f9aaff38dc7cf19ca76";
constexpr auto salt = "\x01\x02\x03\x04";

TEST(Md5Auth, HashAndAnswer)
{
    EXPECT_EQ(md5_hash("pencil", "user"), hash_of_pencil);
    EXPECT_EQ(md5_answer("pencil", "user", salt), answer_to_1234);
    EXPECT_EQ(md5_answer(hash_of_pencil, "user", salt), answer_to_1234);
}

TEST(Md5Auth, ToldFromAClearPasswordByItsShape)
{
    EXPECT_TRUE(is_md5_hash(hash_of_pencil));
    EXPECT_FALSE(is_md5_hash(""));
    EXPECT_FALSE(is_md5_hash("md5"));
    EXPECT_FALSE(is_md5_hash("md5" + std::string(31, 'a')));
    EXPECT_FALSE(is_md5_hash("md5" + std::string(33, 'a')));
    EXPECT_FALSE(is_md5_hash("md5" + std::string(32, 'g')));
    EXPECT_FALSE(is_md5_hash("md5" + std::string(32, 'A')));
}

}  // namespace
}  // namespace penstock::postgresql
