// SPDX-License-Identifier: Apache-2.0
//
// A whole data plane in one thread: a worker that the test turns, scripted clients, a scripted server, virtual time.
//
// settle() turns everything until nothing moves any more, so what a test looks at then is all that will ever happen by
// itself; after(time) lets time pass. At its end the world starts the worker's thread and joins it, as the program does
// at its own end, and fails the test if that takes too long.
#pragma once

#include "control/credentials.hpp"
#include "control/loop.hpp"
#include "proxy/process.hpp"
#include "proxy/worker.hpp"
#include "tests/scripted/peer_socket.hpp"
#include "tests/scripted/played_server.hpp"
#include "tests/scripted/scripted_server.hpp"
#include "tests/scripted/virtual_clock.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace penstock::test {

/// A client with a connection to the worker.
class scripted_client {
public:
    explicit scripted_client(int descriptor) : wire{descriptor} {}

    peer_socket wire;

    void send(bytes octets) { wire.send(octets); }
    void leave() { wire.close(); }
    /// What has come since the last call.
    std::string take() { return std::exchange(wire.received, {}); }
    /// The same, as the types of the messages: "TDCZ".
    std::string take_types() { return types_of(take()); }
    [[nodiscard]] bool was_ended() const { return wire.ended(); }

    std::uint32_t process_id = 0;  ///< of BackendKeyData
    std::string key{};
};

class world {
public:
    /// Small and plain settings, changed by `adjust`.
    explicit world(const std::function<void(settings::tree&)>& adjust = {});
    /// With a server of another engine; `server` then plays no part.
    world(engine of, played_server& other, const std::function<void(settings::tree&)>& adjust = {});
    world(const world&) = delete;
    world& operator=(const world&) = delete;
    ~world();

    scripted_server server;

    /// A client that has sent nothing yet.
    scripted_client& connect();
    /// One that has logged in with these start-up parameters beside user and database; fails the test where it cannot.
    scripted_client& log_in(const parameter_list& parameters = {});
    /// A cancel request for a client, in a connection of its own.
    scripted_client& request_cancel(const scripted_client& of);

    /// Turns everything until nothing moves.
    void settle();
    /// Time passes; then everything that is due happens, deadlines of sessions included.
    void after(duration time);
    /// Starts the worker's thread and joins it, while peers go on. Gives how long that took in virtual time, more than
    /// longest_end where it did not end at all.
    duration end();
    static constexpr auto longest_end = seconds{60};

    proxy::process& process() { return *process_; }
    proxy::worker& worker() { return *worker_; }
    /// Server connections of the one pool there is, with those being opened.
    [[nodiscard]] pool::pool_usage usage() const;
    [[nodiscard]] pool::shard_stats stats();

private:
    /// How far the worker's thread has got, for the test's.
    struct progress {
        std::mutex guard;
        std::condition_variable changed;
        int turned = 0;
        bool joined = false;

        template <class Change>
        void note(Change change)
        {
            const std::lock_guard lock{guard};
            change();
            changed.notify_all();
        }
        template <class Claim>
        void wait(Claim claim)
        {
            std::unique_lock lock{guard};
            changed.wait(lock, claim);
        }
        bool has_joined()
        {
            const std::lock_guard lock{guard};
            return joined;
        }
        int turns()
        {
            const std::lock_guard lock{guard};
            return turned;
        }
    };

    void start(settings::tree tree);
    bool turn();
    bool serve();
    void turn_thread(progress& of);

    engine engine_ = engine::postgresql;
    played_server* other_ = nullptr;
    std::unique_ptr<control::loop> loop_;
    std::unique_ptr<control::credentials> users_;
    std::unique_ptr<proxy::process> process_;
    std::unique_ptr<proxy::worker> worker_;
    std::vector<std::unique_ptr<scripted_client>> clients_;
    bool ended_ = false;
};

/// The start-up packet of user "ann" for database "shop".
std::string startup_packet(const parameter_list& parameters = {});

/// The fields of the only ErrorResponse in `stream`, as "FATAL 57P01"; empty where there is none or more than one.
std::string error_in(bytes stream);

}  // namespace penstock::test
