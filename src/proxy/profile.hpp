// SPDX-License-Identifier: Apache-2.0
//
// What a client is greeted with: the parameters a server reports once the client's start-up parameters are set there.
//
// The first client with a set of start-up parameters is greeted by way of a server connection, which also proves them
// valid; later ones need none. application_name is left out of the comparison, since it differs from client to client.
#pragma once

#include "protocols/wire/login_types.hpp"
#include "protocols/wire/parameter_set.hpp"

#include <memory>
#include <string>
#include <unordered_map>

namespace penstock::proxy {

class profiles {
public:
    /// The greeting for these start-up parameters, or null where it is not known yet.
    [[nodiscard]] std::shared_ptr<const parameter_list> find(const parameter_set& startup) const;
    /// Returns what find() will give from now on.
    std::shared_ptr<const parameter_list> add(const parameter_set& startup, parameter_list reported);
    /// The servers may report something else now.
    void clear() { known_.clear(); }

private:
    static std::string key_of(const parameter_set& startup);

    std::unordered_map<std::string, std::shared_ptr<const parameter_list>> known_;
};

}  // namespace penstock::proxy
