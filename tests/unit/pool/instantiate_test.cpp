// SPDX-License-Identifier: Apache-2.0
//
// The one place where the pool is instantiated for the fake connection, as a user of the pool does for its own.
#include "pool/pool_impl.hpp"

#include "fake_connection.hpp"

template class penstock::pool::lease<penstock::pool::test::fake_connection>;
template class penstock::pool::ticket<penstock::pool::test::fake_connection>;
template class penstock::pool::shard<penstock::pool::test::fake_connection>;
