// SPDX-License-Identifier: Apache-2.0
#include "app/application.hpp"

#include "admin/console.hpp"
#include "admin/http.hpp"
#include "admin/listener.hpp"
#include "admin/reports.hpp"
#include "admin/routes.hpp"
#include "app/explain.hpp"
#include "app/translate.hpp"
#include "control/catalog.hpp"
#include "control/loop.hpp"
#include "control/sampler.hpp"
#include "control/sql_clients.hpp"
#include "net/connect.hpp"
#include "protocols/mysql/auth_commons.hpp"
#include "proxy/worker.hpp"
#include "settings/diff.hpp"
#include "settings/lookup.hpp"
#include "settings/url.hpp"
#include "telemetry/log.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <future>
#include <thread>

namespace penstock::app {

namespace {

/// As many descriptors as we may have: each client and each server connection takes one.
void raise_descriptor_limit()
{
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/// No descriptor is left for a new client: counted each time, told now and then.
void note_shortage(proxy::worker& of, time_point& complained)
{
    constexpr auto between_lines = seconds{10};
    of.counters().process.out_of_descriptors.add();
    const auto now = clock::now();
    if (complained == time_point{} || now - complained >= between_lines) {
        complained = now;
        log::warning("out of file descriptors: new clients wait", {{"remedy", "raise the limit of open files"}});
    }
}

}  // namespace

struct application::state {
    state(settings::tree first, settings_source from, std::function<void(const std::string&)> tell)
        : source{std::move(from)}, announce{std::move(tell)}, tree{std::move(first)}
    {
    }

    outcome<bool> start();
    outcome<bool> start_workers();
    outcome<bool> open_listeners();
    proxy::worker::console console();
    [[nodiscard]] std::string urls_for_clients() const;
    void count_averages();
    void start_monitors();
    using watched = std::pair<control::monitor*, router::node_id>;
    [[nodiscard]] watched find(const std::string& cluster, const std::string& node) const;
    void start_catalog();
    void watch_signals();
    std::optional<client_error> reload();
    void drain();
    void look_whether_drained();
    void stop_workers();
    void stop_lookups();

    settings_source source;
    std::function<void(const std::string&)> announce;
    settings::tree tree;

    control::loop loop;
    /// Probes and look-ups have a thread of their own: a hostile server can make libpq compute for as long as it likes
    /// ("iterations" of SCRAM), and the admin port and signals must be served all the same.
    control::loop lookups;
    std::thread lookups_thread;
    std::promise<void> lookups_ended;
    std::unique_ptr<boost::asio::signal_set> signals;
    std::unique_ptr<control::credentials> users;
    std::unique_ptr<proxy::process> process;
    std::unique_ptr<admin::reporter> reports;
    std::vector<std::unique_ptr<proxy::worker>> workers;
    std::vector<std::unique_ptr<control::monitor>> monitors;
    std::vector<std::unique_ptr<control::sampler>> samplers;
    std::unique_ptr<control::catalog> functions;
    std::vector<std::unique_ptr<net::acceptor>> acceptors;  ///< on the first worker's driver
    struct listener {
        int descriptor;
        engine speaks;
        proxy::entrance by;
    };
    std::vector<listener> listening;
    std::vector<int> admin_listening;
    std::vector<std::unique_ptr<admin::listener>> admin_listeners;
    std::unique_ptr<admin::http_server> http;
    bool draining = false;
    time_point drain_deadline{};
};

application::application(settings::tree initial,
                         settings_source source,
                         std::function<void(const std::string&)> announce)
    : state_{std::make_unique<state>(std::move(initial), std::move(source), std::move(announce))}
{
}

application::~application() = default;

outcome<bool> application::start()
{
    return state_->start();
}

int application::run()
{
    state_->loop.run();
    state_->stop_workers();
    log::info("stopped");
    return 0;
}

outcome<bool> application::state::start()
{
    raise_descriptor_limit();
    std::signal(SIGPIPE, SIG_IGN);
    watch_signals();  // before anybody can see us listen and send one
    auto configuration = make_configuration(tree);
    if (!configuration) {
        return configuration.error();
    }
    if (settings::has_engine(tree, engine::mysql)) {
        mysql::auth_commons::of_process()->key();  // takes too long for the first client that needs it
    }
    auto opened = open_listeners();
    if (!opened) {
        return opened;
    }
    control::credential_surroundings surroundings;
    surroundings.make_client = control::sql_clients(lookups);
    surroundings.where_to_ask = [this](const std::string& cluster) -> std::optional<control::sql_target> {
        auto account = auth_query_target(*process->current()->settings, cluster);
        const auto view = account ? process->view_of(cluster) : nullptr;
        return view ? control::monitor::target_in(*view, std::move(*account)) : std::nullopt;
    };
    users = std::make_unique<control::credentials>(lookups, credential_options_of(tree), std::move(surroundings));
    process = std::make_unique<proxy::process>(*configuration, *users);
    start_monitors();
    start_catalog();
    auto started = start_workers();
    if (!started) {
        return started;
    }
    lookups_thread = std::thread{[this] {
        lookups.run();
        lookups_ended.set_value();
    }};
    announce("penstock is ready: " + urls_for_clients());
    return true;
}

std::string application::state::urls_for_clients() const
{
    std::string text;
    for (const auto each : all_engines) {
        if (settings::has_engine(tree, each)) {
            text += (text.empty() ? "DATABASE_URL=" : " and DATABASE_URL=") + settings::client_url(tree, each, "****");
        }
    }
    for (const auto each : all_engines) {
        for (const auto& where : tree.listen.for_reading(each)) {
            text += " and READ_ONLY_DATABASE_URL=" + settings::client_url(tree, each, "****", where);
        }
    }
    return text;
}

outcome<bool> application::state::open_listeners()
{
    const auto open_all = [](const std::vector<settings::address>& wanted, std::vector<int>& into) -> outcome<bool> {
        for (const auto& where : wanted) {
            auto endpoint = listen_endpoint(where);
            if (!endpoint) {
                return endpoint.error();
            }
            auto descriptor = net::listen_on(*endpoint);
            if (!descriptor) {
                return client_error{
                    error_kind::internal, "cannot listen on " + where.text() + ": " + descriptor.error().message(), {}};
            }
            into.push_back(*descriptor);
        }
        return true;
    };
    // First, so that whoever finds us listening can ask how we are.
    outcome<bool> opened = open_all(tree.admin.listen, admin_listening);
    for (std::size_t place = 0; opened && place < admin_listening.size(); ++place) {
        auto& where = tree.admin.listen[place];
        where.port = where.is_unix() ? where.port : net::local_port(admin_listening[place]);
    }
    for (const auto each : all_engines) {
        std::vector<int> descriptors;
        opened = opened ? open_all(settings::addresses_for(tree, each), descriptors) : opened;
        for (std::size_t place = 0; place < descriptors.size(); ++place) {
            auto& where = tree.listen.of(each)[place];
            where.port = where.is_unix() ? where.port : net::local_port(descriptors[place]);
            listening.push_back({descriptors[place], each, proxy::entrance::usual});
        }
    }
    for (const auto each : all_engines) {
        std::vector<int> for_reading;
        opened = opened ? open_all(tree.listen.for_reading(each), for_reading) : opened;
        for (std::size_t place = 0; place < for_reading.size(); ++place) {
            auto& where = tree.listen.for_reading(each)[place];
            where.port = where.is_unix() ? where.port : net::local_port(for_reading[place]);
            listening.push_back({for_reading[place], each, proxy::entrance::for_reading});
        }
    }
    std::vector<int> for_console;
    opened = opened ? open_all(tree.admin.console, for_console) : opened;
    for (const int descriptor : for_console) {
        listening.push_back({descriptor, engine::postgresql, proxy::entrance::console});
    }
    return opened;
}

void application::state::start_monitors()
{
    for (const auto& cluster : tree.clusters) {
        control::monitor_surroundings surroundings;
        surroundings.make_client = control::sql_clients(lookups);
        auto options = monitor_options_of(tree, cluster);
        if (auto sampling = sampler_options_of(options, cluster)) {
            samplers.push_back(std::make_unique<control::sampler>(
                lookups, std::move(*sampling), control::sql_clients(lookups), [this, name = cluster.name] {
                    return process->view_of(name);
                }));
            process->set_board(cluster.name, samplers.back()->board());
        }
        surroundings.publish = [this](router::cluster_view_ptr view) {
            process->publish(std::move(view));
            for (const auto& each : samplers) {
                each->look_again();
            }
        };
        monitors.push_back(std::make_unique<control::monitor>(lookups, std::move(options), std::move(surroundings)));
        monitors.back()->start();
        process->publish(monitors.back()->current());
    }
    process->set_note_fault([this](const std::string& cluster, const std::string& node) {
        const auto [watching, place] = find(cluster, node);
        watching != nullptr ? watching->suspect(place) : void();
    });
    process->set_examine([this](const std::string& cluster, const std::string& node, const auto& tell) {
        const auto [watching, place] = find(cluster, node);
        watching != nullptr ? watching->examine(place, tell) : tell(router::node_finding::unknown);
    });
}

/// That node, where it is watched. Workers have ended before the monitors do.
auto application::state::find(const std::string& cluster, const std::string& node) const -> watched
{
    for (const auto& each : monitors) {
        for (const auto view = each->current(); const auto& one : view->nodes) {
            if (view->cluster == cluster && proxy::text_of(one) == node) {
                return {each.get(), one.id};
            }
        }
    }
    return {};
}

/// The functions of a database are read once the first session judges reads there.
void application::state::start_catalog()
{
    control::catalog_surroundings surroundings;
    surroundings.make_client = control::sql_clients(lookups);
    surroundings.where_to_ask = [this](const control::catalog_key& key) -> std::optional<control::sql_target> {
        auto account = functions_target(*process->current()->settings, key.cluster, key.database);
        const auto view = account ? process->view_of(key.cluster) : nullptr;
        return view ? control::monitor::target_in(*view, std::move(*account)) : std::nullopt;
    };
    surroundings.publish = [this](const control::catalog_key& key, const function_catalogue_ptr& newest) {
        process->publish_functions(key.cluster, key.database, newest);
    };
    functions = std::make_unique<control::catalog>(lookups, control::catalog_options{}, std::move(surroundings));
    process->set_find_functions([this](const std::string& cluster, const std::string& database) {
        const control::catalog_key key{cluster, database};
        functions->watch(key);
        return functions->current(key);
    });
    process->set_note_definitions([this](const std::string& cluster, const std::string& database) {
        functions->changed({cluster, database});
    });
}

outcome<bool> application::state::start_workers()
{
    const auto count = tree.workers > 0 ? tree.workers : std::max(1U, std::thread::hardware_concurrency());
    reports = std::make_unique<admin::reporter>(*process, loop);
    const auto serve_console = console();
    for (std::uint32_t index = 0; index < count; ++index) {
        workers.push_back(std::make_unique<proxy::worker>(*process, index, serve_console));
        process->add_worker(*workers.back());
    }
    auto& first = workers.front()->driver();
    for (const auto& [descriptor, speaks, by] : listening) {
        acceptors.push_back(std::make_unique<net::acceptor>(
            first,
            descriptor,
            [this, speaks = speaks, by = by](int accepted) { process->least_busy().adopt(accepted, speaks, by); },
            [&of = *workers.front(), complained = time_point{}]() mutable { note_shortage(of, complained); }));
    }
    for (const auto& each : workers) {
        each->start();
    }
    http = std::make_unique<admin::http_server>(loop, admin::make_routes(*reports));
    count_averages();
    for (const int descriptor : admin_listening) {
        admin::listener_handlers handlers;
        handlers.http = [this](int accepted) { http->serve(accepted); };
        admin_listeners.push_back(std::make_unique<admin::listener>(loop, descriptor, std::move(handlers)));
    }
    for (const auto each : all_engines) {
        for (const auto& where : settings::addresses_for(tree, each)) {
            log::info("listening", {{"address", where.text()}, {"protocol", std::string{name_of(each)}}});
        }
    }
    for (const auto each : all_engines) {
        for (const auto& where : tree.listen.for_reading(each)) {
            log::info("listening",
                      {{"address", where.text()}, {"protocol", std::string{name_of(each)}}, {"for", "reading"}});
        }
    }
    for (const auto& where : tree.admin.console) {
        log::info("listening", {{"address", where.text()}, {"protocol", "postgresql"}, {"for", "the console"}});
    }
    for (const auto& where : tree.admin.listen) {
        log::info("listening", {{"address", where.text()}, {"protocol", "http"}});
    }
    return true;
}

proxy::worker::console application::state::console()
{
    auto ask_for_reload = [this](std::function<void(std::optional<client_error>)> told) {
        loop.post([this, told = std::move(told)] { told(reload()); });
    };
    auto ask_for_route = [this](const admin::route_question& asked, const settings::tree& now) {
        return route_of(asked, now, [this](const std::string& cluster, const std::string& database) {
            return process->functions_of(cluster, database);
        });
    };
    return admin::make_console(*reports, std::move(ask_for_reload), std::move(ask_for_route));
}

/// Ends a period of the averages that the console gives, again and again.
void application::state::count_averages()
{
    loop.call_after(admin::reporter::period_length, [this] {
        reports->end_period();
        count_averages();
    });
}

void application::state::watch_signals()
{
    signals = std::make_unique<boost::asio::signal_set>(loop.context(), SIGTERM, SIGINT, SIGHUP);
    signals->async_wait([this](const boost::system::error_code& failed, int number) {
        if (failed) {
            return;
        }
        watch_signals();
        if (number == SIGHUP) {
            reload();
        } else if (draining) {
            log::warning("second signal: stopping at once");
            loop.stop();
        } else {
            drain();
        }
    });
}

/// Gives why it failed, if it did; then the running settings stay.
std::optional<client_error> application::state::reload()
{
    auto wanted = source();
    if (!wanted) {
        log::error("reload failed: the running settings stay", {{"reason", wanted.error().detail}});
        return wanted.error();
    }
    const auto differences = settings::compare(tree, *wanted);
    for (const auto& each : differences.on_restart) {
        log::warning("reload: needs a restart", {{"setting", each}});
    }
    auto next = settings::reloadable(tree, std::move(*wanted));
    auto configuration = make_configuration(next);
    if (!configuration) {
        log::error("reload failed: the running settings stay", {{"reason", configuration.error().detail}});
        return configuration.error();
    }
    for (const auto& each : differences.on_reload) {
        log::info("reload: changed", {{"setting", each}});
    }
    tree = std::move(next);
    log::configure(tree.logging);
    users->configure(credential_options_of(tree));
    process->configure(*configuration);
    log::info("reloaded", {{"changes", differences.on_reload.size()}});
    return std::nullopt;
}

void application::state::drain()
{
    draining = true;
    process->draining = true;
    drain_deadline = clock::now() + tree.drain_timeout;
    log::info("draining",
              {{"clients", process->clients.load()},
               {"seconds", std::chrono::duration_cast<seconds>(tree.drain_timeout).count()}});
    workers.front()->run_here([this] {
        for (const auto& each : acceptors) {
            each->close();
        }
    });
    for (const auto& each : workers) {
        each->drain(drain_deadline);
    }
    look_whether_drained();
}

void application::state::look_whether_drained()
{
    if (process->clients.load() == 0 || clock::now() >= drain_deadline) {
        loop.stop();
        return;
    }
    loop.call_after(milliseconds{20}, [this] { look_whether_drained(); });
}

void application::state::stop_workers()
{
    if (!draining) {
        workers.front()->run_here([this] {
            for (const auto& each : acceptors) {
                each->close();
            }
        });
    }
    for (const auto& each : workers) {
        each->end();
    }
    const auto until = clock::now() + seconds{4};  // they give up after two
    for (const auto& each : workers) {
        if (!each->wait_for_end(until)) {
            log::error("a worker is stuck: stopping without it");
            std::_Exit(1);
        }
        each->join();
    }
    admin_listeners.clear();
    http.reset();
    stop_lookups();
}

/// A look-up that a server keeps computing cannot be interrupted: then the process ends without it.
void application::state::stop_lookups()
{
    constexpr auto patience = seconds{2};
    lookups.stop();
    if (lookups_thread.joinable()) {
        if (lookups_ended.get_future().wait_for(patience) != std::future_status::ready) {
            log::warning("a look-up is stuck: stopping without it");
            std::_Exit(0);
        }
        lookups_thread.join();
    }
    functions.reset();
    samplers.clear();
    monitors.clear();
}

}  // namespace penstock::app
