// SPDX-License-Identifier: Apache-2.0
//
// The client's half of an exchange: what this session has asked for, and what it has left behind.
//
// consume() takes the client's bytes frame by frame, turns its statement names into the servers' and announces every
// request to the back it goes to. Requests are forwarded as they come; only a missing server, or a change that must be
// confirmed first, stops it. Large messages pass through in pieces and are never held. After the login, so nothing here
// authenticates.
#pragma once

#include "protocols/postgresql/back.hpp"
#include "protocols/postgresql/client_statements.hpp"
#include "protocols/postgresql/front_routes.hpp"
#include "protocols/postgresql/lost_transaction.hpp"
#include "protocols/postgresql/session_parameters.hpp"
#include "protocols/wire/outbox.hpp"
#include "protocols/wire/pin_reason.hpp"
#include "protocols/wire/protocol.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::postgresql {

/// What keeps transactions from writing that do not say otherwise.
inline constexpr std::string_view read_only_parameter = "default_transaction_read_only";

class front {
public:
    /// `stamp` is the session's own number, never 0.
    front(statement_store& store, front_limits limits, parameter_set_ptr startup, std::uint64_t stamp);
    ~front();
    front(const front&) = delete;
    front& operator=(const front&) = delete;

    void logged_in(const client_identity&) {}
    void greet(std::string& out, const parameter_list& parameters, const cancel_key& key) const;
    void tell_error(const client_error& why, const back* server, std::string& out, bool fatal) const;

    /// Takes what the client sent. `server` is null while no server connection is held.
    front_progress consume(bytes input, back* server, outbox& to_server, outbox& to_client);

    /// No server can be had: the request that consume() stopped at is answered with this error when it is consumed
    /// again.
    void refuse(client_error why) { refusal_ = std::move(why); }

    /// What has to be injected now that the server owes nothing: start-up values after a RESET, a probe, a catch-up.
    /// True where something was.
    bool settle(back& server, outbox& to_server, outbox& to_client);
    /// Where all that the session is pinned for may be over, the server is asked; it owes nothing now, and the client
    /// waits for nothing. True where something was sent.
    bool probe_pins(back& server, outbox& to_server, outbox& to_client);
    /// Brings a server's parameters up to the session's, as consume() does in front of a first message.
    bool catch_up(back& server, outbox& to_server, outbox& to_client);

    /// Whether the connection must stay with the session although its transaction has ended.
    [[nodiscard]] bool must_stay() const;
    [[nodiscard]] pin_set pins() const { return pins_; }
    /// The shape of the statement that pinned last; null where it is not known.
    [[nodiscard]] const std::shared_ptr<const std::string>& pin_cause() const { return pin_cause_; }
    void pin(pin_reason reason) { pins_.add(reason); }
    void follow(pin_rules rules) { pin_rules_ = rules; }
    /// These pin no longer: the connection will be cleaned before anybody else has it.
    void excuse(pin_set reasons) { pins_.remove(reasons); }
    /// A message is half forwarded, so the connection cannot be cleaned, only closed.
    [[nodiscard]] bool is_mid_message() const { return stream_left_ > 0 && !stream_dropped_; }
    [[nodiscard]] const client_error& error() const { return error_; }
    [[nodiscard]] const session_parameters& parameters() const { return parameters_; }
    [[nodiscard]] std::size_t statement_count() const { return statements_.size(); }
    [[nodiscard]] const front_counters& counters() const { return counters_; }
    /// The frames of the batch that was found to meet a stale plan, to be consumed again before anything else.
    [[nodiscard]] std::string take_healed_batch() { return std::exchange(healed_batch_, {}); }

    /// As the client knows it.
    [[nodiscard]] std::string_view application_name() const { return told("application_name"); }

    // --- reads on replicas: front_routing.cpp ---

    /// Requests are judged from now on. `patient`: none is sent to a replica behind another. `only_replicas`: all may
    /// go there.
    void route_by(read_judge& judge, session_wishes wishes, bool patient, bool only_replicas = false);
    /// Where requests are not judged before they are sent: what judges those that are lost with a server.
    void prove_by(read_judge& judge) { judge_ = &judge; }
    /// Rules that hold for the request at which those octets begin, by their places.
    [[nodiscard]] std::uint64_t rules_for(bytes octets, read_judge& by) const;
    /// What the request is at which consume() stopped for want of a server.
    [[nodiscard]] request_facts wanted() const { return routes_ ? routes_->facts : request_facts{}; }
    /// Something was sent to the primary that was not proved a read.
    [[nodiscard]] bool has_written() const { return routes_ && routes_->wrote; }
    /// And that may have changed what functions there are, or what they do.
    [[nodiscard]] bool has_defined() const { return routes_ && routes_->defined; }
    void forget_written();
    /// The request that a replica has under way can be sent to another server, as long as nothing is answered.
    [[nodiscard]] bool may_send_again() const { return routes_ && !routes_->records && !routes_->sent.empty(); }
    /// Of the request that the primary has under way, and is lost: whether it is sent again, for it is a plain read, or
    /// has never left us. `said_why`: back::last_error() is what the server said at its end.
    [[nodiscard]] bool may_repeat(const back& server, bool said_why);
    /// An error of what is sent again: it is no read after all, and has perhaps run before.
    [[nodiscard]] bool has_repeated_a_write(std::string_view sqlstate) const
    {
        return repeats_reading_ && sqlstate == "25006";  // read_only_sql_transaction
    }
    /// A replica's error. True where the request is to be sent again to another server, by way of take_healed_batch():
    /// only if the client has seen nothing of the answer (`unseen`).
    bool leave_replica(const error_report& why, bool unseen);

    // --- told by back ---

    /// A Parse of our own goes out; `again`: the client has prepared that statement before.
    void count_prepared(bool again)
    {
        ++counters_.server_parses;
        counters_.reprepared += again ? 1 : 0;
    }
    void count_evicted() { ++counters_.evicted; }

    /// A reply has ended. Failed ones count where the effect survives a failure.
    void on_done(expected_reply& reply, back& server);
    /// A Parse, Close or DEALLOCATE did not happen after all.
    void undo_names(statement_change& change);
    /// Nor did what gave the unnamed statement this version.
    void undo_unnamed(statement_change& change, std::uint64_t version);
    /// The server has refused what gave the unnamed statement this version, and has none now.
    void on_unnamed_refused(std::uint64_t version);
    /// Whether the client is to see this ParameterStatus.
    bool on_parameter_status(std::string_view name,
                             std::string_view value,
                             const expected_reply* during,
                             bool more_is_sent);
    /// A ReadyForQuery is about to be relayed that ends this request: parameters that went back to their start-up
    /// values are reported as they will be once the server has been sent them.
    void report_resets(const expected_reply& ending, outbox& to_client);
    bool on_probe_row(bytes body, back& server);
    bool on_pins_row(bytes body);
    /// The server is gone. Answers everything the client still waits for with the error, and frees the session to go
    /// on, in a failed transaction where one was open. False where that cannot be done: a reply is half relayed, or
    /// what is lost with the server is more than its transaction.
    bool on_server_lost(back& server, const client_error& error, outbox& to_client);
    /// An injected request was refused.
    void on_injected_failure(purpose why, back& server);
    /// A row of what was told with BEGIN: the isolation of the transaction.
    void on_isolation(bytes row);
    /// The server's plan of `stale` is. Whoever prepares its text again gets a fresh one; and where the batch that
    /// binds it is `alone` (nothing behind it, nothing of it answered) and asks for a description of its rows, it is
    /// kept for take_healed_batch(), to be sent again, and true is returned.
    bool heal(const statement_ptr& stale, bool alone, const back& server);

    /// What the client was told of the reported parameters at login.
    void greeted(std::shared_ptr<const parameter_list> parameters);

private:
    front_need choose(const frame_header& header, bytes rest, back* server);
    front_need choose_on_replica(bool judged, bytes rest, const back& server);
    front_need choose_in_block(bool judged, bytes rest, const back& server);
    void note_bound(const statement* named);
    void note_definitions(std::string_view text, statement_verb first, std::size_t statements);
    bool send_again();
    bool send_block_again();
    void keep_sent(bytes rest, bool alone);
    void free_names(bytes request);
    void note_refused();
    [[nodiscard]] request_facts look_at(bytes rest);
    [[nodiscard]] request_facts examine(bytes rest);
    [[nodiscard]] request_facts look_at_text(std::string_view text, const lexical_mode& mode) const;
    /// A place for how long it is, or null: it is looked at although somebody wants the primary for it.
    [[nodiscard]] request_facts look_at_parsed(std::string_view text);
    [[nodiscard]] request_facts look_at_batch(bytes rest, std::size_t* octets);
    [[nodiscard]] request_facts look_at_bind(byte_reader& body) const;
    [[nodiscard]] bool may_begin_on_replica() const;
    [[nodiscard]] bool is_in_block() const { return routes_ && routes_->block != begun::none; }
    [[nodiscard]] bool is_on_replica() const { return routes_ && routes_->block == begun::on_replica; }
    bool takes_block_elsewhere();
    void begin_block(back& server, outbox& to_server, outbox& to_client);
    void on_block_begun(const expected_reply& reply, const back& server);

    // --- what needs no server: front_local.cpp ---
    bool may_concern_us(char type, bytes whole, const back* server);
    /// Whether the message has been answered here.
    bool run_locally(const frame_header& header, bytes whole, const back* server, outbox& to_client);
    [[nodiscard]] bool is_about_route(std::string_view text, const text_effects& effects, const back& server) const;
    front_need refuse_route(char type, back& server, outbox& to_server, outbox& to_client);
    bool query_locally(bytes whole, const back* server, outbox& to_client);
    bool parse_locally(bytes whole, const back* server, outbox& to_client);
    bool bind_locally(bytes whole, const back* server, outbox& to_client);
    bool describe_locally(bytes whole, outbox& to_client);
    bool execute_locally(bytes whole, const back* server, outbox& to_client);
    [[nodiscard]] bool may_run_locally(const local_statement& what, const back* server) const;
    [[nodiscard]] bool may_exit_locally(exit_statement what, const back* server) const;
    [[nodiscard]] std::optional<std::string_view> text_of_prepared(std::string_view name) const;
    bool answer_locally(const local_statement& what, outbox& to_client);
    void exit_locally(exit_statement what, outbox& to_client);
    void describe_setting(bool binary, outbox& to_client) const;
    void keep_unnamed(bytes definition);
    [[nodiscard]] request_facts judge_prepared(std::string_view name) const;
    [[nodiscard]] exit_statement prepared_exit(std::string_view name) const;
    [[nodiscard]] bool wants_serializable();
    front_need frame(const frame_header& header, bytes whole, back* server, outbox& to_server, outbox& to_client);
    front_need request(const frame_header& header, bytes whole, back& server, outbox& to_server, outbox& to_client);
    front_need refuse_parse(client_error why, back& server, outbox& to_server, outbox& to_client);
    void take_over(back& server, outbox& to_server, outbox& to_client);
    void discard_sequences(back& server, outbox& to_server, outbox& to_client);
    enum class sequence_guard : std::uint8_t { pass, wait, refuse };
    sequence_guard guard_sequences(const text_effects* effects, back& server, outbox& to_server, outbox& to_client);
    static client_error unknown_sequences();
    front_need refuse_query(client_error why, back& server, outbox& to_server, outbox& to_client);
    [[nodiscard]] pin_set refused_of(const text_effects& effects) const
    {
        return effects.pins.common_with(pin_rules_.refused);
    }
    [[nodiscard]] bool is_refused(const text_effects& effects) const { return !refused_of(effects).empty(); }
    void tell_pins(const expected_reply& ending, outbox& to_client);
    front_need begin_stream(const frame_header& header, bytes some, back* server, outbox& to_server, outbox& to_client);
    front_need begin_long_bind(bytes some, back& server, outbox& to_server, outbox& to_client);
    front_need begin_long_parse(bytes some, back& server, outbox& to_server, outbox& to_client);
    void stream(bytes part, outbox& to_server);
    void end_stream();
    static void note_copy(char type, back& server);
    [[nodiscard]] std::size_t whole_limit(char type) const;
    front_need prepare_to_forward(char type, back* server, outbox& to_server, outbox& to_client);

    front_need query(bytes whole, back& server, outbox& to_server, outbox& to_client);
    front_need parse(bytes whole, back& server, outbox& to_server, outbox& to_client);
    front_need parse_unnamed(
        bytes whole, bytes text, bytes definition, back& server, outbox& to_server, outbox& to_client);
    front_need bind(bytes whole, back& server, outbox& to_server, outbox& to_client);
    front_need describe(bytes whole, back& server, outbox& to_server, outbox& to_client);
    front_need execute(bytes whole, back& server, outbox& to_server, outbox& to_client);
    front_need close(bytes whole, back& server, outbox& to_server, outbox& to_client);
    front_need function_call(bytes some, back& server, outbox& to_client);

    // --- names in SQL: front_names.cpp ---
    [[nodiscard]] text_effects resolve(std::string_view text, const text_effects& found) const;
    [[nodiscard]] std::shared_ptr<const text_effects> resolve_shared(
        std::string_view name, const std::shared_ptr<const text_effects>& found) const;
    void add_executed(text_effects& sum) const;
    [[nodiscard]] std::optional<client_error> refusal_of_names(const text_effects& effects);
    bool ensure_name(std::string_view name,
                     back& server,
                     outbox& to_server,
                     outbox& to_client,
                     reply_disposition how = reply_disposition::swallow_success);
    bool close_stale_names(back& server, outbox& to_server, outbox& to_client);
    void ensure_executed(const text_effects* effects, back& server, outbox& to_server, outbox& to_client);
    bool send_first_part(std::string_view text, back& server, outbox& to_server, outbox& to_client);
    [[nodiscard]] std::string rest_of(std::string_view text) const;
    bool ensure_names_for_query(const text_effects& effects, back& server, outbox& to_server, outbox& to_client);
    bool end_other_names(const text_effects& effects, back& server, outbox& to_server, outbox& to_client);
    bool ensure_names_for_execute(const text_effects& effects, back& server, outbox& to_server, outbox& to_client);
    front_need peek_at_names(bytes some, back& server, outbox& to_server, outbox& to_client);
    [[nodiscard]] std::string names_reading(const text_effects& effects) const;
    void close_foreign_names(back& server, outbox& to_server, outbox& to_client);
    void announce_names(reply_extras& extra, const text_effects& found, back& server);
    void settle_names(const text_effects& effects, bool failed, back& server);
    void end_prepare_pin();
    [[nodiscard]] std::shared_ptr<const text_effects> effects_of_bound(std::string_view name,
                                                                       const statement_ptr& named) const;
    [[nodiscard]] statement_ptr deallocated_by_digest(const text_effects& effects, const back& server) const;
    front_need parse_over_unknown(bytes whole,
                                  std::string_view name,
                                  const statement_ptr& made,
                                  back& server,
                                  outbox& to_server,
                                  outbox& to_client);

    // --- reads that are lost with the primary: front_repeats.cpp ---
    void begin_request(back& server) const;
    void keep_request(char type, bytes whole, back& server) const;
    [[nodiscard]] bool is_proved_read(bytes request);
    bool repeat(const back& server, bool said_why);
    void end_repeats()
    {
        repeats_ = 0;
        repeats_reading_ = false;
    }

    // --- a transaction whose server is lost: front_lost.cpp ---
    /// 'I', 'E' in such a transaction, or 'T' in one that no server knows of yet.
    [[nodiscard]] char status_without_server() const { return lost_ ? 'E' : is_in_block() ? 'T' : 'I'; }
    front_need answer_with_refusal(char type, bytes some, outbox& to_client);
    [[nodiscard]] bool would_open_block(char type, bytes some);
    bool answer_lost(const back& server, const client_error& error, outbox& to_client);
    void revert_reports(outbox& to_client);
    void forget_lost(const back& server);
    front_need in_lost_transaction(const frame_header& header, bytes whole, outbox& to_client);
    front_need refuse_in_lost(char type, outbox& to_client);
    bool run_in_lost(exit_statement what, outbox& to_client);
    front_need skip_in_lost(std::string_view sqlstate, std::string detail, outbox& to_client);
    front_need query_in_lost(bytes whole, outbox& to_client);
    front_need parse_in_lost(bytes whole, outbox& to_client);
    front_need bind_in_lost(bytes whole, outbox& to_client);
    front_need describe_in_lost(bytes whole, outbox& to_client);
    front_need execute_in_lost(bytes whole, outbox& to_client);
    front_need close_in_lost(bytes whole, outbox& to_client);
    [[nodiscard]] bool has_room_for(bytes definition) const;

    void ensure_unnamed(back& server, outbox& to_server, outbox& to_client);
    void unnamed_is_now(back& server);
    [[nodiscard]] bool is_unnamed_uncertain(const back& server) const;
    void set_portal_effects(std::string_view portal, std::shared_ptr<const text_effects> effects);
    void set_portal_block(std::string_view portal, const transaction_effect& block);
    [[nodiscard]] const transaction_effect& portal_block(std::string_view portal) const;
    std::shared_ptr<const text_effects> portal_effects(std::string_view portal) const;
    void replace_unnamed(expected_reply& reply, back& server);
    void announce_effects(expected_reply& reply, std::shared_ptr<const text_effects> effects, back& server);
    bool changes_reading(const text_effects& effects) const;
    void on_ready(back& server);
    void apply(const expected_reply& done, back& server);
    void pin_for(const text_effects& effects);
    [[nodiscard]] bool counts(const text_effects& effects) const;
    [[nodiscard]] static pin_set undone_by_rollback();
    void apply_failed(const text_effects& effects);
    [[nodiscard]] std::uint64_t stamp_of(std::uint64_t unnamed_version) const;
    [[nodiscard]] std::uint64_t unnamed_stamp();
    void inject(purpose why, std::string_view text, back& server, outbox& to_server, outbox& to_client);
    bool bring_to(const parameter_set_ptr& wanted, back& server, outbox& to_server, outbox& to_client);
    /// As the client was last told; empty where it was not.
    [[nodiscard]] std::string_view told(std::string_view name) const;
    [[nodiscard]] std::string_view client_encoding() const { return told("client_encoding"); }

    // --- what texts mean: front_meanings.cpp ---
    [[nodiscard]] std::string reading_of(bytes definition);
    [[nodiscard]] statement_ptr intern(bytes definition);
    [[nodiscard]] static bool may_make_temporary(const text_effects& effects);
    [[nodiscard]] front_need leave_used_buffers(const text_effects& effects, back& server);
    void announce_meanings(const text_effects& effects, back& server);
    void settle_meanings(bool more);

    static bool is_ambiguous_encoding(std::string_view name);
    void record_batch(char type, bytes whole, const back& server);
    void note_reading(std::string_view name, std::string_view value);
    void note_told_before(std::string_view name, std::string_view value);
    front_need fail(error_kind kind, std::string detail);
    front_need malformed(std::string_view message);

    statement_store& store_;
    front_limits limits_;
    std::uint64_t stamp_;
    lexical_mode mode_{};
    session_parameters parameters_;
    client_statements statements_;
    pin_set pins_{};
    pin_rules pin_rules_{};
    pin_set told_pins_{};  ///< by a notice
    std::shared_ptr<const std::string> pin_cause_{};
    pin_set may_have_ended_{};  ///< what statements may have put an end to that the server has not been asked about
    pin_set asked_pins_{};      ///< what it is being asked about
    front_counters counters_{};
    std::shared_ptr<const parameter_list> greeted_{};  ///< reported parameters as the client was told at login
    parameter_list told_;                              ///< and what it was told since
    parameter_list told_before_;  ///< what it had been told of those that are lost if the server is lost now

    /// Whether texts may mean something else to this session than to others, for what its transaction has done.
    enum class meaning : std::uint8_t {
        shared,
        own,       ///< it has temporary objects, or settings of its own
        defining,  ///< and it has changed what names stand for, perhaps for all
    } meaning_ = meaning::shared;
    bool has_made_temporary_ = false;  ///< the session, ever

    std::shared_ptr<const text_effects> unnamed_portal_effects_{};
    std::vector<std::pair<std::string, std::shared_ptr<const text_effects>>> portal_effects_;
    std::vector<std::shared_ptr<const text_effects>> bound_effects_;  ///< of all portals of the transaction
    bool in_failure_ = false;                                         ///< the transaction, as of the last ReadyForQuery
    bool recovered_ = false;                                          ///< it has failed and gone on from a savepoint

    transaction_effect unnamed_portal_block_{};
    transaction_effect named_portals_block_{};  ///< of any of them
    transaction_effect done_block_{};           ///< of what was done since the last ReadyForQuery
    std::unique_ptr<lost_transaction> lost_{};  ///< not null: the client is in a transaction whose server is lost

    /// Of the query at hand, where its first statement was sent by itself.
    struct first_part {
        std::size_t octets = 0;
        bool succeeded = false;  ///< else its error has answered all of the query
    } first_part_{};
    std::optional<client_error> names_error_{};  ///< why a statement that a query names could not be prepared
    std::optional<client_error> refusal_{};
    std::unique_ptr<lost_transaction> refused_block_{};          ///< begins with an Execute of the refused batch
    std::vector<std::shared_ptr<const text_effects>> resets_{};  ///< executed in the batch under way, not yet reported
    bool skipping_ = false;         ///< a lost server: discard up to the next Sync, which is answered here
    bool holding_ = false;          ///< forward nothing until the server owes nothing
    std::size_t stream_left_ = 0;   ///< octets of a message that passes through in pieces
    std::size_t stream_taken_ = 0;  ///< of its beginning, taken by begin_stream()
    bool stream_dropped_ = false;
    bool stream_inspected_ = false;
    std::unique_ptr<effects_collector> collector_{};
    back* stream_server_ = nullptr;  ///< whose newest announcement gets the effects of the streamed text

    /// The batch since the last Sync, where it may have to be sent again ("cached plan must not change result type").
    enum class batch_state : std::uint8_t {
        none,       ///< nothing since the last Sync
        recording,  ///< starts with the Bind of a named statement, nothing disqualifies it yet
        complete,   ///< and its Sync was sent
        unfit,
    } batch_state_ = batch_state::none;
    bool batch_describes_ = false;
    bool batch_is_sent_ = false;  ///< it is the request that a replica has, and kept as that already
    std::size_t batch_octets_ = 0;
    std::string batch_name_;  ///< of the client's statement that it binds
    std::string healed_batch_;

    read_judge* judge_ = nullptr;         ///< null: nothing is known to be a read
    bool meets_others_settings_ = false;  ///< the connection that was caught up last had settings of another session
    std::uint8_t repeats_ = 0;            ///< times that the request at hand was lost, and sent again
    bool repeats_reading_ = false;        ///< what is sent again may have run, and must be nothing but a read

    client_error error_{};
    std::unique_ptr<front_routes> routes_{};  ///< null: all goes to one server
};

}  // namespace penstock::postgresql
