// SPDX-License-Identifier: Apache-2.0
//
// The effects of a text do not depend on how it is cut, nor on the text that the collector read before, and stay within
// their bounds. The first octet chooses the lexical mode, the second where to cut.
#include "protocols/postgresql/effects.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace penstock;
using namespace penstock::postgresql;

void require(bool claim)
{
    if (!claim) {
        std::abort();
    }
}

text_effects read(effects_collector& collector, std::string_view text, std::size_t stride, lexical_mode mode)
{
    collector.begin(mode);
    for (std::size_t at = 0; at < text.size(); at += stride) {
        collector.feed(text.substr(at, stride));
    }
    return collector.finish();
}

void require_bounds(const text_effects& effects)
{
    require(effects.touched.size() <= text_effects::most_names);
    require(effects.resets.size() <= effects.touched.size());
    require(effects.deallocate_name.size() <= longest_name);
    require((effects.first_verb == statement_verb::none) <= (effects.statements <= 1));
    for (const auto& name : effects.touched) {
        require(!name.empty() && name.size() <= text_effects::longest_setting);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2) {
        return 0;
    }
    const lexical_mode mode{.backslash_escapes = (data[0] & 1U) != 0, .ambiguous_encoding = (data[0] & 2U) != 0};
    const std::string_view text{reinterpret_cast<const char*>(data) + 2, size - 2};
    const auto whole = inspect(text, mode);
    require_bounds(whole);
    effects_collector collector;
    require(read(collector, text, 1, mode) == whole);
    require(read(collector, text, data[1] % 16U + 1U, mode) == whole);

    // A text that ends in the middle leaves nothing for the next one.
    collector.begin(mode);
    collector.feed(text);
    require(read(collector, "SELECT 1", 8, {}) == inspect("SELECT 1", {}));
    return 0;
}
