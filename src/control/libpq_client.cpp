// SPDX-License-Identifier: Apache-2.0
//
// One coroutine per client serves its queue: connect if need be, send, collect rows, answer.
//
// libpq may close and reopen its socket under the same number while it connects, so every wait is done on a fresh
// duplicate of the descriptor; a few queries a second do not mind. An alarm cancels the wait under way when the query's
// time is up, and the connection is then dropped: its state is unknown.
#include "control/libpq_client.hpp"

#include "control/libpq_text.hpp"
#include "control/query_queue.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <libpq-fe.h>
#include <openssl/crypto.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace penstock::control {
namespace asio = boost::asio;

namespace {

struct close_connection {
    void operator()(PGconn* connection) const { PQfinish(connection); }
};
using connection_ptr = std::unique_ptr<PGconn, close_connection>;

struct clear_result {
    void operator()(PGresult* answer) const { PQclear(answer); }
};
using result_ptr = std::unique_ptr<PGresult, clear_result>;

/// Keywords and values as PQconnectStartParams takes them.
class parameters {
public:
    void add(const char* keyword, std::string value)
    {
        if (!value.empty()) {
            keywords_.push_back(keyword);
            values_.push_back(std::move(value));
        }
    }

    connection_ptr start()
    {
        std::vector<const char*> values;
        for (const auto& value : values_) {
            values.push_back(value.c_str());
        }
        keywords_.push_back(nullptr);
        values.push_back(nullptr);
        return connection_ptr{PQconnectStartParams(keywords_.data(), values.data(), 0)};
    }

    parameters() = default;
    parameters(const parameters&) = delete;
    parameters& operator=(const parameters&) = delete;
    ~parameters()
    {
        for (auto& value : values_) {
            OPENSSL_cleanse(value.data(), value.size());
        }
    }

private:
    std::vector<const char*> keywords_{};
    std::vector<std::string> values_{};
};

const char* name_of(server_account::tls_mode mode)
{
    using tls_mode = server_account::tls_mode;
    switch (mode) {
        case tls_mode::disable: return "disable";
        case tls_mode::allow: return "allow";
        case tls_mode::prefer: return "prefer";
        case tls_mode::require: return "require";
        case tls_mode::verify_ca: return "verify-ca";
        case tls_mode::verify_full: break;
    }
    return "verify-full";
}

/// `part` once for each address, or once where there is none, separated by commas.
std::string repeated(const std::string& part, std::size_t times)
{
    auto list = part;
    for (std::size_t count = 1; count < times; ++count) {
        list += ',' + part;
    }
    return list;
}

std::string joined(const std::vector<std::string>& parts)
{
    std::string list;
    for (const auto& part : parts) {
        list += (list.empty() ? "" : ",") + part;
    }
    return list;
}

connection_ptr start_connecting(const sql_target& target)
{
    parameters all;
    all.add("host", repeated(target.host, target.addresses.size()));
    all.add("hostaddr", joined(target.addresses));
    all.add("port", std::to_string(target.port));
    all.add("user", target.user);
    all.add("dbname", target.database.empty() ? target.user : target.database);
    all.add("password", std::string{target.password.reveal()});
    all.add("passfile", "/dev/null");  // nobody's ~/.pgpass
    all.add("sslmode", name_of(target.tls));
    all.add("sslrootcert", target.ca_file);
    all.add("sslcert", target.certificate_file);
    all.add("sslkey", target.key_file);
    all.add("gssencmode", "disable");
    all.add("client_encoding", "UTF8");
    all.add("application_name", target.application_name);
    all.add("options", "-c search_path=pg_catalog -c TimeZone=UTC -c DateStyle=ISO -c statement_timeout=30000");
    return all.start();
}

void drop_notice(void*, const PGresult*) {}

sql_answer failed(std::string sentence, std::string sqlstate = {})
{
    sql_answer answer;
    answer.fault = std::move(sentence);
    answer.sqlstate = std::move(sqlstate);
    return answer;
}

/// Adds a row; false where the answer would exceed its bounds.
bool add_rows(sql_answer& answer, const PGresult* from, std::size_t& octets)
{
    const auto columns = PQnfields(from);
    for (int row = 0; row < PQntuples(from); ++row) {
        sql_row values;
        for (int column = 0; column < columns; ++column) {
            const auto size = static_cast<std::size_t>(PQgetlength(from, row, column));
            octets += size + sizeof(sql_value);
            if (octets > libpq_client::most_octets) {
                return false;
            }
            values.push_back(PQgetisnull(from, row, column) != 0
                                 ? sql_value{}
                                 : sql_value{std::string{PQgetvalue(from, row, column), size}});
        }
        answer.rows.push_back(std::move(values));
    }
    return answer.rows.size() <= libpq_client::most_rows;
}

void take_columns(sql_answer& answer, const PGresult* from)
{
    answer.columns.clear();
    for (int column = 0; column < PQnfields(from); ++column) {
        answer.columns.emplace_back(PQfname(from, column));
    }
}

}  // namespace

struct libpq_client::state final : query_queue {
    state(asio::io_context& context, sql_target where) : query_queue{context}, target{std::move(where)} {}

    sql_target target;
    connection_ptr connection{};
    asio::posix::stream_descriptor* waiting = nullptr;

    asio::awaitable<sql_answer> answer_to(const sql_query& query) override;
    asio::awaitable<sql_answer> connect();
    asio::awaitable<sql_answer> run(const sql_query& query);
    asio::awaitable<bool> flush();
    asio::awaitable<sql_answer> collect();
    asio::awaitable<result_ptr> next_result(bool& in_time);
    asio::awaitable<bool> ready(asio::posix::stream_descriptor::wait_type what);

    bool send(const sql_query& query);
    [[nodiscard]] bool is_connected() const { return connection && PQstatus(connection.get()) == CONNECTION_OK; }
    bool is_alive_when_idle();
    void interrupt() override;
    void disconnect() override;
    sql_answer fault_of_connection();
    sql_answer timed_out();
};

libpq_client::libpq_client(loop& on, sql_target target)
    : state_{std::make_shared<state>(on.context(), std::move(target))}
{
}

libpq_client::~libpq_client()
{
    state_->leave();
}

void libpq_client::ask(sql_query query, duration patience, std::function<void(sql_answer)> answer)
{
    state_->ask(std::move(query), patience, std::move(answer));
}

sql_client_factory libpq_client::factory(loop& on)
{
    return [&on](const sql_target& target) { return std::make_unique<libpq_client>(on, target); };
}

/// A connection that was idle may have died unseen, so a lost one is replaced once.
asio::awaitable<sql_answer> libpq_client::state::answer_to(const sql_query& query)
{
    if (is_alive_when_idle()) {
        auto answer = co_await run(query);
        if (answer.ok() || connection) {
            co_return answer;
        }
    }
    auto answer = co_await connect();
    if (answer.ok()) {
        answer = co_await run(query);
    }
    co_return answer;
}

asio::awaitable<sql_answer> libpq_client::state::connect()
{
    connection = start_connecting(target);
    if (!connection || PQstatus(connection.get()) == CONNECTION_BAD) {
        co_return fault_of_connection();
    }
    PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
    PQsetNoticeReceiver(connection.get(), drop_notice, nullptr);
    auto next = PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED) {
            co_return fault_of_connection();
        }
        const auto what = next == PGRES_POLLING_READING ? asio::posix::stream_descriptor::wait_read
                                                        : asio::posix::stream_descriptor::wait_write;
        const bool is_ready = co_await ready(what);
        if (!is_ready) {
            co_return timed_out();
        }
        next = PQconnectPoll(connection.get());
    }
    PQsetnonblocking(connection.get(), 1);
    co_return sql_answer{};
}

asio::awaitable<sql_answer> libpq_client::state::run(const sql_query& query)
{
    if (!send(query)) {
        co_return fault_of_connection();
    }
    const bool sent = co_await flush();
    if (!sent) {
        auto answer = is_connected() ? timed_out() : fault_of_connection();
        co_return answer;
    }
    auto answer = co_await collect();
    co_return answer;
}

bool libpq_client::state::send(const sql_query& query)
{
    std::vector<const char*> values;
    for (const auto& value : query.parameters) {
        values.push_back(value.c_str());
    }
    return PQsendQueryParams(connection.get(),
                             query.text.c_str(),
                             static_cast<int>(values.size()),
                             nullptr,
                             values.data(),
                             nullptr,
                             nullptr,
                             0) == 1 &&
           PQsetSingleRowMode(connection.get()) == 1;
}

/// Only one query is under way, so the server has nothing to say that we would have to read first.
asio::awaitable<bool> libpq_client::state::flush()
{
    for (auto rest = PQflush(connection.get()); rest != 0; rest = PQflush(connection.get())) {
        if (rest < 0) {
            co_return false;
        }
        const bool is_ready = co_await ready(asio::posix::stream_descriptor::wait_write);
        if (!is_ready) {
            co_return false;
        }
    }
    co_return true;
}

asio::awaitable<sql_answer> libpq_client::state::collect()
{
    sql_answer answer;
    std::size_t octets = 0;
    bool in_time = true;
    while (true) {
        const auto part = co_await next_result(in_time);
        if (!part) {
            break;
        }
        switch (PQresultStatus(part.get())) {
            case PGRES_SINGLE_TUPLE:
            case PGRES_TUPLES_OK:
                take_columns(answer, part.get());
                if (!add_rows(answer, part.get(), octets)) {
                    connection.reset();
                    co_return failed("the server's answer is larger than expected");
                }
                break;
            case PGRES_COMMAND_OK: break;
            case PGRES_FATAL_ERROR: {
                const auto fault = read_libpq_fault(PQresultErrorMessage(part.get()));
                const auto* sqlstate = PQresultErrorField(part.get(), PG_DIAG_SQLSTATE);
                answer = failed(fault.sentence, sqlstate == nullptr ? "" : sqlstate);
                break;
            }
            default: connection.reset(); co_return failed("the server answered with something that is no rows");
        }
    }
    if (!in_time) {
        co_return timed_out();
    }
    if (!is_connected()) {
        connection.reset();
    } else {
        answer.server_version = static_cast<std::uint32_t>(std::max(0, PQserverVersion(connection.get())));
    }
    co_return answer;
}

/// The next part of the answer; nothing at its end, and nothing with in_time false at the deadline.
asio::awaitable<result_ptr> libpq_client::state::next_result(bool& in_time)
{
    while (is_connected() && PQisBusy(connection.get()) != 0) {
        in_time = co_await ready(asio::posix::stream_descriptor::wait_read);
        if (!in_time) {
            co_return nullptr;
        }
        PQconsumeInput(connection.get());  // a failure shows as a result of its own
    }
    result_ptr next{PQgetResult(connection.get())};
    co_return next;
}

/// Waits for the socket; false where the time is up or the client gone.
asio::awaitable<bool> libpq_client::state::ready(asio::posix::stream_descriptor::wait_type what)
{
    const int copy = fcntl(PQsocket(connection.get()), F_DUPFD_CLOEXEC, 0);
    if (copy < 0 || is_over()) {
        if (copy >= 0) {
            ::close(copy);
        }
        co_return false;
    }
    asio::posix::stream_descriptor socket{io(), copy};
    waiting = &socket;
    const auto [fault] = co_await socket.async_wait(what, asio::as_tuple(asio::use_awaitable));
    waiting = nullptr;
    co_return !fault && !is_over();
}

/// An idle connection has nothing to read, unless the server ended it.
bool libpq_client::state::is_alive_when_idle()
{
    if (is_connected() && (PQconsumeInput(connection.get()) == 0 || !is_connected())) {
        connection.reset();
    }
    return is_connected();
}

void libpq_client::state::interrupt()
{
    if (waiting != nullptr) {
        waiting->cancel();
    }
}

void libpq_client::state::disconnect()
{
    connection.reset();
}

sql_answer libpq_client::state::fault_of_connection()
{
    const auto fault = read_libpq_fault(connection ? PQerrorMessage(connection.get()) : "out of memory");
    connection.reset();
    return failed(fault.sentence, fault.sqlstate);
}

sql_answer libpq_client::state::timed_out()
{
    const bool was_connected = is_connected();
    connection.reset();
    return failed(std::string{was_connected ? "no answer from " : "no connection to "} + target.host + ":" +
                  std::to_string(target.port) + " in time");
}

}  // namespace penstock::control
