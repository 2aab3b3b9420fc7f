// SPDX-License-Identifier: Apache-2.0
#include "proxy/cancel.hpp"

#include "net/connect.hpp"
#include "net/event.hpp"

namespace penstock::proxy {

task<void> send_cancel(net::driver& on,
                       server_place where,
                       std::string request,
                       time_point deadline,
                       std::shared_ptr<cancel_gate> gate,
                       std::function<void()> done)
{
    auto wire = co_await net::connect(on, where.address, deadline);
    if (wire) {
        net::event told{on};
        bool expired = false;
        const auto timer = on.call_by(deadline, [&expired, &told] {
            expired = true;
            told.notify();
        });
        (*wire)->subscribe(&told);
        (*wire)->send(request);
        while (!expired) {
            const auto in = (*wire)->receive();
            if (in.how == net::received::kind::would_block) {
                co_await told.wait();
            } else if (in.how != net::received::kind::data) {
                break;
            }
        }
        on.cancel(timer);
        (*wire)->subscribe(nullptr);
    }
    if (--gate->under_way == 0 && gate->waiting != nullptr) {
        gate->waiting->notify();
    }
    done();
}

}  // namespace penstock::proxy
