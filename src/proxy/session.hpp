// SPDX-License-Identifier: Apache-2.0
//
// A session, from login to disconnect: the one narrative, for every protocol.
//
// serve() does all it can without waiting, then waits for one event that fires for anything of interest: bytes or room
// on either side, a granted lease, a request to stop. What bytes mean is the protocol's (front and back); who gets a
// connection is the pool's. A session object lives in its root coroutine's frame and owns no buffer while it is idle.
#pragma once

#include "net/event.hpp"
#include "net/stream.hpp"
#include "pool/pool.hpp"
#include "proxy/process.hpp"
#include "proxy/server_connection.hpp"
#include "proxy/session_base.hpp"
#include "proxy/worker.hpp"

#include <memory>
#include <optional>
#include <string>

namespace penstock::proxy {

/// The root coroutine of a client connection.
template <protocol P>
task<void> serve_client(worker& on, int descriptor, entrance by);

template <protocol P>
class session final : public session_base {
public:
    session(worker& on, int descriptor, entrance by);
    ~session() override;

    task<void> run();

    void sweep(time_point now) override;
    void stop(client_error why, bool when_idle) override;
    void cancel(const std::string& key, std::function<void()> done) override;
    void kill(const kill_order& order, std::function<void(kill_result)> done) override;
    void fence(const std::string& cluster, const std::string& node) override;
    void note_view() override;
    [[nodiscard]] session_report describe(time_point now, bool in_full) const override;

private:
    using connection = server_connection<P>;

    /// Why bytes of the client are not being taken.
    enum class hold : std::uint8_t {
        none,
        server,   ///< a lease is being waited for
        answers,  ///< the server has to answer first
        doubt,    ///< what a lost server had is sent again once it is known what has become of it
        kill,     ///< another session is told to end
        login,    ///< the client logs in anew
    };
    /// How that went; whoever knows may outlive the session.
    struct kill_news {
        std::optional<kill_result> how{};
        net::event* tell = nullptr;
    };
    /// What the control plane finds of a server in doubt. Likewise.
    struct doubt_news {
        std::string node{};
        doubt why = doubt::none;  ///< where the server is gone
        client_error what{};      ///< and what the client is told if its request is not sent again
        router::node_finding found = router::node_finding::none;
        net::event* tell = nullptr;
    };

    // --- logging in: session_login_impl.hpp ---
    /// False where the session ends here.
    task<bool> log_in();
    task<void> log_in_again();
    /// A client that logs in anew: who it was, and what it sent.
    struct renewal {
        client_identity before{};
        std::string request{};
    };
    task<bool> prove(login_context context, std::optional<renewal> anew);
    [[nodiscard]] login_context new_login_context();
    task<void> pass_cancel_on(cancel_key target);
    task<bool> begin_tls_at_once(login_context& context);
    task<bool> welcome(client_identity proved, const user_record& record);
    bool admit();
    void dismiss();
    task<bool> greet();
    [[nodiscard]] bool asks_for_console() const;
    task<void> serve_console(client_identity who);
    void make_secret(const client_identity& who);
    task<bool> learn_greeting(const parameter_set_ptr& startup);
    std::shared_ptr<pool_record> find_pool(const user_record& record);
    void refuse(client_error why);
    void note_failed_login(const login_result& how, const user_question& asked);

    // --- serving: session_relay_impl.hpp ---
    task<void> serve();
    bool step();
    bool take_from_server();
    bool take_from_client();
    void consume(bytes input, bool from_pending);
    bool take_kill_result();
    void send_kill(kill_request what);
    void need_server();
    void leave_server();
    bool take_lease();
    void refuse_request(client_error why);
    void begin_lease(pool::lease<connection> granted);
    void after_answers();
    bool may_release() const;
    void release();
    void send_both(outbox& to_server, outbox& to_client);
    // (counting: session_counters_impl.hpp)
    void count_answers();
    void copy_counters();
    void copy_rare_counters(const front_counters& now);

    // --- servers that are lost, or in doubt: session_doubt_impl.hpp ---
    void server_lost(advance_result how);
    [[nodiscard]] doubt doubt_of_server() const;
    [[nodiscard]] bool is_ending() const;
    [[nodiscard]] bool is_replica() const { return routes_ && routes_->loan; }
    void give_up_lost(client_error why);
    void begin_doubt();
    void send_again_later(std::string node, doubt why, client_error what);
    void examine_doubted();
    bool resolve_doubt();
    void settle_doubt(bool again);
    void drop_doubted();
    void forget_doubt();

    // --- reads on replicas: session_routing_impl.hpp ---
    void begin_routing();
    worker_pool<P>& choose_pool();
    [[nodiscard]] bool has_room(std::size_t replica);
    void note_write();
    void end_writes();
    void distrust_functions();
    bool is_refused_at_once();
    bool may_begin(bytes wanted);
    [[nodiscard]] std::string reached_limit(bytes wanted);
    bool try_elsewhere(const client_error& why);
    void choose_again();

    // --- pins: session_pins_impl.hpp ---
    void follow_pins(time_point now);
    [[nodiscard]] pin_rules pin_rules_of_user() const;
    void excuse_pins();

    // --- deadlines: session.cpp ---
    [[nodiscard]] bool makes_server_wait() const;

    // --- leaving: session.cpp ---
    task<void> leave();
    void leave_pool();
    task<void> abandon();
    static telemetry::discard_reason reason_of(advance_result how);
    telemetry::discard_reason why_abandoned() const;
    void discard(telemetry::discard_reason why);
    void cancel_statement(std::function<void(bool)> done);
    task<void> say_last_words();
    void end(client_error why);
    [[nodiscard]] std::string_view application_name() const;

    worker& worker_;
    net::stream client_;
    net::event event_;
    std::uint32_t number_ = 0;
    bool over_ = false;
    bool logged_in_ = false;
    bool is_renewed_ = false;      ///< not its first login on this connection
    bool left_by_itself_ = false;  ///< said goodbye or went away: nothing more is sent
    bool was_killed_ = false;      ///< by KILL: nothing more is said, and what it runs is cancelled
    bool stop_when_idle_ = false;
    std::optional<client_error> stop_{};

    worker_pool<P>* pool_ = nullptr;
    std::unique_ptr<typename P::front> front_;
    const cluster_side* cluster_ = nullptr;
    std::unique_ptr<session_routes> routes_;  ///< null: all goes to the primary
    pool::lease<connection> lease_;
    std::unique_ptr<pool::ticket<connection>> ticket_;
    hold hold_ = hold::none;
    std::shared_ptr<kill_news> kill_news_;
    std::shared_ptr<doubt_news> doubt_;  ///< null: no server is in doubt
    std::string pending_;                ///< octets of the client that could not be taken yet

    std::unique_ptr<client_identity> who_;  ///< between its proof and its greeting
    std::string user_;
    std::string database_;
    std::string application_name_;
    std::string secret_;  ///< of the cancel key
    process::rates rates_{};
    bool is_again_ = false;    ///< what asks for a server next has had one before
    bool is_refused_ = false;  ///< what waits for a server has its answer already
    bool admitted_ = false;
    bool on_console_ = false;
    bool is_cancelled_ = false;  ///< on the console: a cancel request has come
    bool for_console_ = false;   ///< it has come to where there is nothing else
    bool read_only_ = false;     ///< it has come to where clients get replicas

    time_point since_{};           ///< last octets from the client
    time_point rests_since_{};     ///< its last request, or piece of one, was taken, or had its answer
    time_point asked_at_{};        ///< first request of the answers under way
    time_point sent_at_{};         ///< when it went to a server
    time_point transaction_at_{};  ///< the lease began
    time_point wait_since_{};
    std::uint64_t sent_mark_ = 0;  ///< client's octets_sent at the last sweep that saw a backlog
    time_point stuck_since_{};
    front_counters counted_{};
    std::uint64_t received_counted_ = 0;
    std::uint64_t sent_counted_ = 0;
    std::uint64_t from_server_mark_ = 0;
    std::uint64_t to_server_mark_ = 0;
    std::uint32_t asked_mark_ = 0;  ///< what the server's socket had taken before the request under way
    session_pins pins_;             ///< as they are counted
    pin_set excused_{};             ///< reasons for which the connection is cleaned, not kept
    std::chrono::system_clock::time_point connected_at_ = std::chrono::system_clock::now();
};

}  // namespace penstock::proxy
