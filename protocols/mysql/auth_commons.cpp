// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/auth_commons.hpp"

#include "protocols/mysql/auth_digest.hpp"

namespace penstock::mysql {

namespace {

std::string key_of(std::string_view user, std::string_view stored)
{
    return sha256({user, bytes{"\0", 1}, stored});
}

}  // namespace

void proved_passwords::keep(std::string_view user, std::string_view stored, const secret& password)
{
    auto key = key_of(user, stored);
    const std::scoped_lock lock{mutex_};
    const auto [place, is_new] = passwords_.insert_or_assign(key, password);
    if (!is_new) {
        return;
    }
    if (ages_.size() < most_) {
        ages_.push_back(std::move(key));
        return;
    }
    passwords_.erase(ages_[next_]);
    ages_[next_] = std::move(key);
    next_ = (next_ + 1) % most_;
}

std::optional<secret> proved_passwords::find(std::string_view user, std::string_view stored) const
{
    const auto key = key_of(user, stored);
    const std::scoped_lock lock{mutex_};
    const auto place = passwords_.find(key);
    return place == passwords_.end() ? std::nullopt : std::optional{place->second};
}

const rsa_key& auth_commons::key()
{
    std::call_once(made_, [this] {
        if (!key_) {
            key_ = std::make_shared<const rsa_key>();
        }
    });
    return *key_;
}

void auth_commons::note(const stored_secret& known)
{
    usual_form_.store(known.kind, std::memory_order_relaxed);
    if (known.kind == stored_secret::form::sha2) {
        usual_scheme_.store(known.hash.how, std::memory_order_relaxed);
        usual_rounds_.store(known.hash.rounds, std::memory_order_relaxed);
    }
}

sha2_hash auth_commons::usual_hash() const
{
    constexpr std::size_t salt_size = 20, hash_size = 43;
    return {usual_scheme_.load(std::memory_order_relaxed),
            usual_rounds_.load(std::memory_order_relaxed),
            random_scramble(salt_size),
            random_scramble(hash_size)};
}

std::shared_ptr<auth_commons> auth_commons::of_process()
{
    static const auto shared = std::make_shared<auth_commons>();
    return shared;
}

}  // namespace penstock::mysql
