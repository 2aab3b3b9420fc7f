// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/known_statements.hpp"

namespace penstock::postgresql {

bool known_statements::touch(const statement_ptr& wanted)
{
    if (!by_use_.empty() && by_use_.front() == wanted) {
        return true;
    }
    const auto found = places_.find(wanted->server_name);
    if (found == places_.end()) {
        return false;
    }
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return true;
}

void known_statements::insert(statement_ptr added)
{
    if (touch(added)) {
        return;
    }
    by_use_.push_front(std::move(added));
    places_.emplace(by_use_.front()->server_name, by_use_.begin());
}

void known_statements::erase(const statement_ptr& gone)
{
    const auto found = places_.find(gone->server_name);
    if (found != places_.end()) {
        const auto place = found->second;
        places_.erase(found);
        by_use_.erase(place);
    }
}

void known_statements::clear()
{
    places_.clear();
    by_use_.clear();
}

statement_ptr known_statements::take_excess(std::size_t limit)
{
    if (places_.size() <= limit) {
        return nullptr;
    }
    auto oldest = by_use_.back();
    erase(oldest);
    return oldest;
}

}  // namespace penstock::postgresql
