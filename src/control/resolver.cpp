// SPDX-License-Identifier: Apache-2.0
//
// A thread per question holds only the mailbox, so it may outlive the resolver and the loop.
#include "control/resolver.hpp"

#include <netdb.h>

#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace penstock::control {
namespace {

/// How a thread reaches the loop as long as there is one.
struct mailbox {
    std::mutex mutex;
    loop* to;

    void post(std::function<void()> work)
    {
        const std::scoped_lock lock{mutex};
        if (to != nullptr) {
            to->post(std::move(work));
        }
    }
};

using question = std::pair<std::string, std::uint16_t>;

}  // namespace

struct resolver::state : std::enable_shared_from_this<state> {
    state(loop& on, blocking_resolve how) : box{std::make_shared<mailbox>()}, resolve{std::move(how)} { box->to = &on; }

    void begin(const question& what)
    {
        std::thread{[box = box, resolve = resolve, weak = weak_from_this(), what] {
            auto found = resolve(what.first, what.second);
            box->post([weak, what, found = std::move(found)] {
                if (const auto self = weak.lock()) {
                    self->finish(what, found);
                }
            });
        }}.detach();
    }

    void finish(const question& what, const addresses& found)
    {
        const auto answers = std::move(asked[what]);
        asked.erase(what);
        for (const auto& answer : answers) {
            answer(found);
        }
    }

    std::shared_ptr<mailbox> box;
    blocking_resolve resolve;
    std::map<question, std::vector<std::function<void(addresses)>>> asked{};  ///< under way
};

resolver::resolver(loop& on, blocking_resolve resolve) : state_{std::make_shared<state>(on, std::move(resolve))} {}

resolver::~resolver()
{
    const std::scoped_lock lock{state_->box->mutex};
    state_->box->to = nullptr;
}

void resolver::resolve(const std::string& host, std::uint16_t port, std::function<void(addresses)> answer)
{
    auto& waiting = state_->asked[{host, port}];
    waiting.push_back(std::move(answer));
    if (waiting.size() == 1) {
        state_->begin({host, port});
    }
}

std::string address_text(const net::endpoint& where)
{
    char host[NI_MAXHOST] = "";
    if (where.address.ss_family != AF_UNIX) {
        getnameinfo(reinterpret_cast<const sockaddr*>(&where.address),
                    where.size,
                    host,
                    sizeof host,
                    nullptr,
                    0,
                    NI_NUMERICHOST);
    }
    return host;
}

}  // namespace penstock::control
