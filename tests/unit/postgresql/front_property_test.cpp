// SPDX-License-Identifier: Apache-2.0
//
// Random programs through shared servers must look to their clients as they do on a server of their own.
#include "tests/support/exchange_world.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <utility>

using namespace penstock;
using namespace penstock::test;

namespace {

/// Writes the programs of clients.
class author {
public:
    explicit author(std::uint32_t seed) : random_{seed}, uses_transactions_{chance(2)} {}

    exchange_world::program program(std::size_t steps)
    {
        exchange_world::program made;
        for (std::size_t place = 0; place < steps; ++place) {
            const bool waits = changed_names_ || chance(2);
            const bool begins_with_unnamed = changed_unnamed_ && !waits;
            changed_names_ = false;
            changed_unnamed_ = changed_unnamed_ && !waits;
            auto octets = begins_with_unnamed ? unnamed_first() : step();
            made.push_back({.octets = std::move(octets), .waits = waits || (changed_names_ && uses_transactions_)});
        }
        made.push_back({.octets = wire::sync() + wire::query("ROLLBACK"), .waits = true});
        made.push_back({.octets = wire::query("DEALLOCATE ALL"), .waits = true});  // ends what is pinned
        made.push_back(
            {.octets = wire::query("SHOW work_mem;SHOW timezone;SHOW application_name;SHOW my.own"), .waits = true});
        return made;
    }

private:
    bool chance(std::uint32_t of) { return random_() % of == 0; }

    template <std::size_t N>
    std::string any(const char* const (&list)[N])
    {
        return list[random_() % N];
    }

    std::string name() { return any({"a", "b", "c"}); }

    /// Whoever uses a name before knowing what became of it may be better off here than on a server of their own, where
    /// the batch that was to define it has failed.
    std::string changed_name()
    {
        changed_names_ = true;
        return name();
    }

    std::string step()
    {
        switch (random_() % 12) {
            case 0:
            case 1:
            case 2: return wire::query(simple_text());
            case 3: return copy();
            case 10: return wire::query(text_with_names());
            case 11: return wire::query(text_with_names() + ";" + (chance(3) ? one_text() : text_with_names()));
            case 4:
                changed_names_ = true;
                return wire::query(any({"DEALLOCATE a", "DEALLOCATE b", "DEALLOCATE ALL", "DISCARD ALL", "RESET ALL"}));
            default: return batch();
        }
    }

    /// Where it depends on what was skipped what the unnamed statement is, the answers are waited for; but not amid a
    /// batch.
    std::string unnamed_first()
    {
        return wire::bind("", "", {"x"}) + wire::describe('P', "") + wire::execute() + message() + wire::sync();
    }

    std::string simple_text()
    {
        auto text = one_text();
        while (chance(4)) {
            text += ";" + one_text();
        }
        return chance(6) ? any({"RESET work_mem", "RESET timezone", "RESET my.own", ""}) : text;
    }

    std::string one_text()
    {
        if (chance(3)) {
            return transaction_text();
        }
        return chance(2) ? setting_text() : any({"SELECT 1", "SELECT 2", "SELECT 3", "SELECT boom", "BAD"});
    }

    std::string transaction_text()
    {
        return !uses_transactions_
                   ? "SELECT 7"
                   : any({"BEGIN", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT x", "ROLLBACK TO x", "RELEASE x"});
    }

    std::string setting_text()
    {
        return any({"SET work_mem = '1MB'",
                    "SET work_mem = '2MB'",
                    "SET timezone = 'Asia/Tokyo'",
                    "SET LOCAL work_mem = '3MB'",
                    "SET LOCAL timezone = 'CET'",
                    "SET application_name = 'it''s'",
                    "SET my.own = 'mine'",
                    "SET work_mem = 'impossible'",
                    "SHOW work_mem",
                    "SHOW timezone",
                    "SHOW my.own"});
    }

    std::string batch()
    {
        std::string octets;
        const auto messages = 1 + random_() % 6;
        for (std::size_t place = 0; place < messages; ++place) {
            octets += message();
            changed_unnamed_ = true;
            octets += chance(10) ? wire::flush() : "";
        }
        if (chance(12)) {
            octets += wire::query(one_text());
        }
        return octets + wire::sync();
    }

    std::string message()
    {
        switch (random_() % 14) {
            case 12: return wire::parse("", text_with_names()) + wire::bind("", "") + wire::execute();
            case 13: return wire::parse(changed_name(), "EXECUTE " + name());
            case 0: return wire::parse(changed_name(), one_text());
            case 1: return wire::parse(changed_name(), "SELECT " + std::to_string(random_() % 12));
            case 2: return chance(4) ? deallocation() : wire::parse("", one_text());
            case 3: return wire::bind("", "", {"x"}) + wire::execute();
            case 4: return wire::bind("", name(), {"value"}) + wire::describe('P', "") + wire::execute();
            case 5: return wire::close('S', changed_name());
            case 6: return wire::close('S', "");
            case 7: return wire::describe('S', chance(3) ? "" : name());
            case 8: {
                const auto made = changed_name();
                return wire::close('S', made) + wire::parse(made, one_text()) + wire::bind("", made) + wire::execute();
            }
            case 9:
                return wire::parse("", "SELECT three") + wire::bind("p", "") + wire::execute("p", 2) +
                       wire::execute("p", 2);
            case 10: return chance(2) ? wire::execute("p", 1) : wire::close('P', "p");
            default:
                return wire::parse("", one_text()) + wire::bind("", "") + wire::describe('P', "") + wire::execute();
        }
    }

    std::string text_with_names()
    {
        switch (random_() % 5) {
            case 0: return "PREPARE " + changed_name() + " AS SELECT 'sql " + std::to_string(random_() % 12) + "'";
            case 1:
                return "PREPARE " + changed_name() + " AS SELECT pg_catalog.set_config(E'work_mem',E'" +
                       std::to_string(5 + random_() % 4) + "MB',false)";
            case 2: return "DEALLOCATE " + changed_name();
            default: return "EXECUTE " + name();
        }
    }

    std::string deallocation()
    {
        return wire::parse("", "DEALLOCATE " + changed_name()) +
               (chance(3) ? "" : wire::bind("", "") + wire::execute());
    }

    std::string copy()
    {
        std::string data;
        while (!chance(3)) {
            data += wire::copy_data(chance(6) ? "bad" : "good");
        }
        data += chance(5) ? wire::copy_fail("no") : wire::copy_done();
        if (chance(2)) {
            return wire::query(chance(3) ? "COPY t TO STDOUT" : "COPY t FROM STDIN") + data;
        }
        const auto start = wire::parse("", "COPY t FROM STDIN") + wire::bind("", "") + wire::execute();
        const auto forget = wire::parse("", "SELECT 4") + wire::sync();  // lest it is run again and no data comes
        return start + (chance(2) ? wire::sync() : "") + data + wire::sync() + forget;
    }

    std::mt19937 random_;
    bool uses_transactions_;  ///< then nothing is prepared before it is known whether the transaction has failed
    bool changed_names_ = false;
    bool changed_unnamed_ = false;
};

std::string shown(const std::vector<std::string>& replies)
{
    std::string text;
    for (const auto& reply : replies) {
        text += reply.starts_with("error") ? "[" + reply + "]" : std::string{reply[0]};
        if (reply[0] == 'Z') {
            text += reply[5];
            text += ' ';
        }
    }
    return text;
}

void run_seed(std::uint32_t seed)
{
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    exchange_world world{seed, 1 + random() % 3, 2 + random() % 4};
    const auto clients = 1 + random() % 3;
    for (std::size_t place = 0; place < clients; ++place) {
        parameter_list startup;
        if (random() % 2 == 0) {
            startup = {{"timezone", "Europe/Berlin"}, {"application_name", "app " + std::to_string(place)}};
        }
        author writer{static_cast<std::uint32_t>(random())};
        world.add_client(startup, writer.program(12));
    }
    ASSERT_TRUE(world.run()) << world.failure();
    for (std::size_t place = 0; place < world.size(); ++place) {
        SCOPED_TRACE("client " + std::to_string(place));
        ASSERT_EQ(shown(world.seen(place).replies), shown(world.wanted(place).replies));
        ASSERT_EQ(world.seen(place).replies, world.wanted(place).replies);
        ASSERT_EQ(world.seen(place).told, world.wanted(place).told);
    }
    EXPECT_LE(world.most_server_statements(), 6U);
}

/// PENSTOCK_SEEDS=from:to runs others.
TEST(FrontProperty, ProgramsSeeWhatTheyWouldSeeOnServersOfTheirOwn)
{
    std::uint32_t from = 1;
    std::uint32_t to = 300;
    if (const char* chosen = std::getenv("PENSTOCK_SEEDS")) {
        char* end = nullptr;
        from = static_cast<std::uint32_t>(std::strtoul(chosen, &end, 10));
        to = *end == ':' ? static_cast<std::uint32_t>(std::strtoul(end + 1, nullptr, 10)) : from;
    }
    for (auto seed = from; seed <= to && !HasFailure(); ++seed) {
        run_seed(seed);
    }
}

}  // namespace
