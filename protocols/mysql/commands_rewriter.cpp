// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/commands_rewriter.hpp"

#include "protocols/mysql/packet.hpp"

#include <algorithm>
#include <utility>

namespace penstock::mysql {

void message_rewriter::begin(std::string inserted)
{
    *this = message_rewriter{};
    carry_ = std::move(inserted);
}

void message_rewriter::put_header(std::size_t length, std::string& out)
{
    char header[header_size];
    store_header(header, {static_cast<std::uint32_t>(length), frames_++});
    out.append(header, header_size);
}

void message_rewriter::frame(std::size_t length, bool last, std::string& out)
{
    const auto before = std::exchange(carry_, {});
    const auto total = before.size() + length;
    const auto now = std::min<std::size_t>(total, longest_frame);
    if (!last && total < longest_frame) {  // octets were taken out of the first frame: it goes on with the next one
        carry_ = before;
        carries_ = true;
        direct_ = 0;
        return;
    }
    put_header(now, out);
    out.append(before);
    direct_ = now - before.size();
    carries_ = !last;
    second_ = total - now;
    owes_second_ = last && now == longest_frame;
    octets({}, out);
}

void message_rewriter::octets(bytes part, std::string& out)
{
    const auto here = part.substr(0, direct_);
    out.append(here);
    direct_ -= here.size();
    part.remove_prefix(here.size());
    if (carries_) {
        carry_.append(part);
        return;
    }
    if (direct_ == 0 && owes_second_) {
        owes_second_ = false;
        put_header(second_, out);
        direct_ = second_;
        octets(part, out);
    }
}

}  // namespace penstock::mysql
