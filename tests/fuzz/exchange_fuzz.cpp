// SPDX-License-Identifier: Apache-2.0
//
// A client and a server that both do as they please: neither ends the process, and a connection that is given back is
// idle.
//
// The input is a list of steps: an octet that says who goes on, how, and how much, and then what it says.
#include "tests/support/exchange_script.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace {

using namespace penstock;
using namespace penstock::test;

const std::string from_client[] = {
    wire::query("SELECT 1"),
    wire::query("SET work_mem = 1"),
    wire::query("RESET ALL"),
    wire::query("DEALLOCATE a"),
    wire::query("DISCARD ALL"),
    wire::query("BEGIN; SET my.own = 1"),
    wire::query("COPY t FROM STDIN"),
    wire::parse("a", "SELECT 1"),
    wire::parse("b", "SET work_mem = 2"),
    wire::parse("", "SELECT 2"),
    wire::parse("", "COPY t FROM STDIN"),
    wire::bind("", "a"),
    wire::bind("p", "b"),
    wire::bind("", ""),
    wire::describe('S', "a"),
    wire::describe('P', ""),
    wire::execute(),
    wire::execute("p", 1),
    wire::close('S', "a"),
    wire::close('S', ""),
    wire::close('P', "p"),
    wire::sync(),
    wire::flush(),
    wire::copy_data("row"),
    wire::copy_done(),
    wire::copy_fail("no"),
    wire::function_call(955),
};

const std::string from_server[] = {
    wire::ready('I'),
    wire::ready('T'),
    wire::ready('E'),
    wire::parse_complete(),
    wire::bind_complete(),
    wire::close_complete(),
    wire::no_data(),
    wire::command_complete("SELECT 1"),
    wire::empty_query(),
    wire::portal_suspended(),
    wire::parameter_description(),
    wire::row_description(1),
    wire::data_row("x"),
    wire::error("42601"),
    wire::error("26000"),
    wire::error("42P05"),
    wire::error("0A000", "cached plan must not change result type"),
    wire::notice("so"),
    wire::notification("news"),
    wire::parameter_status("TimeZone", "CET"),
    wire::parameter_status("standard_conforming_strings", "off"),
    wire::copy_in_response(),
    wire::copy_out_response(),
    wire::frame('V', wire::number(0xffffffff)),
    wire::set_config_answer(),
};

/// Plays steps until one of the peers is cut off. Octets of steps are taken as they are, or as the number of a message.
class play {
public:
    explicit play(bytes input) : input_{input} {}

    void run()
    {
        while (!input_.empty() && goes_on_) {
            const auto how = next();
            switch (how & 3) {
                case 0: client(how, {}); break;
                case 1: server(how, {}); break;
                case 2: client(how, taken(how >> 3 & 31)); break;
                default: (how & 4) != 0 ? other() : server(how, taken(how >> 3 & 31)); break;
            }
            if (talk_.server != nullptr && talk_.server->is_quiet()) {
                settle();
            }
        }
    }

private:
    unsigned next()
    {
        const auto octet = static_cast<unsigned char>(input_.empty() ? '\0' : input_[0]);
        input_.remove_prefix(input_.empty() ? 0 : 1);
        return octet;
    }

    bytes taken(std::size_t size)
    {
        const auto part = input_.substr(0, size);
        input_.remove_prefix(part.size());
        return part;
    }

    void client(unsigned how, bytes raw)
    {
        const auto& made = from_client[next() % std::size(from_client)];
        auto need = talk_.send(raw.empty() ? bytes{made} : raw);
        if (need == front_need::server) {
            talk_.move_to(how >> 6);
            need = talk_.send({});
        }
        goes_on_ = need == front_need::more || need == front_need::answers;
    }

    void server(unsigned how, bytes raw)
    {
        if (talk_.server == nullptr) {
            return;
        }
        const auto& made = from_server[next() % std::size(from_server)];
        const auto octets = raw.empty() ? bytes{made}.substr(0, (how & 4) != 0 ? how >> 3 : made.size()) : raw;
        if (talk_.answer(octets) != advance_result::ok) {
            lose();
        }
    }

    void lose()
    {
        goes_on_ = talk_.lose_server({error_kind::server_lost, {}, {}});
        talk_.backs.push_back(std::make_unique<postgresql::back>(2));
        std::swap(talk_.backs.back(), talk_.backs.front());
    }

    /// Another server, if this one may be given back.
    void other()
    {
        if (talk_.server != nullptr && talk_.server->is_idle() && !talk_.client.must_stay() &&
            !talk_.client.is_mid_message()) {
            talk_.server = nullptr;
        }
    }

    void settle()
    {
        talk_.settle();
        if (const auto healed = talk_.client.take_healed_batch(); !healed.empty()) {
            talk_.send(healed);
        }
    }

    exchange talk_{{{"timezone", "CET"}}, {.inspected_statement = 16 * 1024}, 2};
    bytes input_;
    bool goes_on_ = true;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    play{{reinterpret_cast<const char*>(data), size}}.run();
    return 0;
}
