// SPDX-License-Identifier: Apache-2.0
//
// The command line: what is to be done, with which settings, and the exit status. 0 went well, 1 could not start or is
// unhealthy, 2 the settings or the command line are wrong.
#include "admin/health.hpp"
#include "app/application.hpp"
#include "app/explain.hpp"
#include "settings/load.hpp"
#include "settings/lookup.hpp"
#include "settings/url.hpp"
#include "settings/values.hpp"
#include "telemetry/log.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

namespace {

using namespace penstock;

/// Where the settings come from, and what the command line changes in them.
struct arguments {
    std::string url;
    std::string file;
    std::vector<std::string> listen;
    std::vector<std::string> admin;
    std::optional<unsigned> workers;
};

std::string text_of(const settings::fault_list& faults)
{
    std::string text;
    for (const auto& each : faults) {
        text.append(text.empty() ? "" : "\n").append(each.text());
    }
    return text;
}

outcome<settings::tree> load(const arguments& given)
{
    auto loaded = given.file.empty() ? settings::from_url(given.url) : settings::load_file(given.file);
    if (!loaded.ok()) {
        return client_error{error_kind::internal, text_of(loaded.faults), {}};
    }
    const auto replace = [](const std::vector<std::string>& texts,
                            std::uint16_t default_port,
                            std::vector<settings::address>& addresses) {
        if (texts.empty()) {
            return std::string{};
        }
        addresses.clear();
        for (const auto& text : texts) {
            auto address = settings::parse_address(text, default_port);
            if (!address) {
                return "\"" + text + "\" is no address to listen on; write host:port or unix:/folder:port";
            }
            addresses.push_back(*address);
        }
        return std::string{};
    };
    const bool of_mysql = settings::has_engine(loaded.settings, engine::mysql);
    if (of_mysql && settings::has_engine(loaded.settings, engine::postgresql) && !given.listen.empty()) {
        return client_error{
            error_kind::internal, "--listen is for one engine; the settings have both: use [listen]", {}};
    }
    auto fault = of_mysql ? replace(given.listen, settings::default_mysql_listen_port, loaded.settings.listen.mysql)
                          : replace(given.listen, settings::default_listen_port, loaded.settings.listen.postgresql);
    if (fault.empty()) {
        fault = replace(given.admin, settings::default_admin_port, loaded.settings.admin.listen);
    }
    if (!fault.empty()) {
        return client_error{error_kind::internal, fault, {}};
    }
    if (given.workers) {
        loaded.settings.workers = *given.workers;
    }
    return std::move(loaded.settings);
}

int serve(const arguments& given)
{
    auto settings = load(given);
    if (!settings) {
        std::cerr << "penstock: " << settings.error().detail << std::endl;
        return 2;
    }
    log::configure(settings->logging);
    app::application application{
        *settings, [given] { return load(given); }, [](const std::string& line) { std::cout << line << std::endl; }};
    const auto started = application.start();
    if (!started) {
        std::cerr << "penstock: " << started.error().detail << std::endl;
        return 1;
    }
    return application.run();
}

int check(const std::string& file)
{
    const auto faults = settings::check(file);
    if (!faults.empty()) {
        std::cerr << text_of(faults) << std::endl;
        return 2;
    }
    std::cout << file << ": no faults" << std::endl;
    return 0;
}

/// Without a settings file nobody has said where anything goes, so reads are taken to be let to replicas.
int explain(const admin::route_question& question, const std::string& file)
{
    settings::tree all;
    if (!file.empty()) {
        auto loaded = settings::load_file(file);
        if (!loaded.ok()) {
            std::cerr << text_of(loaded.faults) << std::endl;
            return 2;
        }
        all = std::move(loaded.settings);
    }
    const auto [in, fault] =
        app::context_of(file.empty() ? admin::route_question{.dialect = question.dialect} : question, all, {});
    if (!fault.empty()) {
        std::cerr << "penstock: " << fault << std::endl;
        return 2;
    }
    std::cout << app::in_lines(app::explain(question.statement, in));
    return 0;
}

/// Which admin port is meant: said, in the settings file, in the environment, or the usual one.
outcome<settings::address> admin_port(const std::string& said, const std::string& file)
{
    const char* const from_environment = std::getenv("PENSTOCK_ADMIN");
    std::string text = said;
    if (text.empty() && !file.empty()) {
        const auto loaded = settings::load_file(file);
        if (!loaded.ok()) {
            return client_error{error_kind::internal, text_of(loaded.faults), {}};
        }
        if (loaded.settings.admin.listen.empty()) {
            return client_error{error_kind::internal, file + ": [admin] listen is empty: there is no admin port", {}};
        }
        return loaded.settings.admin.listen.front();
    }
    if (text.empty()) {
        text = from_environment != nullptr && *from_environment != '\0' ? from_environment : "127.0.0.1";
    }
    auto address = settings::parse_address(text, settings::default_admin_port);
    if (!address) {
        return client_error{error_kind::internal, "\"" + text + "\" is no address; write host:port", {}};
    }
    return *address;
}

int health(const std::string& said, const std::string& file)
{
    const auto where = admin_port(said, file);
    if (!where) {
        std::cerr << "penstock: " << where.error().detail << std::endl;
        return 1;
    }
    const auto answer = admin::ask_health(*where);
    (answer.healthy ? std::cout : std::cerr) << "penstock at " << answer.text << std::endl;
    return answer.healthy ? 0 : 1;
}

}  // namespace

int main(int count, char** values)
{
    CLI::App parser{"Penstock: a connection-pooling proxy for databases", "penstock"};
    parser.set_version_flag("--version", std::string{"penstock "} + PENSTOCK_VERSION);
    arguments given;
    parser.add_option(
        "url", given.url, "postgres://user:password@host[:port][,host...]/database (or PENSTOCK_UPSTREAM)");
    parser.add_option("-c,--config", given.file, "settings file (config/penstock.toml is the reference)");
    parser.add_option("--listen", given.listen, "listen here instead: host:port or unix:/folder:port (repeatable)");
    parser.add_option("--admin", given.admin, "the admin port, instead of 127.0.0.1:6430");
    parser.add_option("--workers", given.workers, "threads; 0: one per core");

    std::string checked;
    auto* const check_command = parser.add_subcommand("check", "validate a settings file: every fault with its line");
    check_command->add_option("file", checked, "the settings file")->required();
    std::string asked;
    std::string asked_file;
    auto* const health_command = parser.add_subcommand("health", "ask a running Penstock; status 0 while it lives");
    health_command->add_option("--admin", asked, "its admin port (or PENSTOCK_ADMIN; else 127.0.0.1:6430)");
    health_command->add_option("-c,--config", asked_file, "the settings file that names its admin port");
    std::string explained_file;
    admin::route_question question;
    bool of_mysql = false;
    auto* const explain_command =
        parser.add_subcommand("explain", "what a statement is to Penstock: its class, functions, hint, pins and route");
    explain_command->add_option("statement", question.statement, "the text; several statements count as the strictest")
        ->required();
    explain_command->add_flag("--mysql", of_mysql, "read it as MySQL and MariaDB do, not as PostgreSQL does");
    explain_command->add_option("-c,--config", explained_file, "the settings file, whose rules count");
    explain_command->add_option("--database", question.database, "as clients call it");
    explain_command->add_option("--user", question.user, "who asks for it, for rules");
    explain_command->add_option("--application-name", question.application_name, "with which program, for rules");
    try {
        parser.parse(count, values);
    } catch (const CLI::ParseError& wrong) {
        return parser.exit(wrong) == 0 ? 0 : 2;
    }
    if (*check_command) {
        return check(checked);
    }
    if (*health_command) {
        return health(asked, asked_file);
    }
    if (*explain_command) {
        question.dialect = of_mysql ? "MYSQL" : "";
        return explain(question, explained_file);
    }
    if (given.url.empty() && given.file.empty()) {
        const char* const upstream = std::getenv("PENSTOCK_UPSTREAM");
        given.url = upstream == nullptr ? "" : upstream;
    }
    if (given.url.empty() && given.file.empty()) {
        std::cerr << "penstock: tell me the database: penstock postgres://user:password@host/database, "
                     "PENSTOCK_UPSTREAM in the environment, or --config FILE\n";
        return 2;
    }
    return serve(given);
}
