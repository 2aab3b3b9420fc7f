// SPDX-License-Identifier: Apache-2.0
//
// What Penstock thinks of statements, for tests in Python that then run them: statement_judge name=value... reads a
// text per line and prints "class harmless functions" for each, with the functions of a real server's catalogue.
//
// Names: engine (postgresql, mysql), host, address, port, user, password, database, schema (of the search path; may be
// repeated).
#include "control/catalog.hpp"
#include "control/sql_clients.hpp"
#include "protocols/mysql/classifier.hpp"
#include "protocols/postgresql/classifier.hpp"

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace penstock;

struct request {
    control::sql_target target{};
    std::vector<std::string> search_path{};
};

void set(request& into, std::string_view name, const std::string& value)
{
    auto& target = into.target;
    if (name == "engine") {
        target.engine = value == "mysql" ? engine::mysql : engine::postgresql;
    } else if (name == "host") {
        target.host = value;
    } else if (name == "address") {
        target.addresses.push_back(value);
    } else if (name == "port") {
        target.port = static_cast<std::uint16_t>(std::stoul(value));
    } else if (name == "user") {
        target.user = value;
    } else if (name == "password") {
        target.password = secret{value};
    } else if (name == "database") {
        target.database = value;
    } else if (name == "schema") {
        into.search_path.push_back(value);
    }
}

statement_class class_of(const std::string& text, engine of)
{
    if (of == engine::mysql) {
        return mysql::classify(text, {.utf8 = true});
    }
    return postgresql::classify(text, {});
}

void judge(const std::string& text, const request& what, const function_catalogue& functions)
{
    const auto found = class_of(text, what.target.engine);
    std::cout << name_of(found.obstacle) << (is_plain_read(found, functions, what.search_path) ? " yes" : " no");
    for (const auto& each : found.functions) {
        std::cout << ' ' << each.schema << (each.schema.empty() ? "" : ".") << each.name;
    }
    std::cout << '\n';
}

}  // namespace

int main(int count, char** values)
{
    request what;
    for (const std::string_view given : std::vector<std::string_view>{values + 1, values + count}) {
        const auto equals = given.find('=');
        set(what, given.substr(0, equals), std::string{given.substr(equals + 1)});
    }
    control::loop on;
    control::catalog_surroundings around;
    around.make_client = control::sql_clients(on);
    around.where_to_ask = [&what](const control::catalog_key&) { return what.target; };
    control::catalog catalog{on, {}, std::move(around)};
    const control::catalog_key key{"main", what.target.database};
    catalog.watch(key);
    if (!on.run_until([&] { return catalog.current(key) != nullptr; }, seconds{20})) {
        std::cerr << "the catalogue of functions cannot be read" << std::endl;
        return 1;
    }
    const auto functions = catalog.current(key);
    for (std::string text; std::getline(std::cin, text);) {
        judge(text, what, *functions);
    }
    return 0;
}
