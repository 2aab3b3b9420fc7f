// SPDX-License-Identifier: Apache-2.0
//
// The bodies of pool.hpp. Included by the one file that instantiates
//
//     template class penstock::pool::lease<my_connection>;
//     template class penstock::pool::ticket<my_connection>;
//     template class penstock::pool::shard<my_connection>;
#pragma once

#include "pool/pool.hpp"
#include "pool/shard_body.hpp"

#include <memory>
#include <utility>

namespace penstock::pool {

template <class C>
void lease<C>::release()
{
    if (std::exchange(connection_, nullptr) != nullptr) {
        owner_->release(slot_);
    }
}

template <class C>
void lease<C>::discard()
{
    if (std::exchange(connection_, nullptr) != nullptr) {
        owner_->discard(slot_);
    }
}

template <class C>
void ticket<C>::withdraw()
{
    if (state_ != ticket_state::unused) {
        owner_->withdraw(*this);
    }
}

template <class C>
shard<C>::shard(net::driver& on, std::shared_ptr<shared_pool> pool, std::shared_ptr<opener<C>> opens)
    : body_{std::make_unique<shard_body<C>>(on, std::move(pool), std::move(opens))}
{
}

template <class C>
shard<C>::~shard() = default;

template <class C>
lease<C> shard<C>::try_acquire()
{
    return body_->try_acquire();
}

template <class C>
bool shard<C>::has_room() const
{
    return body_->has_room();
}

template <class C>
void shard<C>::enqueue(ticket<C>& waiter, net::event& tell)
{
    body_->enqueue(waiter, tell);
}

template <class C>
shard_stats shard<C>::stats() const
{
    return body_->stats();
}

template <class C>
void shard<C>::for_each(const std::function<void(const C&, slot_use)>& look) const
{
    body_->for_each(look);
}

template <class C>
void shard<C>::drain()
{
    body_->drain();
}

template <class C>
bool shard<C>::is_draining() const
{
    return body_->core().state().is_draining();
}

template <class C>
task<void> shard<C>::closed()
{
    return body_->closed();
}

template <class C>
const std::shared_ptr<shared_pool>& shard<C>::pool() const
{
    return body_->core().pool();
}

}  // namespace penstock::pool
