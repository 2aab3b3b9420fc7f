// SPDX-License-Identifier: Apache-2.0
//
// From settings to what the modules want: TLS contexts, credential and monitor options, listening addresses.
#pragma once

#include "control/credential_options.hpp"
#include "control/monitor.hpp"
#include "control/sampler.hpp"
#include "core/error.hpp"
#include "net/connect.hpp"
#include "proxy/process.hpp"
#include "settings/settings.hpp"

#include <memory>
#include <optional>
#include <string>

namespace penstock::app {

/// The configuration with its TLS contexts, or one sentence naming the file at fault.
[[nodiscard]] outcome<proxy::configuration_ptr> make_configuration(settings::tree tree);

[[nodiscard]] control::credential_options credential_options_of(const settings::tree& tree);
[[nodiscard]] control::monitor_options monitor_options_of(const settings::tree& tree,
                                                          const settings::cluster_settings& cluster);
/// None where no account is known, or its product's positions are not.
[[nodiscard]] std::optional<control::sampler_options> sampler_options_of(const control::monitor_options& monitor,
                                                                         const settings::cluster_settings& cluster);
/// The account of the auth_query in a cluster; its host is filled in when it is asked.
[[nodiscard]] std::optional<control::sql_target> auth_query_target(const settings::tree& tree,
                                                                   const std::string& cluster);

/// The account that reads the functions of a database: that of the health checks. None where no account is known.
[[nodiscard]] std::optional<control::sql_target> functions_target(const settings::tree& tree,
                                                                  const std::string& cluster,
                                                                  const std::string& database);

/// Where to listen: a numeric address, "localhost", "*" for all, or a Unix socket in PostgreSQL's form.
[[nodiscard]] outcome<net::endpoint> listen_endpoint(const settings::address& where);

}  // namespace penstock::app
