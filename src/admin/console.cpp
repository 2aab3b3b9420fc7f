// SPDX-License-Identifier: Apache-2.0
#include "admin/console.hpp"

#include "admin/orders.hpp"

#include "net/driver.hpp"
#include "net/event.hpp"
#include "net/stream.hpp"
#include "protocols/postgresql/errors.hpp"
#include "protocols/postgresql/frame.hpp"
#include "protocols/postgresql/protocol.hpp"
#include "telemetry/log.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

namespace penstock::admin {

namespace {

constexpr std::size_t longest_message = 64 * 1024;
constexpr std::uint32_t most_guests = 100;  ///< of the process; they are not among max_client_connections
constexpr auto write_patience = seconds{60};

/// What all clients of the console share.
struct hall {
    reporter& reports;
    reload_request reload;
    route_request route;
    std::atomic<std::uint32_t> guests{0};
};

/// A value that comes from elsewhere; `tell` is null once nobody waits for it any more.
template <class T>
struct awaited {
    std::optional<T> value{};
    net::event* tell = nullptr;

    void arrive(T what)
    {
        value = std::move(what);
        if (tell != nullptr) {
            tell->notify();
        }
    }
};

class guest {
public:
    guest(hall& in, proxy::worker& on, net::stream& wire, net::event& event, proxy::console_client client)
        : hall_{in},
          worker_{on},
          wire_{wire},
          event_{event},
          client_{std::move(client)},
          role_{role_of(*on.current()->settings, client_.who.user)},
          dialogue_{role_},
          input_{std::move(client_.early)}
    {
        hall_.guests.fetch_add(1, std::memory_order_relaxed);
    }
    ~guest() { hall_.guests.fetch_sub(1, std::memory_order_relaxed); }
    guest(const guest&) = delete;
    guest& operator=(const guest&) = delete;

    task<void> run();

private:
    bool welcome();
    void greet();
    void refuse(const client_error& why);
    bool take_frame(char& type, bytes& body);
    task<void> read_more();
    task<void> answer(char type, bytes body);
    task<snapshot_ptr> look(detail how);
    task<std::optional<client_error>> carry_out(command what);
    task<std::optional<client_error>> wait_for(command what);
    task<std::optional<client_error>> reload();
    task<void> wait_for_room();
    [[nodiscard]] bool goes_on() const
    {
        return !over_ && !dialogue_.has_ended() && !client_.must_end() && !wire_.failed();
    }

    hall& hall_;
    proxy::worker& worker_;
    net::stream& wire_;
    net::event& event_;
    proxy::console_client client_;
    console_role role_;
    console_dialogue dialogue_;
    std::string input_;
    bool over_ = false;
};

task<void> guest::run()
{
    if (!welcome()) {
        co_return;
    }
    greet();
    char type = 0;
    bytes body;
    while (goes_on()) {
        if (take_frame(type, body)) {
            co_await answer(type, body);
            input_.erase(0, postgresql::header_size + body.size());
            co_await wait_for_room();
        } else if (!over_) {
            co_await read_more();
        }
    }
    if (client_.must_end()) {
        refuse({error_kind::shutting_down, {}});
    }
}

/// Whether this client may come in; told if not.
bool guest::welcome()
{
    if (role_ == console_role::none) {
        log::info("client may not use the console", {{"client", wire_.peer_address()}, {"user", client_.who.user}});
        refuse({error_kind::invalid_authorization,
                "user \"" + client_.who.user + "\" is neither in admin_users nor in stats_users",
                {}});
        return false;
    }
    if (hall_.guests.load(std::memory_order_relaxed) > most_guests) {
        refuse({error_kind::too_many_clients, "too many clients on the console"});
        return false;
    }
    return true;
}

void guest::greet()
{
    // Drivers read a version of PostgreSQL from server_version, so it looks like one.
    const parameter_list parameters{{"server_version", "16.0 (Penstock " + std::string{version()} + ")"},
                                    {"server_encoding", "UTF8"},
                                    {"client_encoding", "UTF8"},
                                    {"DateStyle", "ISO, MDY"},
                                    {"IntervalStyle", "postgres"},
                                    {"TimeZone", "UTC"},
                                    {"integer_datetimes", "on"},
                                    {"standard_conforming_strings", "on"},
                                    {"is_superuser", role_ == console_role::admin ? "on" : "off"},
                                    {"session_authorization", client_.who.user}};
    std::string out;
    postgresql::protocol::encode_greeting(out, parameters, client_.key);
    wire_.send(out);
}

void guest::refuse(const client_error& why)
{
    std::string out;
    postgresql::encode_error(why, out, true);
    wire_.send(out);
    over_ = true;
}

/// The first message of the input, if it is whole. The view holds until the input changes.
bool guest::take_frame(char& type, bytes& body)
{
    if (input_.size() < postgresql::header_size) {
        return false;
    }
    const auto header = postgresql::load_header(input_);
    if (!header.is_sound() || header.frame_size() > longest_message) {
        refuse({error_kind::protocol_violation, "message to the console is too long", {}});
        return false;
    }
    if (input_.size() < header.frame_size()) {
        return false;
    }
    type = header.type;
    body = bytes{input_}.substr(postgresql::header_size, header.body_size());
    return true;
}

task<void> guest::read_more()
{
    const auto in = wire_.receive();
    if (in.how == net::received::kind::data) {
        input_.append(in.data);
    } else if (in.how == net::received::kind::would_block) {
        co_await event_.wait();
    } else {
        over_ = true;
    }
}

task<void> guest::answer(char type, bytes body)
{
    using need = console_dialogue::need;
    console_facts facts;
    const auto needs = dialogue_.needs(type, body);
    if (needs == need::order) {
        facts.refused = co_await carry_out(dialogue_.order_in(type, body));
    } else if (needs == need::route) {
        auto question = dialogue_.asked_route(type, body);
        question.user = question.user.empty() ? client_.who.user : question.user;
        facts.route = hall_.route(question, *worker_.current()->settings);
    } else if (needs != need::nothing) {
        facts.now = co_await look(needs == need::everything ? detail::everything : detail::counts);
        if (!facts.now) {
            co_return;
        }
    }
    std::string out;
    dialogue_.answer(type, body, facts, out);
    wire_.send(out);
}

/// Null where the process stops first, or the client leaves.
task<snapshot_ptr> guest::look(detail how)
{
    auto box = std::make_shared<awaited<snapshot_ptr>>();
    box->tell = &event_;
    hall_.reports.gather(how, [box, &to = worker_](snapshot_ptr made) {
        to.run_here([box, made = std::move(made)]() mutable { box->arrive(std::move(made)); });
    });
    while (!box->value && goes_on()) {
        co_await event_.wait();
    }
    box->tell = nullptr;
    co_return box->value ? std::move(*box->value) : nullptr;
}

task<std::optional<client_error>> guest::carry_out(command what)
{
    log::info(
        "the console gives an order",
        {{"client", wire_.peer_address()}, {"user", client_.who.user}, {"order", what.word}, {"name", what.name}});
    if (what.kind == command_kind::reload) {
        co_return co_await reload();
    }
    auto refused = begin_order(worker_.owner(), what);
    if (!refused) {
        refused = co_await wait_for(std::move(what));
    }
    co_return refused;
}

/// Until it is done, taken back by another guest, or given up by this one.
task<std::optional<client_error>> guest::wait_for(command what)
{
    constexpr auto look_again = milliseconds{10};
    auto& process = worker_.owner();
    client_.take_cancel();  // of what came before
    auto progress = progress_of(process, what);
    bool given_up = false;
    while (progress == proxy::stop_progress::under_way && !given_up) {
        const auto timer = worker_.driver().call_at(worker_.driver().now() + look_again, [this] { event_.notify(); });
        co_await event_.wait();
        worker_.driver().cancel(timer);
        given_up = client_.take_cancel() || wire_.peer_gone() || !goes_on();
        progress = progress_of(process, what);
    }
    std::optional<client_error> refused;
    if (progress == proxy::stop_progress::taken_back) {
        refused = superseded(what);
    } else if (progress == proxy::stop_progress::under_way) {
        take_back(process, what);
        log::info("an order of the console is taken back", {{"order", what.word}, {"name", what.name}});
        refused = cancelled(what);
    }
    co_return refused;
}

task<std::optional<client_error>> guest::reload()
{
    auto box = std::make_shared<awaited<std::optional<client_error>>>();
    box->tell = &event_;
    hall_.reload([box, &to = worker_](std::optional<client_error> fault) {
        to.run_here([box, fault = std::move(fault)]() mutable { box->arrive(std::move(fault)); });
    });
    while (!box->value && goes_on()) {
        co_await event_.wait();
    }
    box->tell = nullptr;
    std::optional<client_error> fault;
    if (box->value) {
        fault = std::move(*box->value);
    }
    if (fault) {
        fault->sqlstate = "F0000";  // config_file_error
    }
    co_return fault;
}

/// A client that does not take its answers gets no more of them, and after a while is given up.
task<void> guest::wait_for_room()
{
    if (!wire_.congested()) {
        co_return;
    }
    bool expired = false;
    const auto timer = worker_.driver().call_at(worker_.driver().now() + write_patience, [this, &expired] {
        expired = true;
        event_.notify();
    });
    while (wire_.congested() && !expired && goes_on()) {
        co_await event_.wait();
    }
    worker_.driver().cancel(timer);
    over_ = over_ || expired;
}

/// The root: what it is given is its own, the stream and the event are its session's.
task<void> serve(
    std::shared_ptr<hall> in, proxy::worker& on, net::stream& wire, net::event& event, proxy::console_client client)
{
    guest one{*in, on, wire, event, std::move(client)};
    co_await one.run();
}

bool is_among(const std::vector<std::string>& names, std::string_view name)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

proxy::worker::console make_console(reporter& reports, reload_request reload, route_request route)
{
    auto shared = std::shared_ptr<hall>{new hall{reports, std::move(reload), std::move(route)}};
    return [shared](proxy::worker& on, net::stream& wire, net::event& event, proxy::console_client client) {
        return serve(shared, on, wire, event, std::move(client));
    };
}

console_role role_of(const settings::tree& all, std::string_view user)
{
    if (is_among(all.admin.admin_users, user)) {
        return console_role::admin;
    }
    if (is_among(all.admin.stats_users, user)) {
        return console_role::stats;
    }
    const bool nobody_named = all.admin.admin_users.empty() && all.admin.stats_users.empty();
    const bool is_the_only_user = all.users.size() == 1 && all.users.front().name == user;
    return nobody_named && is_the_only_user ? console_role::stats : console_role::none;
}

}  // namespace penstock::admin
