// SPDX-License-Identifier: Apache-2.0
//
// A PostgreSQL server that a test plays: it logs everybody in, answers as model_server does, and errs as its plans say.
//
// Each connection that is accepted takes the next plan; where there is none it behaves. Cancel requests come in
// connections of their own and are kept. It listens on a Unix socket without a name in the file system, so everything
// is there at once and in order.
#pragma once

#include "net/connect.hpp"
#include "tests/scripted/peer_socket.hpp"
#include "tests/support/model_server.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace penstock::test {

/// What a server does instead of saying the next octet.
enum class fault : std::uint8_t {
    none,
    close,    ///< closes the connection
    garbage,  ///< says what is no message, and closes
    fatal,    ///< says an ErrorResponse of severity FATAL, and closes
    stall,    ///< falls silent and reads on
    pause,    ///< as stall, but goes on when resume() is called
    piece,    ///< pauses, and then does the same with each octet that follows
};

/// How a connection behaves.
struct server_plan {
    fault what = fault::none;
    std::size_t after = 0;    ///< octets that it says before, counted from where the plan begins
    bool from_login = false;  ///< it begins with the login's answer; else behind the login's ReadyForQuery
    std::string refusal{};    ///< answers the start-up packet instead of the login, and closes
    bool by_hand = false;     ///< after the login the test itself answers
};

class server_connection_end {
public:
    /// `next_plan` is asked once it is clear that this is no cancel request.
    server_connection_end(int descriptor, std::function<server_plan()> next_plan, std::uint32_t number);

    bool serve();
    /// Says this, as the test's own answer.
    void say(bytes octets);
    /// Lets a paused one go on; whether it was.
    bool resume();
    void close() { wire_.close(); }
    /// Whether it takes what it is sent.
    void read(bool yes) { wire_.reading = yes; }
    /// From now on the test answers, or the model again.
    void take_by_hand(bool yes) { plan_.by_hand = yes; }

    /// Messages received since the login (Terminate included), whole, in order.
    [[nodiscard]] const std::string& heard() const { return heard_; }
    std::string take_heard() { return std::exchange(heard_, {}); }
    [[nodiscard]] bool is_open() const { return wire_.is_open(); }
    [[nodiscard]] bool is_logged_in() const { return state_ == state::ready; }
    /// The other side said goodbye, or went without.
    [[nodiscard]] bool was_left() const { return was_left_; }
    /// What it has said since its plan began.
    [[nodiscard]] const std::string& said() const { return said_; }
    [[nodiscard]] std::size_t unsent() const { return wire_.unsent(); }
    [[nodiscard]] std::uint32_t number() const { return number_; }
    /// Set where this connection brought a cancel request: the process id and the key, as they came.
    [[nodiscard]] const std::string& cancel_request() const { return cancel_request_; }
    [[nodiscard]] const model_server& model() const { return model_; }
    [[nodiscard]] const std::string& startup() const { return startup_; }

private:
    enum class state : std::uint8_t {
        startup,  ///< waits for the start-up packet
        ready,    ///< logged in
        cancel,   ///< brought a cancel request
    };

    bool take();
    void take_startup();
    void take_message();
    void say_planned(bytes octets);
    void err();

    peer_socket wire_;
    std::function<server_plan()> next_plan_;
    server_plan plan_{};
    std::uint32_t number_;
    state state_ = state::startup;
    model_server model_;
    std::string startup_;
    std::string heard_;
    std::string cancel_request_;
    std::string withheld_;  ///< while paused
    std::string said_;
    bool counting_ = false;
    bool erred_ = false;
    bool was_left_ = false;
};

class scripted_server {
public:
    scripted_server();
    scripted_server(const scripted_server&) = delete;
    scripted_server& operator=(const scripted_server&) = delete;
    ~scripted_server() { stop(); }

    [[nodiscard]] const net::endpoint& where() const { return where_; }
    /// For the next connection that comes (not for cancel requests).
    void plan(server_plan next) { plans_.push_back(std::move(next)); }
    void forget_plans() { plans_.clear(); }
    /// Accepts, receives and answers what can be; whether anything moved.
    bool serve();
    /// Lets all paused connections go on; whether there were any.
    bool resume();
    /// Refuses new connections and closes all.
    void stop();

    /// All that ever came, in order; cancel requests have a list of their own.
    std::vector<std::unique_ptr<server_connection_end>> connections{};
    std::vector<std::unique_ptr<server_connection_end>> cancels{};
    bool holds_cancels = false;  ///< leaves the connections of cancel requests open
    bool accepting = true;       ///< false: connections wait to be accepted

    [[nodiscard]] server_connection_end& last() { return *connections.back(); }
    [[nodiscard]] std::size_t open_connections() const;

private:
    void accept_all();
    server_plan next_plan();

    int listener_;
    net::endpoint where_{};
    std::deque<server_plan> plans_;
    std::uint32_t last_number_ = 0;
};

/// What every server says after a start-up packet, up to ReadyForQuery.
std::string login_answer(std::uint32_t number);

}  // namespace penstock::test
