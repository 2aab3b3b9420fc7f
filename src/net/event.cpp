// SPDX-License-Identifier: Apache-2.0
//
// event: the two ways of waking its waiter.
//
// The waiter may destroy the event (and whatever holds it) while it runs, so nothing here touches *this after resuming
// it.
#include "net/event.hpp"

#include "net/driver.hpp"

#include <utility>

namespace penstock::net {

event::~event()
{
    if (queued_) {
        driver_->forget(*this);
    }
}

void event::notify()
{
    if (!waiter_) {
        pending_ = true;
    } else if (!queued_) {
        queued_ = true;
        driver_->enqueue(*this);
    }
}

void event::fire()
{
    if (const auto waiter = std::exchange(waiter_, {})) {
        waiter.resume();
    } else {
        pending_ = true;
    }
}

void event::resume_from_list()
{
    queued_ = false;
    if (const auto waiter = std::exchange(waiter_, {})) {
        waiter.resume();
    }
}

}  // namespace penstock::net
