// SPDX-License-Identifier: Apache-2.0
#include "admin/orders.hpp"

namespace penstock::admin {

namespace {

/// The console's own database has no servers.
bool means_the_console(const proxy::process& of, const std::string& name)
{
    const auto configuration = of.current();
    for (const auto& each : configuration->settings->databases) {
        if (each.name == name) {
            return false;
        }
    }
    return name == "pgbouncer";
}

}  // namespace

std::optional<client_error> begin_order(proxy::process& of, const command& what)
{
    if (what.kind == command_kind::pause && means_the_console(of, what.name)) {
        return client_error{error_kind::console_syntax, "cannot pause admin db: " + what.name, "55000"};
    }
    switch (what.kind) {
        case command_kind::pause: return of.pause(what.name);
        case command_kind::resume: return of.resume(what.name);
        case command_kind::reconnect: return of.reconnect(what.name);
        case command_kind::drain_node: return of.drain_node(what.name);
        case command_kind::undrain_node: return of.undrain_node(what.name);
        default: return std::nullopt;
    }
}

proxy::stop_progress progress_of(const proxy::process& of, const command& what)
{
    switch (what.kind) {
        case command_kind::pause: return of.progress_of_pause(what.name);
        case command_kind::drain_node: return of.progress_of_drain(what.name);
        default: return proxy::stop_progress::done;
    }
}

void take_back(proxy::process& of, const command& what)
{
    if (what.kind == command_kind::pause) {
        of.resume(what.name);
    } else if (what.kind == command_kind::drain_node) {
        of.undrain_node(what.name);
    }
}

client_error superseded(const command& what)
{
    return {error_kind::console_syntax, what.word + " was ended by another command", "55000"};
}

client_error cancelled(const command& what)
{
    return {error_kind::console_syntax, what.word + " was cancelled and taken back", "57014"};
}

}  // namespace penstock::admin
