// SPDX-License-Identifier: Apache-2.0
//
// The tables are libidn's: the only place that includes it.
#include "protocols/postgresql/saslprep.hpp"

#include <openssl/crypto.h>
#include <stringprep.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace penstock::postgresql {

namespace {

bool is_ascii(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char letter) { return static_cast<unsigned char>(letter) < 128; });
}

struct wiping_free {
    void operator()(char* text) const
    {
        OPENSSL_cleanse(text, std::strlen(text));
        std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): libidn's allocation
    }
};

}  // namespace

secret saslprep(std::string_view password)
{
    if (is_ascii(password) || password.find('\0') != std::string_view::npos) {
        return secret{password};
    }
    std::string raw{password};
    char* made = nullptr;
    const int status = stringprep_profile(raw.c_str(), &made, "SASLprep", STRINGPREP_NO_UNASSIGNED);
    OPENSSL_cleanse(raw.data(), raw.size());
    const std::unique_ptr<char, wiping_free> prepared{status == STRINGPREP_OK ? made : nullptr};
    return secret{prepared && *prepared != '\0' ? std::string_view{prepared.get()} : password};
}

}  // namespace penstock::postgresql
