// SPDX-License-Identifier: Apache-2.0
//
// The catalogue of functions, which both the fronts of the protocols and the control plane know, under the router's
// name for it.
#pragma once

#include "protocols/wire/function_catalogue.hpp"

namespace penstock::router {

using penstock::function_catalogue;
using penstock::function_catalogue_ptr;
using penstock::is_plain_read;

}  // namespace penstock::router
