// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/client_statements.hpp"

#include "protocols/wire/scanner.hpp"

#include <algorithm>

namespace penstock::postgresql {

namespace {

std::string_view cut(std::string_view name)
{
    return name.substr(0, longest_name);
}

}  // namespace

const statement_ptr& client_statements::look_up(std::string_view name) const
{
    static const statement_ptr none;
    if (!names_) {
        return none;
    }
    const auto found = names_->find(cut(name));
    if (found == names_->end()) {
        return none;
    }
    last_ = &*found;
    return found->second;
}

void client_statements::set(std::string_view name, statement_ptr value)
{
    erase(name);
    if (!names_) {
        names_ = std::make_unique<map>();
    }
    memory_ += cut(name).size() + value->cost();
    names_->emplace(cut(name), std::move(value));
}

void client_statements::erase(std::string_view name)
{
    if (!names_) {
        return;
    }
    const auto found = names_->find(cut(name));
    if (found != names_->end()) {
        last_ = nullptr;
        memory_ -= found->first.size() + found->second->cost();
        names_->erase(found);
    }
}

void client_statements::make_private()
{
    if (!names_) {
        return;
    }
    for (auto& [name, value] : *names_) {
        if (value->origin == statement_origin::protocol && !value->is_private) {
            memory_ -= value->cost();
            value = statement_store::make_private(*value);
            memory_ += value->cost();
        }
    }
}

bool client_statements::has_unknown() const
{
    return names_ && std::any_of(names_->begin(), names_->end(), [](const auto& each) {
               return each.second->origin == statement_origin::server;
           });
}

std::unique_ptr<client_statements::map> client_statements::take_all()
{
    memory_ = 0;
    last_ = nullptr;
    return std::move(names_);
}

void client_statements::restore(std::unique_ptr<map> names)
{
    names_ = std::move(names);
    last_ = nullptr;
    memory_ = 0;
    if (names_) {
        for (const auto& [name, value] : *names_) {
            memory_ += name.size() + value->cost();
        }
    }
}

}  // namespace penstock::postgresql
