// SPDX-License-Identifier: Apache-2.0
//
// The part that every sql_client has: queries asked one after the other by one coroutine, each with its deadline.
//
// What is asked and how is the derived class's: it lives in a shared_ptr that the coroutine shares with the client, so
// that it outlives a client that is destroyed in the middle of a query.
#pragma once

#include "control/sql_client.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <functional>
#include <memory>

namespace penstock::control {

class query_queue : public std::enable_shared_from_this<query_queue> {
public:
    explicit query_queue(boost::asio::io_context& io) : io_{io} {}
    query_queue(const query_queue&) = delete;
    query_queue& operator=(const query_queue&) = delete;
    virtual ~query_queue() = default;

    /// As sql_client::ask().
    void ask(sql_query query, duration patience, std::function<void(sql_answer)> answer);
    /// The client is gone: nothing is answered any more, and the connection ends.
    void leave();

protected:
    [[nodiscard]] boost::asio::io_context& io() { return io_; }
    /// The query under way is to be given up: its time is over, or nobody waits for it.
    [[nodiscard]] bool is_over() const { return gone_ || clock::now() >= deadline_; }

private:
    struct job {
        sql_query query;
        time_point deadline;
        std::function<void(sql_answer)> answer;
    };

    virtual boost::asio::awaitable<sql_answer> answer_to(const sql_query& query) = 0;
    /// Ends the wait that answer_to() is in, if it is in one: is_over() has become true.
    virtual void interrupt() = 0;
    virtual void disconnect() = 0;

    static boost::asio::awaitable<void> serve(std::shared_ptr<query_queue> self);
    void set_alarm(time_point when);

    boost::asio::io_context& io_;
    std::deque<job> jobs_{};
    bool serving_ = false;  ///< the coroutine is running
    bool gone_ = false;
    boost::asio::steady_timer alarm_{io_};
    time_point deadline_{};
};

}  // namespace penstock::control
