// SPDX-License-Identifier: Apache-2.0
//
// Settings of a model server as PostgreSQL keeps them: session values, SET LOCAL, transactions and savepoints.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::test {

class model_settings {
public:
    using values = std::map<std::string, std::string, std::less<>>;

    /// `defaults` is what a RESET goes back to: the server's own values and what the session asked for at its start.
    explicit model_settings(values defaults) : defaults_{std::move(defaults)} {}

    [[nodiscard]] const std::string* find(std::string_view name) const
    {
        for (const auto* level : {&now_.local, &now_.session, &defaults_}) {
            if (const auto found = level->find(name); found != level->end()) {
                return &found->second;
            }
        }
        return nullptr;
    }

    void set(const std::string& name, std::string_view value)
    {
        now_.local.erase(name);
        now_.session[name] = value;
    }
    void set_local(const std::string& name, std::string_view value) { now_.local[name] = value; }
    void reset(const std::string& name)
    {
        now_.local.erase(name);
        now_.session.erase(name);
        if (name.find('.') != std::string::npos && !defaults_.contains(name)) {
            now_.session[name] = "";  // a custom setting, once known, is never unknown again
        }
    }
    void reset_all()
    {
        auto names = now_.session;
        names.insert(now_.local.begin(), now_.local.end());
        for (const auto& [name, value] : names) {
            if (name != "role") {
                reset(name);
            }
        }
    }
    void discard()
    {
        reset_all();
        reset("role");
    }

    // --- transactions ---

    void begin() { before_ = now_; }
    void commit()
    {
        now_.local.clear();
        savepoints_.clear();
    }
    void roll_back()
    {
        // What a custom setting was is forgotten, that it exists is not.
        auto undone = std::exchange(now_, before_);
        undone.session.insert(undone.local.begin(), undone.local.end());
        for (const auto& [name, value] : undone.session) {
            if (name.find('.') != std::string::npos && find(name) == nullptr) {
                now_.session[name] = "";
            }
        }
        savepoints_.clear();
    }
    void save(const std::string& name) { savepoints_.emplace_back(name, now_); }
    [[nodiscard]] bool has_savepoint(const std::string& name) const
    {
        for (const auto& each : savepoints_) {
            if (each.first == name) {
                return true;
            }
        }
        return false;
    }
    void roll_back_to(const std::string& name)
    {
        while (savepoints_.back().first != name) {
            savepoints_.pop_back();
        }
        now_ = savepoints_.back().second;
    }
    void release(const std::string& name)
    {
        while (savepoints_.back().first != name) {
            savepoints_.pop_back();
        }
        savepoints_.pop_back();
    }

private:
    struct levels {
        values session;
        values local;
    };

    values defaults_;
    levels now_;
    levels before_;
    std::vector<std::pair<std::string, levels>> savepoints_;
};

}  // namespace penstock::test
