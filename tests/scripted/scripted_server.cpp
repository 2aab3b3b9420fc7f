// SPDX-License-Identifier: Apache-2.0
#include "tests/scripted/scripted_server.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace penstock::test {

namespace {

constexpr std::uint32_t cancel_code = 80877102;

model_settings::values defaults()
{
    return {{"timezone", "UTC"}, {"application_name", ""}};
}

}  // namespace

std::string login_answer(std::uint32_t number)
{
    return wire::frame('R', wire::number(0)) + wire::parameter_status("server_version", "17.2") +
           wire::parameter_status("client_encoding", "UTF8") +
           wire::parameter_status("standard_conforming_strings", "on") + wire::parameter_status("TimeZone", "UTC") +
           wire::parameter_status("application_name", "") +
           wire::frame('K', wire::number(1000 + number) + wire::number(7000 + number)) + wire::ready();
}

server_connection_end::server_connection_end(int descriptor,
                                             std::function<server_plan()> next_plan,
                                             std::uint32_t number)
    : wire_{descriptor}, next_plan_{std::move(next_plan)}, number_{number}, model_{defaults()}
{
}

bool server_connection_end::serve()
{
    bool moved = wire_.pump();
    while (take()) {
        moved = true;
    }
    if (wire_.ended() && wire_.is_open()) {
        was_left_ = true;
        wire_.close();
    }
    return moved;
}

/// Takes one message, if there is a whole one.
bool server_connection_end::take()
{
    const auto& in = wire_.received;
    const std::size_t type = state_ == state::startup ? 0 : 1;
    if (state_ == state::cancel || in.size() < type + 4) {
        return false;
    }
    const auto size = type + load_u32(in.data() + type);
    if (in.size() < size) {
        return false;
    }
    if (state_ == state::startup) {
        take_startup();
    } else {
        take_message();
    }
    wire_.received.erase(0, size);
    return true;
}

void server_connection_end::take_startup()
{
    const auto& in = wire_.received;
    if (load_u32(in.data() + 4) == cancel_code) {
        cancel_request_ = in.substr(8);
        state_ = state::cancel;
        return;
    }
    startup_ = in.substr(8, load_u32(in.data()) - 8);
    plan_ = next_plan_();
    counting_ = plan_.from_login;
    if (!plan_.refusal.empty()) {
        wire_.send(plan_.refusal);
        wire_.close();
        return;
    }
    state_ = state::ready;
    say_planned(login_answer(number_));
    counting_ = true;
}

void server_connection_end::take_message()
{
    const auto& in = wire_.received;
    const auto size = std::size_t{1} + load_u32(in.data() + 1);
    heard_.append(in, 0, size);
    if (in[0] == 'X') {
        was_left_ = true;
        wire_.close();
    } else if (!plan_.by_hand) {
        say_planned(model_.answer(bytes{in}.substr(0, size)));
    }
}

void server_connection_end::say(bytes octets)
{
    wire_.send(octets);
}

void server_connection_end::say_planned(bytes octets)
{
    if (!withheld_.empty() || erred_) {
        withheld_.append(octets);
        return;
    }
    if (!counting_ || plan_.what == fault::none) {
        said_.append(counting_ ? octets : bytes{});
        wire_.send(octets);
        return;
    }
    const auto before = octets.substr(0, plan_.after - std::min(plan_.after, said_.size()));
    said_.append(before);
    wire_.send(before);
    withheld_ = octets.substr(before.size());
    if (said_.size() >= plan_.after) {
        err();
    }
}

void server_connection_end::err()
{
    const auto what = plan_.what;
    erred_ = what != fault::piece;
    if (what == fault::garbage) {
        wire_.send(std::string(200, '\xff'));
    } else if (what == fault::fatal) {
        wire_.send(wire::error("57P01", "terminating connection due to administrator command", "FATAL"));
    }
    if (what == fault::garbage || what == fault::fatal || what == fault::close) {
        wire_.close();
    }
}

bool server_connection_end::resume()
{
    if (!is_open() || (plan_.what != fault::pause && plan_.what != fault::piece)) {
        return false;
    }
    const bool paused = erred_ || !withheld_.empty();
    erred_ = false;
    plan_.after = plan_.what == fault::piece ? said_.size() + 1 : plan_.after;
    plan_.what = plan_.what == fault::piece ? fault::piece : fault::none;
    const auto rest = std::exchange(withheld_, {});
    say_planned(rest);
    return paused;
}

scripted_server::scripted_server() : listener_{socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)}
{
    sockaddr_un nameless{};
    nameless.sun_family = AF_UNIX;
    const auto* as_address = reinterpret_cast<const sockaddr*>(&nameless);
    EXPECT_EQ(bind(listener_, as_address, sizeof nameless.sun_family), 0);  // the kernel finds an abstract name
    EXPECT_EQ(listen(listener_, 64), 0);
    where_.size = sizeof where_.address;
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&where_.address), &where_.size), 0);
}

bool scripted_server::serve()
{
    const auto before = connections.size();
    accept_all();
    bool moved = connections.size() != before;
    for (const auto* list : {&connections, &cancels}) {
        for (const auto& each : *list) {
            moved = each->serve() || moved;
        }
    }
    for (auto& each : connections) {
        if (!each->cancel_request().empty()) {
            cancels.push_back(std::move(each));
        }
    }
    std::erase(connections, nullptr);
    for (const auto& each : cancels) {
        if (!holds_cancels && each->is_open()) {
            each->close();
            moved = true;
        }
    }
    return moved;
}

void scripted_server::accept_all()
{
    while (accepting && listener_ >= 0) {
        const int accepted = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) {
            return;
        }
        connections.push_back(std::make_unique<server_connection_end>(
            accepted, [this] { return next_plan(); }, ++last_number_));
    }
}

server_plan scripted_server::next_plan()
{
    if (plans_.empty()) {
        return {};
    }
    auto next = std::move(plans_.front());
    plans_.pop_front();
    return next;
}

bool scripted_server::resume()
{
    bool any = false;
    for (const auto& each : connections) {
        any = each->resume() || any;
    }
    return any;
}

void scripted_server::stop()
{
    if (listener_ >= 0) {
        ::close(std::exchange(listener_, -1));
    }
    for (const auto* list : {&connections, &cancels}) {
        for (const auto& each : *list) {
            each->close();
        }
    }
}

std::size_t scripted_server::open_connections() const
{
    return static_cast<std::size_t>(
        std::count_if(connections.begin(), connections.end(), [](const auto& each) { return each->is_open(); }));
}

}  // namespace penstock::test
