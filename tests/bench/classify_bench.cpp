// SPDX-License-Identifier: Apache-2.0
//
// What it costs to tell a statement's class when its shape is known: making the shape and finding it. ./dev bench
// classify
//
// The best of many rounds counts, since what disturbs a round can only make it longer. Statements have about a hundred
// octets. Exits with 1 where the bound is broken.
#include "protocols/mysql/classifier.hpp"
#include "protocols/mysql/shape.hpp"
#include "protocols/postgresql/classifier.hpp"
#include "protocols/postgresql/shape.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

using namespace penstock;

constexpr double most_nanoseconds = 300;
constexpr int rounds = 400;
constexpr int calls_per_round = 500;

constexpr std::string_view statements[] = {
    "SELECT id, name, email, created_at FROM customers WHERE id = 48211 AND deleted_at IS NULL ORDER BY id LIMIT 1",
    "select c from sbtest1 where id=4999 and k between 100200 and 100300 and pad <> 'abcdefghijkl' order by c, id",
    "SELECT o.id, o.total FROM orders o JOIN items i ON i.order_id = o.id WHERE o.customer = 7 AND i.sku = 'A-77'",
    "SELECT count(*), sum(amount) FROM ledger.entries WHERE account IN (1, 2, 3, 4, 5) AND day >= '2026-11-01'",
};

struct hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using known_shapes = std::unordered_map<std::string, statement_class, hash, std::equal_to<>>;

/// The best nanoseconds per call of a function.
double measure(const std::function<void()>& call)
{
    double best = 1e9;
    for (int round = 0; round < rounds; ++round) {
        const auto begun = std::chrono::steady_clock::now();
        for (int count = 0; count < calls_per_round; ++count) {
            call();
        }
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begun;
        best = std::min(best, took.count() / calls_per_round);
    }
    return best;
}

/// Prints a line per statement; true where all are within the bound.
template <class Mode, class MakeShape, class Classify>
bool report(const char* dialect, const Mode& mode, MakeShape make_shape, Classify classify)
{
    known_shapes known;
    std::string shape;
    for (const auto text : statements) {
        if (!make_shape(text, mode, shape).understood || !(known[shape] = classify(shape, mode)).reads_only()) {
            std::printf("%s: no read: %.*s\n", dialect, static_cast<int>(text.size()), text.data());
            return false;
        }
    }
    bool within = true;
    for (const auto text : statements) {
        volatile std::size_t sink = 0;
        const auto shaping = measure([&] { sink = make_shape(text, mode, shape).understood ? shape.size() : 0; });
        const auto whole = measure([&] {
            static_cast<void>(make_shape(text, mode, shape));
            const auto found = known.find(std::string_view{shape});
            sink = found != known.end() && found->second.reads_only() ? 1 : 0;
        });
        const auto miss = measure([&, calls = 0]() mutable {
            if (calls++ % calls_per_round == 0) {
                sink = classify(shape, mode).functions.size();
            }
        });
        std::printf("%-10s  %3zu octets  shape %4.0f ns  shape and hit %4.0f ns  miss %6.0f ns\n",
                    dialect,
                    text.size(),
                    shaping,
                    whole,
                    miss * calls_per_round);
        within = within && whole <= most_nanoseconds;
    }
    return within;
}

}  // namespace

int main()
{
    const bool postgresql = report("postgresql", lexical_mode{}, postgresql::make_shape, postgresql::classify);
    const bool mysql = report("mysql", mysql::sql_reading{}, mysql::make_shape, mysql::classify);
    std::printf("bound: %.0f ns for shape and hit: %s\n", most_nanoseconds, postgresql && mysql ? "kept" : "BROKEN");
    return postgresql && mysql ? 0 : 1;
}
