// SPDX-License-Identifier: Apache-2.0
#include "net/connect.hpp"

#include "tests/unit/net/support.hpp"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock::net {

namespace {

using boost::system::errc::make_error_code;
using testing::owned_socket;
using testing::turn_until;

/// A folder of the test's own for socket files.
class private_folder {
public:
    private_folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "penstock-net-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~private_folder() { std::filesystem::remove_all(path_); }
    private_folder(const private_folder&) = delete;
    private_folder& operator=(const private_folder&) = delete;
    [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

using connected = std::optional<result<std::unique_ptr<stream>>>;

task<void> connect_into(driver& on, endpoint to, time_point deadline, connected& into)
{
    into.emplace(co_await connect(on, to, deadline));
}

connected connect_now(driver& on, const endpoint& to, duration patience = seconds{10})
{
    connected outcome;
    on.spawn(connect_into(on, to, clock::now() + patience, outcome));
    EXPECT_TRUE(turn_until(on, [&] { return outcome.has_value(); }));
    EXPECT_EQ(on.running(), 0U);
    return outcome;
}

endpoint local(std::uint16_t port)
{
    return *numeric_endpoint("127.0.0.1", port);
}

int option(int descriptor, int level, int name)
{
    int value = 0;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(descriptor, level, name, &value, &size), 0);
    return value;
}

TEST(Endpoint, ReadsNumbersAndPaths)
{
    EXPECT_EQ(numeric_endpoint("127.0.0.1", 5432)->text(), "127.0.0.1:5432");
    EXPECT_EQ(numeric_endpoint("::1", 5432)->text(), "[::1]:5432");
    EXPECT_EQ(numeric_endpoint("/run/postgresql", 5432)->text(), "/run/postgresql/.s.PGSQL.5432");
    EXPECT_EQ(numeric_endpoint("/run/penstock.sock", 0)->text(), "/run/penstock.sock");
    EXPECT_EQ(*numeric_endpoint("::1", 1), *numeric_endpoint("::1", 1));
    EXPECT_FALSE(*numeric_endpoint("::1", 1) == *numeric_endpoint("::1", 2));
    EXPECT_FALSE(*numeric_endpoint("/a", 0) == *numeric_endpoint("/b", 0));
}

TEST(Endpoint, RefusesNamesAndLongPaths)
{
    const auto name = numeric_endpoint("db.example", 5432);
    ASSERT_TRUE(name.has_error());
    EXPECT_EQ(name.error().category(), resolver_category());
    EXPECT_FALSE(name.error().message().empty());
    const auto path = numeric_endpoint("/" + std::string(200, 'x'), 0);
    ASSERT_TRUE(path.has_error());
    EXPECT_EQ(path.error(), make_error_code(boost::system::errc::filename_too_long));
}

TEST(Endpoint, ResolvesNamesNumbersAndPaths)
{
    const auto by_name = resolve("localhost", 5432);
    ASSERT_TRUE(by_name.has_value());
    EXPECT_FALSE(by_name->empty());
    EXPECT_EQ(resolve("127.0.0.1", 5432)->front(), local(5432));
    EXPECT_EQ(resolve("/run/postgresql", 5432)->front(), *numeric_endpoint("/run/postgresql", 5432));
    EXPECT_TRUE(resolve("no-such-host.invalid", 5432).has_error());
}

TEST(Connect, ReachesAnAcceptorWhoseSocketsAreSetUp)
{
    driver on;
    const int listening = *listen_on(local(0));
    const auto port = local_port(listening);
    EXPECT_NE(port, 0);
    owned_socket accepted;
    acceptor front{on, listening, [&](int descriptor) { accepted = owned_socket{descriptor}; }};
    auto outcome = connect_now(on, local(port));
    ASSERT_TRUE(outcome->has_value());
    EXPECT_TRUE(turn_until(on, [&] { return accepted.get() >= 0; }));
    for (const int descriptor : {accepted.get(), (**outcome)->descriptor()}) {
        EXPECT_EQ(option(descriptor, IPPROTO_TCP, TCP_NODELAY), 1);
        EXPECT_EQ(option(descriptor, SOL_SOCKET, SO_KEEPALIVE), 1);
        EXPECT_NE(::fcntl(descriptor, F_GETFL) & O_NONBLOCK, 0);
        EXPECT_NE(::fcntl(descriptor, F_GETFD) & FD_CLOEXEC, 0);
    }
    (**outcome)->send("hello");
    EXPECT_TRUE(turn_until(on, [&] { return accepted.hear() == "hello"; }));
}

TEST(Connect, GivesTheSocketsOwnError)
{
    driver on;
    owned_socket unused{*listen_on(local(0))};
    const auto port = local_port(unused.get());
    unused.close();
    auto outcome = connect_now(on, local(port));
    ASSERT_TRUE(outcome->has_error());
    EXPECT_EQ(outcome->error(), make_error_code(boost::system::errc::connection_refused));
    const private_folder folder;
    outcome = connect_now(on, *numeric_endpoint(folder.file("nobody"), 0));
    EXPECT_EQ(outcome->error(), make_error_code(boost::system::errc::no_such_file_or_directory));
}

TEST(Connect, TimesOutWhereNobodyAnswers)
{
    driver on;
    // A backlog of one that is full: the kernel drops further SYNs, so that the connect hangs.
    const owned_socket listening{*listen_on(local(0), 0)};
    const auto where = local(local_port(listening.get()));
    std::vector<std::unique_ptr<stream>> filling;
    connected outcome;
    for (int i = 0; i < 4 && !(outcome && outcome->has_error()); ++i) {
        outcome = connect_now(on, where, milliseconds{30});
        if (outcome->has_value()) {
            filling.push_back(std::move(**outcome));
        }
    }
    ASSERT_TRUE(outcome->has_error());
    EXPECT_EQ(outcome->error(), make_error_code(boost::system::errc::timed_out));
}

TEST(Connect, WaitsForRoomInAUnixSocketsBacklogUntilTheDeadline)
{
    driver on;
    const private_folder folder;
    const auto where = *numeric_endpoint(folder.file("full"), 0);
    const owned_socket listening{*listen_on(where, 0)};
    auto first = connect_now(on, where);
    ASSERT_TRUE(first->has_value());
    auto refused = connect_now(on, where, milliseconds{15});
    ASSERT_TRUE(refused->has_error());
    EXPECT_EQ(refused->error(), make_error_code(boost::system::errc::timed_out));
    connected patient;
    on.spawn(connect_into(on, where, clock::now() + seconds{10}, patient));
    EXPECT_FALSE(patient.has_value());
    const owned_socket taken{::accept(listening.get(), nullptr, nullptr)};
    EXPECT_TRUE(turn_until(on, [&] { return patient.has_value(); }));
    EXPECT_TRUE(patient->has_value());
}

TEST(Listen, RefusesAPortInUse)
{
    const owned_socket first{*listen_on(local(0))};
    const auto second = listen_on(local(local_port(first.get())));
    ASSERT_TRUE(second.has_error());
    EXPECT_EQ(second.error(), make_error_code(boost::system::errc::address_in_use));
}

TEST(Listen, GivesTheSocketFileItsMode)
{
    const private_folder folder;
    const auto path = folder.file("moded");
    const owned_socket listening{*listen_on(*numeric_endpoint(path, 0), 16, 0700)};
    struct stat file {};
    ASSERT_EQ(::stat(path.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0700U);
}

TEST(Listen, ReplacesASocketFileOnlyWhereNobodyListens)
{
    const private_folder folder;
    const auto where = *numeric_endpoint(folder.file("shared"), 0);
    owned_socket first{*listen_on(where)};
    const auto refused = listen_on(where);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error(), make_error_code(boost::system::errc::address_in_use));
    first.close();  // as a killed process does: the file stays
    const auto again = listen_on(where);
    ASSERT_TRUE(again.has_value());
    driver on;
    const owned_socket second{*again};
    EXPECT_TRUE(connect_now(on, where)->has_value());
}

TEST(Listen, DoesNotReplaceAListenerThatIsMerelyBusy)
{
    driver on;
    const private_folder folder;
    const auto where = *numeric_endpoint(folder.file("busy"), 0);
    const owned_socket listening{*listen_on(where, 0)};
    const auto filling = connect_now(on, where);
    const auto refused = listen_on(where);
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error(), make_error_code(boost::system::errc::address_in_use));
}

TEST(Listen, LeavesAFileOfAnotherKindAlone)
{
    const private_folder folder;
    const auto path = folder.file("precious");
    std::ofstream{path} << "data";
    EXPECT_TRUE(listen_on(*numeric_endpoint(path, 0)).has_error());
    EXPECT_EQ(std::filesystem::file_size(path), 4U);
}

TEST(Acceptor, TakesWhatWaitsOverSeveralTurns)
{
    driver on;
    const int listening = *listen_on(local(0));
    const auto where = local(local_port(listening));
    std::vector<owned_socket> accepted;
    acceptor front{on, listening, [&](int descriptor) { accepted.emplace_back(descriptor); }};
    std::vector<connected> clients;
    for (int i = 0; i < 100; ++i) {
        clients.emplace_back();
    }
    for (auto& client : clients) {
        on.spawn(connect_into(on, where, clock::now() + seconds{10}, client));
    }
    EXPECT_TRUE(turn_until(on, [&] { return accepted.size() == 100; }));
    EXPECT_EQ(on.running(), 0U);
}

TEST(Acceptor, ClosesFromItsHandlerAndTakesItsFileAlong)
{
    driver on;
    const private_folder folder;
    const auto path = folder.file("closing");
    const auto where = *numeric_endpoint(path, 0);
    owned_socket accepted;
    std::unique_ptr<acceptor> front;
    const auto close_it = [&](int descriptor) {
        accepted = owned_socket{descriptor};
        front->close();
    };
    front = std::make_unique<acceptor>(on, *listen_on(where), close_it);
    EXPECT_TRUE(std::filesystem::exists(path));
    EXPECT_TRUE(connect_now(on, where)->has_value());
    EXPECT_TRUE(turn_until(on, [&] { return accepted.get() >= 0; }));
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_TRUE(connect_now(on, where)->has_error());
}

TEST(Acceptor, OutOfDescriptorsItPausesAndThenGoesOn)
{
    driver on;
    const int listening = *listen_on(local(0));
    const auto where = local(local_port(listening));
    owned_socket accepted;
    std::uint64_t told = 0;
    acceptor front{on, listening, [&](int descriptor) { accepted = owned_socket{descriptor}; }, [&told] { ++told; }};
    owned_socket client{::socket(AF_INET, SOCK_STREAM, 0)};
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&where.address), where.size), 0);

    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit none = before;
    none.rlim_cur = 3;  // no new descriptor at all
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const auto start = clock::now();
    for (int i = 0; i < 20; ++i) {
        on.run_once(milliseconds{1});
    }
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);

    EXPECT_GE(front.times_out_of_descriptors(), 1U);
    EXPECT_EQ(told, front.times_out_of_descriptors());
    EXPECT_LE(front.times_out_of_descriptors(), 1U + (clock::now() - start) / acceptor::pause);  // and not each turn
    EXPECT_LT(accepted.get(), 0);
    EXPECT_TRUE(turn_until(on, [&] { return accepted.get() >= 0; }));
    EXPECT_GE(clock::now() - start, acceptor::pause);
}

TEST(Acceptor, MayBeDestroyedDuringItsPause)
{
    driver on;
    {
        const int listening = *listen_on(local(0));
        const auto where = local(local_port(listening));
        acceptor front{on, listening, [](int descriptor) { ::close(descriptor); }};
        owned_socket client{::socket(AF_INET, SOCK_STREAM, 0)};
        ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&where.address), where.size), 0);
        rlimit before{};
        ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
        rlimit none = before;
        none.rlim_cur = 3;
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
        on.run_once(milliseconds{1});
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
        EXPECT_EQ(front.times_out_of_descriptors(), 1U);
    }
    bool later = false;
    on.call_at(clock::now() + acceptor::pause + milliseconds{20}, [&] { later = true; });
    EXPECT_TRUE(turn_until(on, [&] { return later; }));
}

}  // namespace

}  // namespace penstock::net
