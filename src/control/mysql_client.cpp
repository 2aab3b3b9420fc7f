// SPDX-License-Identifier: Apache-2.0
//
// One coroutine per client serves its queue: connect and log in if need be, hold the conversation, answer.
//
// An alarm closes the socket when the query's time is up; whatever was under way then fails, and the connection is
// dropped: its state is unknown.
#include "control/mysql_client.hpp"

#include "control/control_socket.hpp"
#include "control/mysql_exchange.hpp"
#include "control/mysql_text.hpp"
#include "control/query_queue.hpp"
#include "net/tls_context.hpp"
#include "protocols/mysql/capabilities.hpp"
#include "protocols/mysql/packet.hpp"
#include "protocols/mysql/server_login.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>
#include <vector>

namespace penstock::control {
namespace asio = boost::asio;

namespace {

using tls_mode = server_account::tls_mode;

bool is_local(const sql_target& target)
{
    return target.host.starts_with('/');
}

std::string name_of(const sql_target& target)
{
    return is_local(target) ? target.host : target.host + ":" + std::to_string(target.port);
}

sql_answer failed(std::string sentence)
{
    sql_answer answer;
    answer.fault = std::move(sentence);
    return answer;
}

/// libpq's meaning of the modes: `require` with an authority checks like `verify-ca`.
net::tls_options tls_options_of(const sql_target& target)
{
    using verify = net::tls_options::verify;
    net::tls_options options;
    options.ca_file = target.ca_file;
    options.certificate_file = target.certificate_file;
    options.key_file = target.key_file;
    switch (target.tls) {
        case tls_mode::verify_full: options.verify_peer = verify::full; break;
        case tls_mode::verify_ca: options.verify_peer = verify::required; break;
        case tls_mode::require: options.verify_peer = target.ca_file.empty() ? verify::none : verify::required; break;
        case tls_mode::disable:
        case tls_mode::allow:
        case tls_mode::prefer: break;
    }
    return options;
}

server_account account_of(const sql_target& target, tls_mode tls)
{
    constexpr std::uint16_t utf8mb4_general_ci = 45;  // known to all versions of both products
    server_account account;
    account.user = target.user;
    account.database = target.database;
    account.password = target.password;
    account.tls = tls;
    account.collation = utf8mb4_general_ci;
    account.attributes = {{"program_name", target.application_name}};
    account.fetch_public_key = target.fetch_public_key || is_local(target);  // nobody is between us and a Unix socket
    account.public_key = target.public_key;
    return account;
}

std::vector<net::endpoint> endpoints_of(const sql_target& target)
{
    std::vector<net::endpoint> places;
    if (is_local(target)) {
        if (auto place = net::numeric_endpoint(target.host, 0)) {
            places.push_back(*place);
        }
        return places;
    }
    for (const auto& address : target.addresses) {
        if (auto place = net::numeric_endpoint(address, target.port)) {
            places.push_back(*place);
        }
    }
    return places;
}

/// A server's own words keep their codes; everything else is a fault on the way.
sql_answer fault_of_login(const sql_target& target, const client_error& error, const std::string& tls_fault)
{
    auto answer = failed("login to " + name_of(target) + " failed: " + one_line(error.detail));
    if (!tls_fault.empty()) {
        answer.fault += ": " + one_line(tls_fault);
    }
    answer.error_number = error.number;
    answer.sqlstate = error.number != 0 && error.sqlstate.empty() ? "HY000" : error.sqlstate;
    return answer;
}

}  // namespace

struct mysql_client::state final : query_queue {
    state(asio::io_context& context, sql_target where) : query_queue{context}, target{std::move(where)} {}

    sql_target target;
    std::unique_ptr<control_socket> wire{};
    server_identity server{};  ///< where logged in
    bool logged_in = false;
    std::string tls_fault{};     ///< of the last login
    bool login_refused = false;  ///< the last login failed although the server was there

    asio::awaitable<sql_answer> answer_to(const sql_query& query) override;
    asio::awaitable<sql_answer> connect();
    asio::awaitable<sql_answer> connect(tls_mode tls);
    asio::awaitable<sql_answer> log_in(tls_mode tls);
    asio::awaitable<sql_answer> run(const sql_query& query);
    asio::awaitable<void> converse(dialogue& line, std::function<bool()> done);
    asio::awaitable<void> shake_hands(dialogue& line);

    void interrupt() override;
    void disconnect() override;
    void drop();
    sql_answer timed_out() const;
};

mysql_client::mysql_client(loop& on, sql_target target)
    : state_{std::make_shared<state>(on.context(), std::move(target))}
{
}

mysql_client::~mysql_client()
{
    state_->leave();
}

void mysql_client::ask(sql_query query, duration patience, std::function<void(sql_answer)> answer)
{
    state_->ask(std::move(query), patience, std::move(answer));
}

sql_client_factory mysql_client::factory(loop& on)
{
    return [&on](const sql_target& target) { return std::make_unique<mysql_client>(on, target); };
}

/// A connection that was idle may have died unseen, so a lost one is replaced once.
asio::awaitable<sql_answer> mysql_client::state::answer_to(const sql_query& query)
{
    if (logged_in && wire->is_silent()) {
        auto answer = co_await run(query);
        if (answer.ok() || logged_in || is_over()) {
            co_return answer;
        }
    }
    drop();
    auto answer = co_await connect();
    if (answer.ok()) {
        answer = co_await run(query);
    }
    co_return answer;
}

/// `allow` goes without TLS first and with it where that was refused.
asio::awaitable<sql_answer> mysql_client::state::connect()
{
    const auto mode = is_local(target) ? tls_mode::disable : target.tls;
    auto answer = co_await connect(mode == tls_mode::allow ? tls_mode::disable : mode);
    if (!answer.ok() && mode == tls_mode::allow && login_refused && !is_over()) {
        answer = co_await connect(tls_mode::require);
    }
    co_return answer;
}

asio::awaitable<sql_answer> mysql_client::state::connect(tls_mode tls)
{
    std::string fault = "no address is known";
    for (const auto& place : endpoints_of(target)) {
        if (is_over()) {
            break;
        }
        wire = std::make_unique<control_socket>(io());
        fault = co_await wire->connect(place);
        if (fault.empty()) {
            co_return co_await log_in(tls);
        }
    }
    const bool late = is_over();
    drop();
    co_return late ? timed_out() : failed("connecting to " + name_of(target) + " failed: " + fault);
}

asio::awaitable<sql_answer> mysql_client::state::log_in(tls_mode tls)
{
    dialogue line;
    tls_fault.clear();
    login_refused = false;
    auto account = account_of(target, tls);
    auto talk = mysql::server_login(line, std::move(account));
    talk.start();
    co_await converse(line, [&talk] { return talk.done(); });
    auto result = talk.take();
    if (!result) {
        auto answer = is_over() ? timed_out() : fault_of_login(target, result.error(), tls_fault);
        login_refused = result.error().kind == error_kind::server_login_failed;
        drop();
        co_return answer;
    }
    server = std::move(*result);
    logged_in = true;
    co_return sql_answer{};
}

asio::awaitable<sql_answer> mysql_client::state::run(const sql_query& query)
{
    dialogue line;
    auto talk = ask_mysql(line, query, server.capabilities);
    talk.start();
    co_await converse(line, [&talk] { return talk.done(); });
    auto reply = talk.take();
    if (reply.broken) {
        const bool late = is_over();
        auto answer = late ? timed_out() : std::move(reply.answer);
        drop();
        co_return answer;
    }
    reply.answer.version_text = server.greeting.version;
    reply.answer.server_version = mysql_version_number(server.greeting.version);
    if (!line.buffered().empty()) {
        drop();  // it says what nobody has asked for
    }
    co_return std::move(reply.answer);
}

/// Does what the conversation wants until it has ended; what fails is told to it as the end of the server's words.
asio::awaitable<void> mysql_client::state::converse(dialogue& line, std::function<bool()> done)
{
    while (true) {
        const bool sent = co_await wire->send(std::exchange(line.to_send(), {}));
        if (done()) {
            co_return;
        }
        if (!sent || is_over()) {
            line.end_of_input();
        }
        if (line.waiting_for() == want::input) {
            const auto octets = co_await wire->receive();
            if (octets) {
                line.feed(*octets);
            } else {
                line.end_of_input();
            }
        } else if (line.waiting_for() == want::tls) {
            co_await shake_hands(line);
        }
    }
}

asio::awaitable<void> mysql_client::state::shake_hands(dialogue& line)
{
    const auto context = net::make_client_context(tls_options_of(target));
    if (!context) {
        tls_fault = context.error().detail;
        co_return line.tls_done(std::nullopt);
    }
    auto facts = co_await wire->shake_hands(**context, target.host);
    tls_fault = wire->fault();
    line.tls_done(std::move(facts));
}

void mysql_client::state::interrupt()
{
    if (wire) {
        wire->cancel();
    }
}

void mysql_client::state::disconnect()
{
    if (logged_in) {
        std::string farewell;
        mysql::append_packet(farewell, 0, bytes{"\x01"});  // COM_QUIT; without it servers log an aborted connection
        wire->send_at_once(farewell);
    }
    drop();
}

void mysql_client::state::drop()
{
    wire.reset();
    logged_in = false;
}

sql_answer mysql_client::state::timed_out() const
{
    return failed(std::string{logged_in ? "no answer from " : "no connection to "} + name_of(target) + " in time");
}

}  // namespace penstock::control
