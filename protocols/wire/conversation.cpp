// SPDX-License-Identifier: Apache-2.0
#include "protocols/wire/conversation.hpp"

namespace penstock {

void dialogue::feed(bytes octets)
{
    if (consumed_ > 0) {
        input_.erase(0, consumed_);
        consumed_ = 0;
    }
    input_.append(octets);
    if (waiting_for_ == want::input && buffered().size() >= needed_) {
        resume();
    }
}

void dialogue::end_of_input()
{
    input_ended_ = true;
    if (waiting_for_ == want::input) {
        resume();
    }
}

std::string dialogue::take_unread()
{
    auto unread = input_.substr(consumed_);
    input_.clear();
    consumed_ = 0;
    return unread;
}

void dialogue::tls_done(std::optional<tls_facts> facts)
{
    tls_facts_ = std::move(facts);
    resume();
}

void dialogue::user_found(user_record record)
{
    record_ = std::move(record);
    resume();
}

void dialogue::resume()
{
    waiting_for_ = want::nothing;
    std::exchange(waiter_, {}).resume();
}

}  // namespace penstock
