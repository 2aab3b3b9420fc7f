// SPDX-License-Identifier: Apache-2.0
//
// A scripted sql_client: it keeps the questions, and the test answers them.
#pragma once

#include "control/sql_client.hpp"

#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace penstock::control {

/// What all clients of one factory were asked, and where they were aimed.
struct fake_database {
    struct question {
        sql_query query;
        std::function<void(sql_answer)> answer;
        const void* client;
    };
    std::deque<question> questions{};
    std::vector<sql_target> targets{};

    [[nodiscard]] sql_client_factory factory();
    /// Answers the oldest question.
    void answer(sql_answer with)
    {
        const auto first = std::move(questions.front());
        questions.pop_front();
        first.answer(std::move(with));
    }
};

class fake_sql_client final : public sql_client {
public:
    explicit fake_sql_client(fake_database& of) : of_{&of} {}
    ~fake_sql_client() override
    {
        std::erase_if(of_->questions, [this](const auto& question) { return question.client == this; });
    }
    void ask(sql_query query, duration, std::function<void(sql_answer)> answer) override
    {
        of_->questions.push_back({std::move(query), std::move(answer), this});
    }

private:
    fake_database* of_;
};

inline sql_client_factory fake_database::factory()
{
    return [this](const sql_target& target) {
        targets.push_back(target);
        return std::make_unique<fake_sql_client>(*this);
    };
}

inline sql_answer one_row(sql_row row)
{
    sql_answer answer;
    answer.columns = std::vector<std::string>(row.size(), "c");
    answer.rows.push_back(std::move(row));
    return answer;
}

inline sql_answer fault(std::string sentence, std::string sqlstate = {})
{
    sql_answer answer;
    answer.fault = std::move(sentence);
    answer.sqlstate = std::move(sqlstate);
    return answer;
}

}  // namespace penstock::control
