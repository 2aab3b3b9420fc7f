// SPDX-License-Identifier: Apache-2.0
//
// config/penstock.toml and docs/configuration.md: complete, and telling the truth about defaults.
#include "settings/describe.hpp"
#include "settings/suggest.hpp"
#include "support.hpp"

#include <regex>
#include <sstream>

namespace penstock::settings {
namespace {

std::string read(const std::string& path_in_repository)
{
    const auto root = std::filesystem::path{__FILE__}.parent_path() / ".." / ".." / "..";
    const std::ifstream file{root / path_in_repository};
    EXPECT_TRUE(file) << path_in_repository;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

const environment example_variables =
    variables({{"APP_PASSWORD", "x"}, {"AUTH_QUERY_PASSWORD", "x"}, {"MONITOR_PASSWORD", "x"}});

/// "#name = value" lines become settings, and "#[[table]]" tables.
std::string uncommented(const std::string& toml)
{
    return std::regex_replace(toml, std::regex{R"((^|\n)#([a-z_]+ = |\[\[))"}, "$1$2");
}

/// The reference's keys by table, as known_keys() names them, active or commented.
std::vector<std::string> keys_of(const std::string& toml)
{
    std::vector<std::string> keys;
    std::string table;
    std::istringstream lines{toml};
    for (std::string line; std::getline(lines, line);) {
        std::smatch found;
        if (std::regex_search(line, found, std::regex{R"(^#?\[+([a-z_]+)\]+)"})) {
            table = found[1].str() + '.';
        } else if (std::regex_search(line, found, std::regex{"^#?([a-z_]+) = "})) {
            keys.push_back(table + found[1].str());
        }
    }
    return keys;
}

TEST(Reference, LoadsToTheDefaults)
{
    const auto [all, faults] = load_text(read("config/penstock.toml"), "penstock.toml", example_variables);
    ASSERT_EQ(all_texts(faults), "");
    tree expected;
    expected.clusters.push_back({.nodes = {{{"127.0.0.1", default_postgresql_port}}}});
    expected.databases.push_back({});
    expected.users.push_back({.name = "app", .password = secret{"x"}});
    EXPECT_EQ(all, expected);
    for (const auto& line : describe(all)) {
        if (line.key != "cluster[main].nodes" && line.key != "user[app].name" && line.key != "user[app].password") {
            EXPECT_EQ(line.value, line.default_value) << line.key;
        }
    }
}

TEST(Reference, HasEveryKeyInTheOrderOfTheLoader)
{
    EXPECT_EQ(keys_of(read("config/penstock.toml")), known_keys());
}

TEST(Reference, ExamplesInCommentsAreGoodToo)
{
    const auto text = uncommented(read("config/penstock.toml"));
    for (const auto& fault : load_text(text, "penstock.toml", example_variables).faults) {
        EXPECT_NE(fault.text().find("No such file"), std::string::npos) << fault.text();
    }
}

TEST(Documentation, HasEveryKeyWithItsDefault)
{
    const auto text = read("docs/configuration.md");
    tree one_of_each;
    one_of_each.clusters.emplace_back();
    one_of_each.databases.emplace_back();
    one_of_each.users.emplace_back();
    std::string heading;
    for (const auto& line : describe(one_of_each)) {
        const auto key = without_indices(line.key);
        const auto dot = key.find('.');
        const auto table = dot == std::string::npos ? std::string{"top"} : key.substr(0, dot);
        const auto from = text.find("<a id=\"" + table + "\"></a>");
        ASSERT_NE(from, std::string::npos) << "no section for " << table;
        const auto section = text.substr(from, text.find("<a id=", from + 1) - from);
        const auto row = section.find("\n| `" + key.substr(dot == std::string::npos ? 0 : dot + 1) + "` | ");
        ASSERT_NE(row, std::string::npos) << key << " has no row in the documentation";
        const auto row_text = section.substr(row + 1, section.find('\n', row + 1) - row - 1);
        if (!line.default_value.empty()) {
            EXPECT_NE(row_text.find("| `" + line.default_value + "` |"), std::string::npos)
                << key << ' ' << line.default_value << '\n'
                << row_text;
        }
        EXPECT_EQ(row_text.find("| restart |") != std::string::npos, !line.on_reload) << row_text;
    }
}

}  // namespace
}  // namespace penstock::settings
