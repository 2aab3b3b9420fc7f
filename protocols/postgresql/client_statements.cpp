// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/client_statements.hpp"

namespace penstock::postgresql {

statement_ptr client_statements::find(std::string_view name) const
{
    if (!names_) {
        return nullptr;
    }
    const auto found = names_->find(name);
    return found == names_->end() ? nullptr : found->second;
}

void client_statements::set(std::string_view name, statement_ptr value)
{
    erase(name);
    if (!names_) {
        names_ = std::make_unique<map>();
    }
    memory_ += name.size() + value->cost();
    names_->emplace(name, std::move(value));
}

void client_statements::erase(std::string_view name)
{
    if (!names_) {
        return;
    }
    const auto found = names_->find(name);
    if (found != names_->end()) {
        memory_ -= found->first.size() + found->second->cost();
        names_->erase(found);
    }
}

std::unique_ptr<client_statements::map> client_statements::take_all()
{
    memory_ = 0;
    return std::move(names_);
}

void client_statements::restore(std::unique_ptr<map> names)
{
    names_ = std::move(names);
    memory_ = 0;
    if (names_) {
        for (const auto& [name, value] : *names_) {
            memory_ += name.size() + value->cost();
        }
    }
}

}  // namespace penstock::postgresql
