// SPDX-License-Identifier: Apache-2.0
//
// Names are resolved off the control thread, once per name at a time, and nobody waits for a silent name server.
#include "control/resolver.hpp"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace penstock::control {
namespace {

TEST(Resolver, AnswersOnTheLoopAndAsksOncePerName)
{
    loop on;
    std::promise<void> go;
    std::atomic<int> asked = 0;
    std::atomic<bool> elsewhere = false;
    const auto here = std::this_thread::get_id();
    resolver names{on, [&, may_go = go.get_future().share()](const std::string&, std::uint16_t) -> addresses {
                       ++asked;
                       elsewhere = std::this_thread::get_id() != here;
                       may_go.wait();
                       return std::vector<net::endpoint>{};
                   }};
    int answers = 0;
    const auto count = [&](const addresses& found) {
        EXPECT_EQ(std::this_thread::get_id(), here);
        EXPECT_TRUE(found.has_value());
        ++answers;
    };
    names.resolve("db", 1, count);
    names.resolve("db", 1, count);
    EXPECT_EQ(answers, 0);
    go.set_value();
    EXPECT_TRUE(on.run_until([&answers] { return answers == 2; }, seconds{5}));
    EXPECT_EQ(asked, 1);
    EXPECT_TRUE(elsewhere);
}

TEST(Resolver, DropsAnswersThatComeAfterItsEnd)
{
    auto go = std::make_shared<std::promise<void>>();
    auto done = std::make_shared<std::promise<void>>();
    {
        loop on;
        resolver names{on, [go, done](const std::string&, std::uint16_t) -> addresses {
                           go->get_future().wait();
                           done->set_value();
                           return std::vector<net::endpoint>{};
                       }};
        names.resolve("db", 1, [](const addresses&) { FAIL(); });
    }
    go->set_value();
    done->get_future().wait();
}

TEST(Resolver, ResolvesForReal)
{
    loop on;
    resolver names{on};
    std::optional<addresses> found;
    names.resolve("localhost", 5432, [&found](const addresses& answer) { found = answer; });
    ASSERT_TRUE(on.run_until([&found] { return found.has_value(); }, seconds{20}));
    ASSERT_TRUE(found->has_value());
    EXPECT_FALSE((*found)->empty());
}

TEST(AddressText, HasNoPort)
{
    EXPECT_EQ(address_text(*net::numeric_endpoint("10.1.2.3", 5432)), "10.1.2.3");
    EXPECT_EQ(address_text(*net::numeric_endpoint("::1", 5432)), "::1");
    EXPECT_EQ(address_text(*net::numeric_endpoint("/run/postgresql", 5432)), "");
}

}  // namespace
}  // namespace penstock::control
