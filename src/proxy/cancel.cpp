// SPDX-License-Identifier: Apache-2.0
#include "proxy/cancel.hpp"

#include "net/connect.hpp"
#include "net/event.hpp"
#include "protocols/mysql/protocol.hpp"
#include "protocols/postgresql/protocol.hpp"
#include "proxy/login.hpp"
#include "telemetry/log.hpp"

namespace penstock::proxy {

template <protocol P>
task<void> send_cancel(net::driver& on, cancel_order order, time_point deadline, std::function<void(bool)> done)
{
    bool arrived = false;
    auto wire = co_await net::connect(on, order.where.address, deadline);
    if (wire) {
        net::event told{on};
        (*wire)->subscribe(&told);
        dialogue line;
        order.account.over_local_socket = order.where.address.is_local();
        auto talk = P::cancel(line, std::move(order.target), std::move(order.account));
        login_surroundings with;
        with.tls = order.tls;
        with.role = net::tls_role::client;
        with.host_name = order.where.host;
        co_await drive(on, **wire, told, line, talk, std::move(with), deadline);
        arrived = talk.take();
        (*wire)->subscribe(nullptr);
    }
    if (!arrived) {
        log::warning("a server could not be told to cancel a statement", {{"server", order.where.node}});
    }
    if (--order.gate->under_way == 0 && order.gate->waiting != nullptr) {
        order.gate->waiting->notify();
    }
    done(arrived);
}

template task<void> send_cancel<postgresql::protocol>(net::driver&,
                                                      cancel_order,
                                                      time_point,
                                                      std::function<void(bool)>);
template task<void> send_cancel<mysql::protocol>(net::driver&, cancel_order, time_point, std::function<void(bool)>);

}  // namespace penstock::proxy
