// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/auth_native.hpp"

#include "protocols/mysql/auth_digest.hpp"

namespace penstock::mysql {

secret native_stage1(std::string_view password)
{
    auto hash = sha1({password});
    secret stage1{hash};
    wipe(hash);
    return stage1;
}

std::string native_answer(const secret& stage1, bytes scramble)
{
    return exclusive_or(stage1.reveal(), sha1({scramble, sha1({stage1.reveal()})}));
}

std::optional<secret> check_native(bytes answer, bytes scramble, bytes stage2)
{
    if (answer.size() != sha1_size || stage2.size() != sha1_size) {
        return std::nullopt;
    }
    auto candidate = exclusive_or(answer, sha1({scramble, stage2}));
    secret stage1{candidate};
    wipe(candidate);
    const bool matches = secret::equal_in_constant_time(sha1({stage1.reveal()}), stage2);
    return matches ? std::optional{std::move(stage1)} : std::nullopt;
}

std::optional<std::string> parse_native(std::string_view stored)
{
    if (stored.size() != 1 + 2 * sha1_size || stored.front() != '*') {
        return std::nullopt;
    }
    return from_hex(stored.substr(1));
}

}  // namespace penstock::mysql
