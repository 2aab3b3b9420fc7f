// SPDX-License-Identifier: Apache-2.0
#include "tests/scripted/world.hpp"

#include "protocols/mysql/protocol.hpp"
#include "protocols/postgresql/errors.hpp"
#include "telemetry/log.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <thread>

namespace penstock::test {

namespace {

settings::tree plain_settings()
{
    settings::tree tree;
    tree.workers = 1;
    tree.pool.limits.size = 2;
    settings::cluster_settings cluster;
    cluster.nodes = {{.where = {"db", 5432}, .role = settings::node_role::primary}};
    cluster.sslmode = settings::tls_mode::disable;
    tree.clusters = {cluster};
    tree.databases = {settings::database_settings{}};
    settings::user_settings ann;
    ann.name = "ann";
    ann.method = auth_method::trust;
    tree.users = {ann};
    return tree;
}

control::credential_options credential_options()
{
    control::credential_options options;
    options.users = {{.name = "ann", .method = auth_method::trust, .stored = {}}};
    return options;
}

}  // namespace

std::string startup_packet(const parameter_list& parameters)
{
    std::string body = wire::number(3U << 16);
    for (const auto& [name, value] : parameter_list{{"user", "ann"}, {"database", "shop"}}) {
        body += wire::c_string(name) + wire::c_string(value);
    }
    for (const auto& [name, value] : parameters) {
        body += wire::c_string(name) + wire::c_string(value);
    }
    body.push_back('\0');
    return wire::number(static_cast<std::uint32_t>(body.size() + 4)) + body;
}

std::string error_in(bytes stream)
{
    std::string found;
    for (const auto& frame : frames_of(stream)) {
        if (frame[0] == 'E') {
            const auto report = postgresql::decode_error(bytes{frame}.substr(postgresql::header_size));
            if (!found.empty()) {
                return {};
            }
            found = std::string{report.severity} + " " + std::string{report.sqlstate};
        }
    }
    return found;
}

world::world(const std::function<void(settings::tree&)>& adjust)
{
    auto tree = plain_settings();
    if (adjust) {
        adjust(tree);
    }
    start(std::move(tree));
}

world::world(engine of, played_server& other, const std::function<void(settings::tree&)>& adjust)
    : engine_{of}, other_{&other}
{
    auto tree = plain_settings();
    tree.clusters[0].engine = of;
    if (adjust) {
        adjust(tree);
    }
    start(std::move(tree));
}

void world::start(settings::tree tree)
{
    log::capture([](std::string_view) {});
    auto configuration = std::make_shared<proxy::configuration>();
    configuration->settings = std::make_shared<const settings::tree>(std::move(tree));
    loop_ = std::make_unique<control::loop>();
    users_ = std::make_unique<control::credentials>(*loop_, credential_options(), control::credential_surroundings{});
    process_ = std::make_unique<proxy::process>(std::move(configuration), *users_);
    auto view = std::make_shared<router::cluster_view>();
    view->cluster = "main";
    view->version = 1;
    view->nodes.push_back({.host = "db",
                           .endpoints = {other_ != nullptr ? other_->where() : server.where()},
                           .role = router::node_role::primary});
    view->primary_index = 0;
    process_->publish(std::move(view));
    worker_ = std::make_unique<proxy::worker>(*process_, 0, nullptr);
    process_->add_worker(*worker_);
}

world::~world()
{
    if (!ended_) {
        for (const auto& each : clients_) {
            each->leave();
        }
        server.stop();
        if (other_ != nullptr) {
            other_->stop();
        }
        settle();
        EXPECT_LT(end(), longest_end) << "the worker did not end";
    }
    EXPECT_EQ(process_->clients, 0U);
    EXPECT_EQ(usage().held, 0U) << "a permit was lost";
    log::capture({});
}

scripted_client& world::connect()
{
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    clients_.push_back(std::make_unique<scripted_client>(ends[0]));
    worker_->adopt(ends[1], engine_);
    return *clients_.back();
}

scripted_client& world::log_in(const parameter_list& parameters)
{
    auto& client = connect();
    client.send(startup_packet(parameters));
    settle();
    const auto greeting = client.take();
    for (const auto& frame : frames_of(greeting)) {
        if (frame[0] == 'K') {
            client.process_id = load_u32(frame.data() + postgresql::header_size);
            client.key = frame.substr(postgresql::header_size + 4);
        }
    }
    EXPECT_TRUE(greeting.ends_with(wire::ready())) << types_of(greeting) << ' ' << error_in(greeting);
    return client;
}

scripted_client& world::request_cancel(const scripted_client& of)
{
    constexpr std::uint32_t cancel_code = 80877102;
    auto& client = connect();
    client.send(wire::number(16) + wire::number(cancel_code) + wire::number(of.process_id) + of.key);
    settle();
    return client;
}

bool world::serve()
{
    const bool moved = server.serve();
    return (other_ != nullptr && other_->serve()) || moved;
}

bool world::turn()
{
    worker_->driver().run_once(duration{});
    bool moved = serve();
    for (const auto& each : clients_) {
        moved = each->wire.pump() || moved;
    }
    return moved;
}

void world::settle()
{
    constexpr int enough = 6;  // turns for what hops from one ready list to the next without a socket
    constexpr int too_many = 100'000;
    int quiet = 0;
    for (int turns = 0; quiet < enough; ++turns) {
        quiet = turn() ? 0 : quiet + 1;
        if (turns > too_many) {
            ADD_FAILURE() << "it never comes to rest";
            return;
        }
    }
}

void world::after(duration time)
{
    advance_clock(time);
    worker_->driver().run_once(duration{});
    const auto now = worker_->driver().now();
    // As the worker does, from a timer that only its own thread starts.
    worker_->for_each_session([now](const proxy::session_base& who) {
        const_cast<proxy::session_base&>(who).sweep(now);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    });
    settle();
}

duration world::end()
{
    constexpr auto step = milliseconds{50};
    ended_ = true;
    worker_->start();
    worker_->end();  // asked for before time passes, however late the joining thread gets a core
    progress of;
    std::thread joiner{[this, &of] {
        worker_->join();
        of.note([&of] { of.joined = true; });
    }};
    duration taken{};
    for (; !of.has_joined() && taken < longest_end; taken += step) {
        serve();
        for (const auto& each : clients_) {
            each->wire.pump();
        }
        advance_clock(step);
        turn_thread(of);
    }
    if (!of.has_joined()) {  // without its peers it should, so that the other tests can run
        server.stop();
        clients_.clear();
        for (duration more{}; !of.has_joined() && more < 20 * longest_end; more += step) {
            advance_clock(step);
            turn_thread(of);
        }
    }
    joiner.join();
    return taken;
}

/// Wakes the worker's thread, so that it looks at the clock, and waits until it has done what it can.
void world::turn_thread(progress& of)
{
    constexpr int turns = 3;
    for (int turn = 0; turn < turns; ++turn) {
        const auto wanted = of.turns() + 1;
        worker_->run_here([&of] { of.note([&of] { ++of.turned; }); });
        of.wait([&of, wanted] { return of.turned >= wanted || of.joined; });
    }
}

pool::pool_usage world::usage() const
{
    const auto pools = process_->pools();
    return pools.empty() ? pool::pool_usage{} : pools.front()->shared->usage();
}

pool::shard_stats world::stats()
{
    const auto pools = process_->pools();
    if (pools.empty()) {
        return {};
    }
    return engine_ == engine::mysql ? worker_->pool_of<mysql::protocol>(pools.front()).shard->stats()
                                    : worker_->pool_of<postgresql::protocol>(pools.front()).shard->stats();
}

}  // namespace penstock::test
