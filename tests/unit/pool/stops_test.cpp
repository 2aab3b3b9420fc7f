// SPDX-License-Identifier: Apache-2.0
//
// What an operator has stopped, as values: which pool gives out connections, and what becomes of those who ask.
#include "pool/stops.hpp"

#include <gtest/gtest.h>

namespace penstock::pool {
namespace {

const pool_key shop{.cluster = "main", .user = "app", .database = "shop"};
const pool_key shop_on_replica{.cluster = "main", .user = "app", .database = "shop", .kind = 0, .node = "b:5432"};
const pool_key other{.cluster = "main", .user = "app", .database = "other"};

TEST(Stops, NothingIsStoppedAtFirst)
{
    EXPECT_EQ(stops{}.intake_of(shop, "a:5432"), intake::open);
}

TEST(Stops, APausedNameStopsItsPlaceOnAllNodes)
{
    stops own;
    own.pause("store", {{"main", "shop"}});
    EXPECT_EQ(own.intake_of(shop, "a:5432"), intake::paused);
    EXPECT_EQ(own.intake_of(shop_on_replica, "b:5432"), intake::paused);
    EXPECT_EQ(own.intake_of(other, "a:5432"), intake::open);
    EXPECT_TRUE(own.name_covers("store", shop));
    EXPECT_FALSE(own.name_covers("store", other));
    EXPECT_FALSE(own.name_covers("shop", shop));
    EXPECT_TRUE(own.resume("store"));
    EXPECT_FALSE(own.resume("store"));
    EXPECT_EQ(own.intake_of(shop, "a:5432"), intake::open);
}

TEST(Stops, ANameThatLeadsElsewhereStopsBothPlaces)
{
    stops own;
    own.pause("store", {{"main", "shop"}});
    own.pause("store", {{"second", "shop"}});
    EXPECT_TRUE(own.is_paused({"main", "shop"}));
    EXPECT_TRUE(own.is_paused({"second", "shop"}));
    own.resume("store");
    EXPECT_FALSE(own.is_paused({"main", "shop"}));
}

TEST(Stops, APlaceWithTwoNamesGoesOnWhenBothAreResumed)
{
    stops own;
    own.pause("store", {{"main", "shop"}});
    own.pause("shop", {{"main", "shop"}});
    own.resume("store");
    EXPECT_TRUE(own.is_paused({"main", "shop"}));
    own.resume("shop");
    EXPECT_FALSE(own.is_paused({"main", "shop"}));
}

TEST(Stops, AllAndOneAreApart)
{
    stops own;
    EXPECT_FALSE(own.resume_all());
    EXPECT_TRUE(own.pause_all());
    EXPECT_FALSE(own.pause_all());
    EXPECT_EQ(own.intake_of(other, "a:5432"), intake::paused);
    EXPECT_FALSE(own.is_named("store"));
    own.pause("store", {{"main", "shop"}});
    EXPECT_TRUE(own.resume_all());
    EXPECT_EQ(own.intake_of(other, "a:5432"), intake::open);
    EXPECT_EQ(own.intake_of(shop, "a:5432"), intake::paused);
}

TEST(Stops, WorkOfADrainedPrimaryWaitsAndThatOfAReplicaGoesElsewhere)
{
    stops own;
    EXPECT_TRUE(own.drain("a:5432"));
    EXPECT_FALSE(own.drain("a:5432"));
    EXPECT_TRUE(own.drain("b:5432"));
    EXPECT_EQ(own.intake_of(shop, "a:5432"), intake::drained);
    EXPECT_EQ(own.intake_of(shop, "c:5432"), intake::open) << "another node has become the primary";
    EXPECT_EQ(own.intake_of(shop_on_replica, "b:5432"), intake::elsewhere);
    own.pause_all();
    EXPECT_EQ(own.intake_of(shop_on_replica, "b:5432"), intake::paused) << "else it would ask in vain elsewhere";
    own.resume_all();
    EXPECT_TRUE(own.undrain("b:5432"));
    EXPECT_FALSE(own.undrain("b:5432"));
    EXPECT_EQ(own.intake_of(shop_on_replica, "b:5432"), intake::open);
}

}  // namespace
}  // namespace penstock::pool
