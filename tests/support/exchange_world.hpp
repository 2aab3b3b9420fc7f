// SPDX-License-Identifier: Apache-2.0
//
// Clients that share model servers through fronts and backs, beside the same clients with a model server of their own.
//
// Steps are taken in a random order and in random pieces, and every connection that can be given back may be given
// back, so a client meets whatever others have left behind. At the end each client must have seen what its own server
// would have said.
#pragma once

#include "tests/support/model_server.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace penstock::test {

/// What a client has been sent, in a form in which only differences that matter remain: an error is its code, a report
/// of a parameter counts at the end.
struct transcript {
    std::vector<std::string> replies;
    model_settings::values told;
    std::string rest{};
    std::size_t readies = 0;

    void add(bytes octets)
    {
        rest.append(octets);
        while (rest.size() >= postgresql::header_size && postgresql::load_header(rest).frame_size() <= rest.size()) {
            const auto size = postgresql::load_header(rest).frame_size();
            take(rest.substr(0, size));
            rest.erase(0, size);
        }
    }

private:
    /// Which of its errors a failed transaction gives is all the same.
    void take_ready(char status)
    {
        ++readies;
        if (status == 'E' && status_ == 'E' && replies.size() > 1 && replies[replies.size() - 2].starts_with("error")) {
            replies[replies.size() - 2] = "error in a failed transaction";
        }
        status_ = status;
    }

    void take(const std::string& frame)
    {
        byte_reader body{bytes{frame}.substr(postgresql::header_size)};
        if (frame[0] == 'S') {
            const std::string name{body.c_string()};
            told[name] = body.c_string();
        } else if (frame[0] == 'E') {
            const auto code = frame.find("\0C", 0, 2);
            replies.push_back("error " + frame.substr(code + 2, 5));
        } else if (frame[0] != 'N') {
            replies.push_back(frame);
        }
        if (frame[0] == 'Z') {
            take_ready(frame[5]);
        }
    }

    char status_ = 'I';
};

class exchange_world {
public:
    /// One message group of a program, and whether the client waits for all answers before it.
    struct step {
        std::string octets;
        bool waits = true;
    };
    using program = std::vector<step>;

    exchange_world(std::uint32_t seed, std::size_t servers, std::size_t server_statements) : random_{seed}
    {
        for (std::size_t place = 0; place < servers; ++place) {
            servers_.push_back(std::make_unique<connection>(server_statements));
        }
    }

    void add_client(const parameter_list& startup, program steps)
    {
        clients_.push_back(std::make_unique<participant>(store_, startup, clients_.size() + 1, std::move(steps)));
    }

    /// Runs all programs to their ends. False where nobody can go on, or where a half complains; failure() tells.
    bool run()
    {
        for (std::size_t idle = 0; idle < 20000 && failure_.empty();) {
            auto& next = *clients_[random_() % clients_.size()];
            idle = go_on(next) ? 0 : idle + 1;
            if (std::all_of(clients_.begin(), clients_.end(), [](const auto& each) { return each->is_done(); })) {
                return failure_.empty();
            }
        }
        failure_ = failure_.empty() ? "nobody can go on:" + states() : failure_;
        return false;
    }

    [[nodiscard]] const std::string& failure() const { return failure_; }
    [[nodiscard]] std::size_t size() const { return clients_.size(); }
    [[nodiscard]] const transcript& seen(std::size_t client) const { return clients_[client]->seen; }
    [[nodiscard]] const transcript& wanted(std::size_t client) const { return clients_[client]->wanted; }
    [[nodiscard]] std::size_t moves() const { return moves_; }
    [[nodiscard]] std::size_t most_server_statements() const { return most_statements_; }

    static model_settings::values server_defaults()
    {
        return {{"timezone", "UTC"}, {"work_mem", "4MB"}, {"application_name", ""}};
    }

private:
    struct connection {
        explicit connection(std::size_t limit) : half{limit} {}
        postgresql::back half;
        model_server model{server_defaults()};
        std::string unread;  ///< what the server has sent and nobody has taken
        bool lent = false;
    };

    struct participant {
        participant(postgresql::statement_store& store,
                    const parameter_list& startup,
                    std::size_t number,
                    program steps)
            : half{store, {}, parameter_set::of(startup), number}, direct{with(startup)}, work{std::move(steps)}
        {
            const auto values = with(startup);
            const parameter_list greeting = {{"TimeZone", values.at("timezone")},
                                             {"application_name", values.at("application_name")}};
            half.greeted(std::make_shared<const parameter_list>(greeting));
            wanted.told = {greeting.begin(), greeting.end()};
            seen.told = wanted.told;
        }

        static model_settings::values with(const parameter_list& startup)
        {
            auto values = server_defaults();
            for (const auto& [name, value] : startup) {
                values[name] = value;
            }
            return values;
        }

        [[nodiscard]] bool is_done() const
        {
            return at == work.size() && unsent.empty() && pending.empty() && seen.readies == wanted.readies &&
                   lease == nullptr;
        }

        postgresql::front half;
        model_server direct;
        program work;
        std::size_t at = 0;
        std::string unsent;   ///< of the step under way
        std::string pending;  ///< sent and not consumed
        bool holds = false;   ///< for answers
        connection* lease = nullptr;
        transcript seen;
        transcript wanted;
    };

    /// Why they do not.
    [[nodiscard]] std::string states() const
    {
        std::string text;
        for (const auto& each : clients_) {
            text += " [step " + std::to_string(each->at) + ", pins " + to_string(each->half.pins()) +
                    (each->lease == nullptr        ? ""
                     : each->lease->half.is_idle() ? ", idle server"
                                                   : ", busy server") +
                    (each->holds ? ", holds" : "") + (each->pending.empty() ? "" : ", pending ") +
                    each->pending.substr(0, 40) + "]";
        }
        return text;
    }

    bool go_on(participant& client)
    {
        if (random_() % 2 == 0 && client.lease != nullptr && !client.lease->unread.empty()) {
            take_from_server(client);
            return true;
        }
        if (client.holds) {
            if (client.lease != nullptr && !client.lease->half.is_quiet()) {
                return false;
            }
            client.holds = false;
            consume(client);
            return true;
        }
        if (client.unsent.empty() && client.at < client.work.size() &&
            (!client.work[client.at].waits || client.seen.readies == client.wanted.readies)) {
            client.unsent = client.work[client.at++].octets;
            client.wanted.add(client.direct.answer(client.unsent));
        }
        if (!client.unsent.empty()) {
            const auto size = random_() % 3 == 0 ? 1 + random_() % client.unsent.size() : client.unsent.size();
            client.pending.append(client.unsent, 0, size);
            client.unsent.erase(0, size);
            consume(client);
            return true;
        }
        if (!client.pending.empty() && client.lease == nullptr) {
            consume(client);
            return true;
        }
        return false;
    }

    void consume(participant& client)
    {
        std::size_t taken = 0;
        while (true) {
            auto progress = front_progress{};
            {
                outbox to_server{server_scratch_};
                outbox to_client{client_scratch_};
                auto* const server = client.lease == nullptr ? nullptr : &client.lease->half;
                progress = client.half.consume(bytes{client.pending}.substr(taken), server, to_server, to_client);
                deliver(client, to_server, to_client);
            }
            taken += progress.consumed;
            if (progress.need == front_need::close || progress.need == front_need::leave) {
                failure_ = "client " + client.half.error().detail;
            } else if (progress.need == front_need::answers) {
                client.holds = true;
            } else if (progress.need == front_need::server && lend(client)) {
                continue;
            }
            break;
        }
        client.pending.erase(0, taken);
        after_answers(client);
    }

    bool lend(participant& client)
    {
        std::vector<connection*> free;
        for (const auto& each : servers_) {
            if (!each->lent) {
                free.push_back(each.get());
            }
        }
        if (free.empty()) {
            return false;
        }
        client.lease = free[random_() % free.size()];
        client.lease->lent = true;
        ++moves_;
        return true;
    }

    void take_from_server(participant& client)
    {
        auto& unread = client.lease->unread;
        const auto size = random_() % 3 == 0 ? 1 + random_() % unread.size() : unread.size();
        auto buffer = std::string(room_in_front, '\xaa') + unread.substr(0, size);
        const auto chunk = bytes{buffer}.substr(room_in_front);
        unread.erase(0, size);
        {
            outbox to_client{client_scratch_, buffer};
            if (client.lease->half.advance(chunk, client.half, to_client) != advance_result::ok) {
                failure_ = "server: " + client.lease->half.last_error().detail;
            }
            client.seen.add(to_client.contents());
        }
        most_statements_ = std::max(most_statements_, client.lease->model.statement_count());
        after_answers(client);
    }

    void deliver(participant& client, outbox& to_server, outbox& to_client)
    {
        if (!to_server.empty()) {
            client.lease->unread.append(client.lease->model.answer(to_server.contents()));
        }
        client.seen.add(to_client.contents());
    }

    void after_answers(participant& client)
    {
        if (client.lease == nullptr || !client.lease->half.is_quiet()) {
            return;
        }
        {
            outbox to_server{server_scratch_};
            outbox to_client{client_scratch_};
            client.half.settle(client.lease->half, to_server, to_client);
            deliver(client, to_server, to_client);
        }
        if (auto healed = client.half.take_healed_batch(); !healed.empty()) {
            client.pending.insert(0, healed);
            consume(client);
            return;
        }
        if (client.lease->half.must_close) {
            failure_ = "the connection must be closed";
        }
        const bool last = client.at == client.work.size() && client.unsent.empty();
        if (client.lease->half.is_idle() && !client.half.must_stay() && !client.half.is_mid_message() &&
            !client.holds && (last || random_() % 4 != 0)) {
            client.lease->lent = false;
            client.lease = nullptr;
        }
    }

    std::mt19937 random_;
    postgresql::statement_store store_;
    std::vector<std::unique_ptr<connection>> servers_;
    std::vector<std::unique_ptr<participant>> clients_;
    static constexpr std::size_t room_in_front = 16;  // as in a driver's buffers

    std::string server_scratch_;
    std::string client_scratch_;
    std::string failure_;
    std::size_t moves_ = 0;
    std::size_t most_statements_ = 0;
};

}  // namespace penstock::test
