// SPDX-License-Identifier: Apache-2.0
//
// Whoever asks gets an answer, whatever becomes of the question.
#include "control/query_queue.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace penstock;
using namespace penstock::control;

namespace {

/// Fails at what is asked by "throw", and answers the rest with its own text.
struct queue final : query_queue {
    using query_queue::query_queue;

    boost::asio::awaitable<sql_answer> answer_to(const sql_query& query) override
    {
        if (query.text == "throw") {
            throw std::runtime_error{"no memory"};
        }
        sql_answer answer;
        answer.rows = {{query.text}};
        co_return answer;
    }
    void interrupt() override {}
    void disconnect() override { ++disconnects; }

    int disconnects = 0;
};

TEST(QueryQueue, AnswersWithAFaultWhatItFailsAtAndGoesOnWithANewConnection)
{
    boost::asio::io_context io;
    const auto asked = std::make_shared<queue>(io);
    std::vector<std::string> told;
    const auto tell = [&told](const sql_answer& answer) {
        told.push_back(answer.ok() ? answer.rows[0][0].value() : "fault: " + answer.fault);
    };
    for (const auto* text : {"1", "throw", "2"}) {
        asked->ask({text, {}}, seconds{10}, tell);
    }
    io.run();
    EXPECT_EQ(told, (std::vector<std::string>{"1", "fault: no memory", "2"}));
    EXPECT_EQ(asked->disconnects, 1);
    io.restart();
    asked->ask({"3", {}}, seconds{10}, tell);
    io.run();
    EXPECT_EQ(told.back(), "3");
}

}  // namespace
