// SPDX-License-Identifier: Apache-2.0
//
// Prometheus text of our own families and of the counters.
#include "telemetry/metrics.hpp"

#include <gtest/gtest.h>

#include <array>
#include <regex>
#include <set>
#include <sstream>

namespace penstock::telemetry {
namespace {

bool has_line(const std::string& text, std::string_view line)
{
    std::istringstream lines{text};
    for (std::string one; std::getline(lines, one);) {
        if (one == line) {
            return true;
        }
    }
    return false;
}

totals some_totals()
{
    worker_counters worker;
    auto& pool = worker.of_pool({"main", "app", "shop"});
    pool.queries.add(42);
    pool.count_pin(1);
    pool.count_pin(9);
    pool.count_discard(discard_reason::idle);
    pool.wait_time.add(100);
    pool.wait_time.add(1'000'000);
    worker.process.clients_accepted.add(7);
    worker.process.count_login_failure(error_kind::wrong_password);
    totals sum;
    worker.add_to(sum);
    return sum;
}

constexpr auto pin_names = std::to_array<std::string_view>({"temp_table", "listen"});

TEST(PrometheusText, WritesGaugesWithHelpAndLabels)
{
    metric_family family{"penstock_up", "Whether it runs", metric_kind::gauge};
    family.samples.push_back({.labels = {{"node", "a"}}, .value = 1});
    const auto text = prometheus_text({family});
    EXPECT_TRUE(has_line(text, "# HELP penstock_up Whether it runs")) << text;
    EXPECT_TRUE(has_line(text, "# TYPE penstock_up gauge")) << text;
    EXPECT_TRUE(has_line(text, "penstock_up{node=\"a\"} 1")) << text;
}

TEST(PrometheusText, EscapesLabelsAndMakesThemUtf8)
{
    metric_family family{"penstock_x", "x", metric_kind::gauge};
    family.samples.push_back({.labels = {{"user", "a\"b\\c\nd\xFF"}}, .value = 1});
    const auto text = prometheus_text({family});
    EXPECT_TRUE(has_line(text, "penstock_x{user=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\"} 1")) << text;
}

TEST(PrometheusText, LeavesEmptyFamiliesOut)
{
    EXPECT_EQ(prometheus_text({metric_family{"penstock_none", "none", metric_kind::counter}}), "");
}

TEST(CounterFamilies, TellWhatWasCounted)
{
    const auto text = prometheus_text(counter_families(some_totals(), pin_names));
    const std::string pool = R"({cluster="main",user="app",database="shop")";
    EXPECT_TRUE(has_line(text, "penstock_query_requests_total" + pool + "} 42")) << text;
    EXPECT_TRUE(has_line(text, "penstock_client_connections_received_total 7")) << text;
    EXPECT_TRUE(has_line(text, R"(penstock_client_connections_setup_failed_total{error="wrong_password"} 1)")) << text;
    EXPECT_TRUE(has_line(text, "penstock_pins_total" + pool + ",reason=\"listen\"} 1")) << text;
    EXPECT_TRUE(has_line(text, "penstock_pins_total" + pool + ",reason=\"other\"} 1")) << text;
    EXPECT_TRUE(has_line(text, "penstock_database_connections_closed_total" + pool + ",reason=\"idle\"} 1")) << text;
}

TEST(CounterFamilies, TimesAreHistogramsInSeconds)
{
    const auto text = prometheus_text(counter_families(some_totals(), pin_names));
    const std::string name = "penstock_database_connections_borrow_latency_seconds";
    const std::string pool = R"({cluster="main",user="app",database="shop")";
    EXPECT_TRUE(has_line(text, name + "_bucket" + pool + ",le=\"0.000128\"} 1")) << text;
    EXPECT_TRUE(has_line(text, name + "_bucket" + pool + ",le=\"134.217728\"} 2")) << text;
    EXPECT_TRUE(has_line(text, name + "_bucket" + pool + ",le=\"+Inf\"} 2")) << text;
    EXPECT_TRUE(has_line(text, name + "_count" + pool + "} 2")) << text;
    EXPECT_TRUE(has_line(text, name + "_sum" + pool + "} 1.0001")) << text;
}

TEST(CounterFamilies, HaveUniqueWellFormedNames)
{
    const std::regex well_formed{"penstock_[a-z_]+"};
    std::set<std::string> names;
    for (const auto& family : counter_families(some_totals(), pin_names)) {
        EXPECT_TRUE(names.insert(family.name).second) << family.name;
        EXPECT_TRUE(std::regex_match(family.name, well_formed)) << family.name;
        EXPECT_EQ(family.kind == metric_kind::counter, family.name.ends_with("_total")) << family.name;
        EXPECT_FALSE(family.help.empty());
    }
}

}  // namespace
}  // namespace penstock::telemetry
