// SPDX-License-Identifier: Apache-2.0
//
// An alarm interrupts the query under way when its time is up; the derived class then drops the connection, whose state
// nobody knows.
#include "control/query_queue.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <utility>

namespace penstock::control {
namespace asio = boost::asio;

void query_queue::ask(sql_query query, duration patience, std::function<void(sql_answer)> answer)
{
    jobs_.push_back({std::move(query), clock::now() + patience, std::move(answer)});
    if (!serving_) {
        serving_ = true;
        asio::co_spawn(io_, serve(shared_from_this()), asio::detached);
    }
}

void query_queue::leave()
{
    gone_ = true;
    jobs_.clear();
    alarm_.cancel();
    if (serving_) {
        interrupt();  // the coroutine still uses the connection
    } else {
        disconnect();
    }
}

asio::awaitable<void> query_queue::serve(std::shared_ptr<query_queue> self)
{
    co_await asio::post(self->io_, asio::use_awaitable);  // never answer from inside ask()
    while (!self->gone_ && !self->jobs_.empty()) {
        auto next = std::move(self->jobs_.front());
        self->jobs_.pop_front();
        self->set_alarm(next.deadline);
        sql_answer answer;
        try {
            answer = co_await self->answer_to(next.query);
        } catch (const std::exception& why) {  // whoever asks waits for nothing else
            answer.fault = why.what();
            self->disconnect();
        }
        self->alarm_.cancel();
        if (!self->gone_) {
            next.answer(std::move(answer));  // may destroy the client or ask again
        }
    }
    self->serving_ = false;
    if (self->gone_) {
        self->disconnect();
    }
}

void query_queue::set_alarm(time_point when)
{
    deadline_ = when;
    alarm_.expires_at(when);
    alarm_.async_wait([weak = weak_from_this()](const boost::system::error_code& fault) {
        const auto self = weak.lock();
        if (!fault && self && self->serving_ && clock::now() >= self->deadline_) {
            self->interrupt();
        }
    });
}

}  // namespace penstock::control
