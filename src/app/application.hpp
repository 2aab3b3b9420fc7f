// SPDX-License-Identifier: Apache-2.0
//
// Builds the object graph from settings, runs it, reloads it and drains it.
//
// The control plane (probes, users, admin port, signals) runs on the thread that calls run(); workers have their own.
#pragma once

#include "core/error.hpp"
#include "settings/settings.hpp"

#include <functional>
#include <memory>
#include <string>

namespace penstock::app {

/// How to get the settings again for a reload; faults come as one text, line by line.
using settings_source = std::function<outcome<settings::tree>()>;

class application {
public:
    /// `announce` gets the lines for a person at a terminal.
    application(settings::tree initial, settings_source source, std::function<void(const std::string&)> announce);
    ~application();
    application(const application&) = delete;
    application& operator=(const application&) = delete;

    /// Listens and starts everything. Gives one sentence where that fails; then nothing runs.
    [[nodiscard]] outcome<bool> start();
    /// Runs until a signal has ended it, and gives the exit status.
    int run();

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace penstock::app
