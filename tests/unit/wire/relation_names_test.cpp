// SPDX-License-Identifier: Apache-2.0
//
// Names of relations are found in texts as words, and those that have to be quoted in their quotes.
#include "protocols/wire/relation_names.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(RelationNames, OccurAsWordsInAnyCase)
{
    relation_names names;
    EXPECT_FALSE(names.occur_in("select a from orders"));
    EXPECT_TRUE(names.empty());
    names.add("Orders");
    names.add("grüße");
    EXPECT_FALSE(names.empty());
    for (const auto* const text : {"select a from orders",
                                   "orders",
                                   "select a from ORDERS o",
                                   "select a from \"Orders\"",
                                   "select a from app.orders",
                                   "select orders from t",
                                   "select a from`orders`",
                                   "select a from grüße"}) {
        EXPECT_TRUE(names.occur_in(text)) << text;
    }
    for (const auto* const text :
         {"", "select a from order", "select a from my_orders", "select a from orders2", "select a from grüße_"}) {
        EXPECT_FALSE(names.occur_in(text)) << text;
    }
}

TEST(RelationNames, ThatHaveToBeQuotedOccurInQuotes)
{
    relation_names names;
    names.add("last orders");
    names.add("a\"b");
    for (const auto* const text : {"select a from \"last orders\"",
                                   "select a from `Last Orders`",
                                   "select a from x.\"a\"\"b\" c",
                                   "select a from `a\"b`"}) {
        EXPECT_TRUE(names.occur_in(text)) << text;
    }
    for (const auto* const text : {"select last orders", "select a from \"my last orders\"", "select a b"}) {
        EXPECT_FALSE(names.occur_in(text)) << text;
    }
}

}  // namespace
}  // namespace penstock
