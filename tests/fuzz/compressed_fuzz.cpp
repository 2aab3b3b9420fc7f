// SPDX-License-Identifier: Apache-2.0
//
// Whatever a peer sends in the place of compressed frames, cut wherever: the layer gives no more than there is room
// for and always gets on, and what one layer seals the other opens.
//
// The first octet chooses method and side, the second the room, the third where the input is cut; a fourth says how
// much of it is sent as packets instead. Frames may be made of the rest as it stands or packed as their headers say.
#include "protocols/mysql/compressed_layer.hpp"
#include "protocols/mysql/packet.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

namespace {

using namespace penstock;
using namespace penstock::mysql;

void expect(bool claim)
{
    if (!claim) {
        std::abort();
    }
}

std::string open(stream_layer& by, bytes from_wire, std::size_t room)
{
    std::string all;
    std::string space(room, '\0');
    std::size_t idle = 0;
    for (bool first = true; first || by.has_input(); first = false) {
        const auto count = by.open(first ? from_wire : bytes{}, space.data(), room);
        expect(count <= room);
        idle = count == 0 ? idle + 1 : 0;
        expect(idle <= from_wire.size() + 16);
        all.append(space, 0, count);
    }
    return all;
}

std::string seal(stream_layer& by, bytes messages)
{
    std::string out;
    while (!messages.empty()) {
        const auto before = messages.size();
        by.seal(messages, out);
        expect(messages.size() < before);
    }
    return out;
}

/// The input as frames whose payloads really are compressed, so that the fuzzer gets behind the checksums.
std::string frames_of(compression how, bytes input)
{
    std::string out;
    while (input.size() >= 3) {
        const auto number = static_cast<std::uint8_t>(input[0]);
        const auto lie = static_cast<std::int8_t>(input[1]);
        const auto part = input.substr(3, static_cast<unsigned char>(input[2]));
        input.remove_prefix(3 + part.size());
        std::string plain;
        for (int count = 0; count < 4; ++count) {
            plain.append(part);
        }
        const auto place = out.size();
        append_compressed(how, 1, number, plain, out);
        auto header = load_compressed_header(bytes{out}.substr(place));
        header.plain_length = (header.plain_length + static_cast<std::uint32_t>(lie)) & 0xffffffU;
        store_compressed_header(out.data() + place, header);
    }
    return out;
}

void hear(stream_layer& by, bytes stream, std::size_t cut, std::size_t room)
{
    open(by, stream.substr(0, cut), room);
    by.begin_answer();
    open(by, stream.substr(cut), room);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 4) {
        return 0;
    }
    const bytes input{reinterpret_cast<const char*>(data) + 4, size - 4};
    const auto how = (data[0] & 1) != 0 ? compression::zlib : compression::zstd;
    const auto room = 1 + std::size_t{data[1]} * ((data[0] & 8) != 0 ? 64U : 1U);
    compressed_client_layer client{how, 1};
    compressed_server_layer server{how, 1};
    stream_layer& listener = (data[0] & 2) != 0 ? static_cast<stream_layer&>(client) : server;
    const auto stream = (data[0] & 4) != 0 ? std::string{input} : frames_of(how, input);
    hear(listener, stream, std::min<std::size_t>(data[2], stream.size()), room);

    compressed_client_layer other_client{how, 1};
    compressed_server_layer other_server{how, 1};
    std::string messages;
    append_packet(messages, 0, input.substr(0, input.size() / 2));
    append_packet(messages, data[3] & 1, input.substr(input.size() / 2));
    expect(open(other_client, seal(other_server, messages), room) == messages);
    other_client.begin_answer();
    expect(open(other_server, seal(other_client, messages), room) == messages);
    expect(other_client.fault() == nullptr && other_server.fault() == nullptr);
    return 0;
}
