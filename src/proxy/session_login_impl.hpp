// SPDX-License-Identifier: Apache-2.0
//
// How a session logs in: who is it, may it, which pool serves it, and what it is greeted with. Part of session.cpp.
#pragma once

#include "protocols/wire/conversation.hpp"
#include "proxy/login.hpp"
#include "proxy/session.hpp"
#include "proxy/session_console_impl.hpp"
#include "settings/lookup.hpp"
#include "telemetry/log.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace penstock::proxy {

template <protocol P>
login_context session<P>::new_login_context()
{
    const auto& configuration = *worker_.current();
    login_context context;
    context.tls_available = configuration.client_tls != nullptr;
    context.client_address = client_.peer_address();
    context.longest_startup = configuration.settings->clients.max_startup_packet;
    context.require_tls = configuration.settings->listen.require_tls && context.client_address != "unix";
    if constexpr (!P::client_speaks_first) {
        context.greeting = worker_.owner().greeting_of(engine_of_protocol<P>);
        context.offer_compression = configuration.settings->clients.compression;
        context.connection_id = number_;
    }
    return context;
}

template <protocol P>
task<bool> session<P>::log_in()
{
    auto context = new_login_context();
    if constexpr (P::client_speaks_first) {
        const bool tls_settled = co_await begin_tls_at_once(context);
        if (!tls_settled) {
            co_return false;
        }
    }
    std::optional<renewal> first{};
    co_return co_await prove(std::move(context), std::move(first));
}

/// The client becomes somebody else on the connection that it has: whatever it was goes first, as though it had left.
template <protocol P>
task<void> session<P>::log_in_again()
{
    hold_ = hold::none;
    logged_in_ = false;
    is_renewed_ = true;
    std::optional<renewal> anew{std::in_place};
    if constexpr (requires { front_->take_login(); }) {
        anew->before = front_->identity();
        anew->request = front_->take_login();
    }
    anew->before.tls = client_.tls() == net::tls_state::established;
    if (lease_) {
        co_await abandon();
        client_.subscribe(&event_);
    }
    leave_pool();
    auto context = new_login_context();
    const bool logged_in = co_await prove(std::move(context), std::move(anew));
    if (!logged_in) {  // as with a server, that ends the connection
        lease_.discard();
        admitted_ = false;
        pool_ = nullptr;
        front_.reset();
        over_ = true;
    } else if (!pending_.empty()) {
        consume(pending_, true);
    }
}

/// From a client's first message, or its wish to log in anew, to its greeting.
template <protocol P>
task<bool> session<P>::prove(login_context context, std::optional<renewal> anew)
{
    const auto configuration = worker_.current();
    const auto deadline = worker_.driver().now() + configuration->settings->clients.client_login_timeout;
    user_record record;
    login_surroundings with;
    with.tls = configuration->client_tls;
    with.role = net::tls_role::server;
    with.keep_record = &record;
    with.must_end = [this] { return stop_.has_value(); };
    user_question asked;
    with.look_up = [this, &asked](const user_question& question, const look_up_slot& into) {
        asked = question;
        asked.cluster = settings::cluster_of(*worker_.current()->settings, question.database, engine_of_protocol<P>);
        worker_.look_up(asked, into);
    };
    login_result result;
    auto end = drive_end::done;
    {
        dialogue line;
        line.feed(anew ? pending_ : context.early_input);
        auto talk = anew ? P::login_again(line, std::move(context), std::move(anew->before), std::move(anew->request))
                         : P::client_login(line, std::move(context));
        end = co_await drive(worker_.driver(), client_, event_, line, talk, std::move(with), deadline);
        result = talk.take();
        pending_ = line.take_leftover();
    }
    switch (result.how) {
        case login_result::kind::logged_in: break;
        case login_result::kind::cancel: co_await pass_cancel_on(std::move(result.target)); co_return false;
        case login_result::kind::refused:
        case login_result::kind::gone:
            if (end == drive_end::timed_out) {
                refuse({error_kind::login_timeout, {}});
            } else if (end == drive_end::stopped) {
                refuse(*stop_);
            } else if (!result.reason.empty()) {
                note_failed_login(result, asked);
                log::info("client could not log in",
                          {{"client", client_.peer_address()},
                           {"user", result.identity.user},
                           {"reason", result.reason},
                           {"tls", client_.fault()}});
            }
            co_return false;
    }
    if (!is_renewed_ && client_.tls() == net::tls_state::established) {
        worker_.counters().process.clients_with_tls.add();
    }
    co_return co_await welcome(std::move(result.identity), record);
}

/// A peer that merely went away has failed at nothing. A wrong password may be a new one, so what is remembered of the
/// user is not believed any longer.
template <protocol P>
void session<P>::note_failed_login(const login_result& how, const user_question& asked)
{
    if (!how.error) {
        return;
    }
    worker_.counters().process.count_login_failure(*how.error);
    if (*how.error == error_kind::wrong_password) {
        worker_.owner().users().forget(asked);
    }
}

/// A client may begin with TLS itself instead of asking for it ("direct TLS", sslnegotiation=direct).
template <protocol P>
task<bool> session<P>::begin_tls_at_once(login_context& context)
{
    bool expired = false;
    bool refused = false;
    const auto deadline = worker_.driver().now() + worker_.current()->settings->clients.client_login_timeout;
    const auto timer = worker_.driver().call_by(deadline, [this, &expired] {
        expired = true;
        event_.notify();
    });
    char first = 0;
    while (!expired && !stop_ && !client_.peer_gone() && client_.peek(&first, 1) == 0) {
        co_await event_.wait();
    }
    if (!expired && context.tls_available && P::begins_with_tls(first)) {
        client_.start_tls(*worker_.current()->client_tls, net::tls_role::server);
        std::string early;
        const auto is_over = [this, &expired] { return expired || stop_; };
        context.direct_tls = co_await detail::shake_hands(client_, event_, early, is_over);
        if (!context.direct_tls) {
            log::info("TLS handshake failed", {{"client", client_.peer_address()}, {"reason", client_.fault()}});
            refused = !expired;
        }
        context.early_input = std::move(early);
    }
    worker_.driver().cancel(timer);
    if ((expired || refused) && !stop_) {
        const auto why = expired ? error_kind::login_timeout : error_kind::protocol_violation;
        worker_.counters().process.count_login_failure(why);
    }
    co_return !expired && !refused && !stop_;
}

template <protocol P>
task<void> session<P>::pass_cancel_on(cancel_key target)
{
    worker_.counters().process.cancel_requests.add();
    const auto& all = worker_.owner().workers();
    const auto index = worker_of(target.process_id);
    if (index >= all.size()) {
        worker_.counters().process.cancel_requests_unmatched.add();
        co_return;
    }
    // The requester sees the end of its connection once the request has arrived, as with a server. The news may come
    // when this session has been stopped meanwhile; then nobody is told.
    struct news {
        bool arrived = false;
        net::event* tell = nullptr;
    };
    const auto shared = std::make_shared<news>();
    shared->tell = &event_;
    all[index]->cancel(std::move(target), [&own = worker_, shared] {
        own.run_here([shared] {
            shared->arrived = true;
            if (shared->tell != nullptr) {
                shared->tell->notify();
            }
        });
    });
    while (!shared->arrived && !stop_) {
        co_await event_.wait();
    }
    shared->tell = nullptr;
}

template <protocol P>
task<bool> session<P>::welcome(client_identity proved, const user_record& record)
{
    who_ = std::make_unique<client_identity>(std::move(proved));
    auto& who = *who_;
    auto& process = worker_.owner();
    const auto& tree = *worker_.current()->settings;
    user_ = who.user;
    database_ = who.database;
    for (const auto& [name, value] : who.parameters) {
        if (name == "application_name") {
            application_name_ = value;
        }
    }
    if (for_console_ || asks_for_console()) {
        co_await serve_console(std::move(who));
        co_return false;
    }
    if (worker_.is_draining()) {
        refuse({error_kind::shutting_down, {}});
        co_return false;
    }
    if (process.clients.load(std::memory_order_relaxed) > tree.clients.max_client_connections) {
        refuse({error_kind::too_many_clients, {}});
        co_return false;
    }
    auto pool = find_pool(record);
    if (!pool) {
        refuse({error_kind::unknown_database, "database \"" + who.database + "\" does not exist"});
        co_return false;
    }
    admitted_ = admit();
    if (!admitted_) {
        co_return false;
    }
    pool_ = &worker_.template pool_of<P>(std::move(pool));
    const bool greeted = co_await greet();
    if (!greeted) {
        dismiss();
    }
    co_return greeted;
}

/// Counts this client with its user's and its database's; refuses it where there are too many of either.
template <protocol P>
bool session<P>::admit()
{
    auto& process = worker_.owner();
    const auto& tree = *worker_.current()->settings;
    const auto* user = settings::find_user(tree, user_);
    if (!process.admit_user(user_, settings::effective_user_client_limit(tree, user))) {
        refuse({error_kind::too_many_clients, "too many clients of user \"" + user_ + "\""});
        return false;
    }
    const auto* database = settings::find_database(tree, database_, engine_of_protocol<P>);
    if (!process.admit_to_database(database_, database == nullptr ? 0 : database->max_client_connections)) {
        refuse({error_kind::too_many_clients, "too many clients of database \"" + database_ + "\""});
        process.dismiss_user(user_);
        return false;
    }
    rates_ = process.rates_of(engine_of_protocol<P>, user_, database_);
    return true;
}

template <protocol P>
void session<P>::dismiss()
{
    worker_.owner().dismiss_user(user_);
    worker_.owner().dismiss_from_database(database_);
}

template <protocol P>
std::shared_ptr<pool_record> session<P>::find_pool(const user_record& record)
{
    const auto& who = *who_;
    const auto& tree = *worker_.current()->settings;
    const auto* database = settings::find_database(tree, who.database, engine_of_protocol<P>);
    const auto* cluster = database == nullptr ? nullptr : settings::find_cluster(tree, database->cluster);
    if (cluster == nullptr) {
        return nullptr;
    }
    const auto* user = settings::find_user(tree, who.user);
    server_account account;
    account.user = who.user;
    account.database = settings::server_database(*database, who.database);
    account.tls = cluster->sslmode;
    if (!cluster->options.empty()) {
        account.parameters.emplace_back("options", cluster->options);
    }
    if (!cluster->application_name.empty()) {
        account.parameters.emplace_back("application_name", cluster->application_name);
    }
    if (user != nullptr && settings::has_server_login(*user)) {
        account.user = user->server_user.empty() ? who.user : user->server_user;
        account.password = user->server_password;
    } else if (!who.clear_password.empty()) {
        account.password = who.clear_password;
    } else if (P::is_clear_text(record.stored)) {
        account.password = record.stored;
    } else {
        account.keys = who.keys;  // a server with the same verifier accepts what the client's proof yielded
        account.hashes = who.hashes;
    }
    account.fetch_public_key = cluster->fetch_public_key;
    const auto& keys = worker_.current()->public_keys;
    if (const auto key = keys.find(cluster->name); key != keys.end()) {
        account.public_key = key->second;
    }
    account.capabilities = P::connection_kind(who);
    const pool::pool_key key{
        .cluster = cluster->name, .user = account.user, .database = account.database, .kind = account.capabilities};
    return worker_.owner().pool_for(key, *database, user, std::move(account));
}

template <protocol P>
task<bool> session<P>::greet()
{
    const auto* const who = who_.get();
    const auto& limits = worker_.current()->settings->clients;
    const front_limits bounds{.inspected_statement = limits.max_inspected_statement,
                              .statements = limits.client_statement_limit,
                              .statement_memory = limits.client_statement_memory};
    const auto startup = worker_.template side<P>().startups.share(P::carried_parameters(*who));
    front_ =
        std::make_unique<typename P::front>(worker_.template side<P>().store, bounds, startup, worker_.next_stamp());
    front_->logged_in(*who);
    auto greeting = pool_->greetings.find(*startup);
    if (!greeting) {
        const bool learnt = co_await learn_greeting(startup);
        if (!learnt) {
            co_return false;
        }
        greeting = pool_->greetings.find(*startup);
    }
    front_->greeted(greeting);
    if (pool_->record->mode() == settings::pool_mode::session) {
        front_->pin(pin_reason::session_pooling);
    } else {
        const auto rules = pin_rules_of_user();
        front_->follow(rules);
        excused_ = rules.excused;
    }
    begin_routing();
    make_secret(*who);
    std::string out;
    front_->greet(out, *greeting, {.process_id = number_, .key = secret_});
    client_.send(out);
    if (auto layer = is_renewed_ ? nullptr : P::layer_for(*who)) {
        client_.start_layer(std::move(layer), std::exchange(pending_, {}));
    }
    logged_in_ = true;
    who_.reset();
    worker_.counters().process.logins.add();
    pool_->counters->client_logins.add();
    since_ = rests_since_ = worker_.driver().now();
    log::debug("client logged in", {{"client", client_.peer_address()}, {"user", user_}, {"database", database_}});
    co_return true;
}

template <protocol P>
void session<P>::make_secret(const client_identity& who)
{
    secret_.resize(P::cancel_secret_size(who));
    RAND_bytes(reinterpret_cast<unsigned char*>(secret_.data()), static_cast<int>(secret_.size()));
}

/// The first client with these start-up parameters is greeted with what a server says to them.
template <protocol P>
task<bool> session<P>::learn_greeting(const parameter_set_ptr& startup)
{
    const auto early = std::exchange(pending_, {});
    need_server();
    while (!lease_) {
        if (client_.peer_gone() || stop_) {
            ticket_.reset();
            if (stop_) {
                refuse(*stop_);
            }
            co_return false;
        }
        if (!take_lease()) {
            co_await event_.wait();
        } else if (over_) {
            co_return false;
        }
    }
    std::string scratch;
    outbox to_server{scratch};
    std::string nobody;
    outbox to_client{nobody};
    front_->catch_up(lease_->half(), to_server, to_client);
    lease_->wire().send(to_server.contents());
    bool expired = false;
    const auto deadline = worker_.driver().now() + worker_.current()->settings->clients.client_login_timeout;
    const auto timer = worker_.driver().call_by(deadline, [this, &expired] {
        expired = true;
        event_.notify();
    });
    auto how = advance_result::ok;
    while (how == advance_result::ok && !lease_->half().is_quiet()) {
        if (expired || stop_ || client_.peer_gone()) {
            worker_.driver().cancel(timer);
            discard(why_abandoned());
            refuse(stop_ ? *stop_ : client_error{error_kind::login_timeout, {}});
            co_return false;
        }
        const auto in = lease_->wire().receive();
        if (in.how == net::received::kind::data) {
            how = lease_->half().advance(in.data, *front_, to_client);
            to_client.clear();
        } else if (in.how == net::received::kind::would_block) {
            co_await event_.wait();
        } else {
            how = advance_result::lost;
        }
    }
    worker_.driver().cancel(timer);
    if (how != advance_result::ok) {
        const auto why = lease_->half().last_error();
        discard(reason_of(how));
        refuse({error_kind::settings_not_applied, why.detail, why.sqlstate});
        co_return false;
    }
    parameter_list reported;
    for (const auto& [name, value] : lease_->half().reported) {
        reported.emplace_back(name, value);
    }
    pool_->greetings.add(*startup, std::move(reported));
    release();
    pending_ = early;
    co_return true;
}

template <protocol P>
void session<P>::refuse(client_error why)
{
    worker_.counters().process.count_login_failure(why.kind);
    log::info("client is refused",
              {{"client", client_.peer_address()},
               {"user", user_},
               {"database", database_},
               {"reason", name_of(why.kind)},
               {"detail", why.detail}});
    std::string out;
    P::encode_refusal(why, who_ ? *who_ : client_identity{}, out);
    client_.send(out);
    over_ = true;
}

}  // namespace penstock::proxy
