// SPDX-License-Identifier: Apache-2.0
//
// The client's half of an exchange: what this session has asked for, and what it has left behind.
//
// consume() takes the client's commands one at a time: the next one goes out when the last one has been answered, for
// only its reply tells what the session has become. In front of a command the server is brought to the session's state;
// the answer to that is waited for, so that nothing of the client's ever runs under wrong settings. Statements have ids
// of our own and are prepared on whatever server the lease brings. Long commands pass through in pieces. See ADR 17.
#pragma once

#include "protocols/mysql/back.hpp"
#include "protocols/mysql/builtin_functions.hpp"
#include "protocols/mysql/commands_execute.hpp"
#include "protocols/mysql/commands_rewriter.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/kept_warnings.hpp"
#include "protocols/mysql/read_dialect.hpp"
#include "protocols/mysql/session_state.hpp"
#include "protocols/mysql/statement.hpp"
#include "protocols/mysql/tracking.hpp"
#include "protocols/mysql/transaction_statement.hpp"
#include "protocols/wire/outbox.hpp"
#include "protocols/wire/pin_reason.hpp"
#include "protocols/wire/protocol.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock::mysql {

/// Which role is active, as a command. In hexadecimal digits: the connection's character set does not matter to it.
inline constexpr std::string_view role_query = "\3SELECT HEX(CURRENT_ROLE())";

class front {
public:
    /// `stamp` is the session's own number, never 0.
    front(statement_store& store, front_limits limits, parameter_set_ptr startup, std::uint64_t stamp);
    ~front();
    front(const front&) = delete;
    front& operator=(const front&) = delete;
    /// What the login has agreed on.
    void logged_in(const client_identity& who);

    /// Takes what the client sent. `server` is null while no server connection is held.
    front_progress consume(bytes input, back* server, outbox& to_server, outbox& to_client);
    /// No server can be had: the command that consume() stopped at is answered with this error.
    void refuse(client_error why) { refusal_ = std::move(why); }
    /// What has to be asked now that the server owes nothing, before its connection can be given back.
    bool settle(back& server, outbox& to_server, outbox& to_client);
    /// Where the locks that the session is pinned for may be released, the server is asked; it owes nothing now, and
    /// the client waits for nothing. True where something was sent.
    bool probe_pins(back& server, outbox& to_server, outbox& to_client);
    /// What consume() stopped at with front_need::log_in: a COM_CHANGE_USER, whose sender is to become somebody else.
    [[nodiscard]] std::string take_login() { return std::exchange(login_request_, {}); }
    /// What of the client's login holds for its next one, too.
    [[nodiscard]] client_identity identity() const;
    /// The client's own word for what it is: program_name of its connection attributes.
    [[nodiscard]] std::string_view application_name() const { return application_name_; }
    /// What consume() stopped at with front_need::kill, and its answer.
    [[nodiscard]] const kill_request& wanted_kill() const { return wanted_kill_; }
    void on_killed(kill_result how, std::string& out);
    /// Brings a server to the session's state, as consume() does in front of a command. True where something was sent.
    bool catch_up(back& server, outbox& to_server, outbox& to_client);

    [[nodiscard]] bool must_stay() const;
    /// The client has ended its connection by a statement, and has its answer.
    [[nodiscard]] bool has_left() const { return has_left_; }
    [[nodiscard]] pin_set pins() const { return pins_; }
    /// The shape of the statement that pinned last; null where it is not known.
    [[nodiscard]] const std::shared_ptr<const std::string>& pin_cause() const { return pin_cause_; }
    void pin(pin_reason reason) { pins_.add(reason); }
    void follow(pin_rules rules) { pin_rules_ = rules; }
    /// These pin no longer: the connection will be cleaned before anybody else has it.
    void excuse(pin_set reasons) { pins_.remove(reasons); }
    /// A command is half forwarded, so the connection cannot be cleaned, only closed.
    [[nodiscard]] bool is_mid_message() const { return stream_ != stream_kind::none && !stream_dropped_; }
    [[nodiscard]] const client_error& error() const { return error_; }
    [[nodiscard]] std::size_t statement_count() const { return statements_.size(); }
    [[nodiscard]] const front_counters& counters() const { return counters_; }
    /// The command that is to be sent to another server, to be consumed again before anything else.
    [[nodiscard]] std::string take_healed_batch() { return std::exchange(healed_, {}); }
    [[nodiscard]] const session_state& state() const { return state_; }
    void greeted(const std::shared_ptr<const parameter_list>&) {}
    /// An error that comes now, in the place of a reply that is owed or of the next one.
    void tell_error(const client_error& why, const back* server, std::string& out, bool fatal = false) const;
    /// The OK packet that ends the login.
    void greet(std::string& out, const parameter_list& reported, const cancel_key& key);

    // --- reads on replicas: front_routing.cpp ---

    /// Commands are judged from now on. `patient`: no read follows another on a replica that was chosen for that one.
    /// `only_replicas`: all of them go to replicas, whatever they are.
    void route_by(read_judge& judge, session_wishes wishes, bool patient, bool only_replicas);
    /// Where commands are not judged before they are sent: what judges those that are lost with a server.
    void prove_by(read_judge& judge) { judge_ = &judge; }
    /// Rules that hold for the command at which those octets begin, by their places.
    [[nodiscard]] std::uint64_t rules_for(bytes octets, read_judge& by);
    /// What the command is at which consume() stopped for want of a server.
    [[nodiscard]] request_facts wanted() const { return routing_ ? routing_->facts : request_facts{}; }
    /// Something was sent to the primary that may have written.
    [[nodiscard]] bool has_written() const { return routing_ && routing_->wrote; }
    /// And that may have changed what functions there are, or what they do.
    [[nodiscard]] bool has_defined() const { return routing_ && routing_->defined; }
    void forget_written();
    /// The command that a replica has under way can be sent to another server, as long as nothing is answered.
    [[nodiscard]] bool may_send_again() const { return routing_ && !routing_->sent.empty(); }
    /// A replica's error. True where the command is to be sent again to another server, by way of take_healed_batch():
    /// only if the client has seen nothing of the answer (`unseen`).
    bool leave_replica(const err_packet& why, bool unseen, back& server);
    /// A replica's error to what was to be prepared there in front of a command. True where that goes to the primary.
    bool leave_unprepared(const err_packet& why, const expected_reply& reply, const back& server);

    /// The primary's error to the command under way, which it ends by ending itself. True where the command is to be
    /// sent again to the next one, by way of take_healed_batch().
    bool repeat_refused(const err_packet& why, back& server);
    /// Whether that error to the command under way, of which the client has seen nothing, makes it doubtful what the
    /// server is. `is_first`: nothing has come before it.
    [[nodiscard]] doubt doubt_by(const err_packet& why, bool is_first, const back& server);
    /// And it was right. True where the command is to be sent to another server, by way of take_healed_batch().
    bool leave_doubted(doubt why, back& server);
    /// An error of what is sent again: it is no read after all, and has perhaps run before.
    [[nodiscard]] bool has_repeated_a_write(std::uint16_t code) const;

    // --- told by back ---

    [[nodiscard]] capability_flags capabilities() const { return capabilities_; }
    [[nodiscard]] tracking_wishes& wishes() { return wishes_; }
    void on_done(expected_reply& reply, back& server);
    void on_session_change(const session_change& change, const expected_reply& during, back& server);
    /// The header of an answer to COM_STMT_PREPARE: gives the id the client gets.
    std::uint32_t on_prepared(expected_reply& reply, const prepared_header& header, back& server);
    void on_captured_definition(bytes payload, const expected_reply& during, const back& server);
    /// A whole row of what was asked for behind the client's back.
    void on_captured_row(bytes payload, const expected_reply& during, back& server);
    /// The server is gone. Answers what the client still waits for; false where that cannot be done.
    bool on_server_lost(back& server, const client_error& error, outbox& to_client);

private:
    /// Where the octets of a command that passes through in pieces go.
    enum class stream_kind : std::uint8_t { none, query, prepare, execute, long_data };
    /// Whether the server that a lease brings has the diagnostics of the client's last statement.
    enum class diagnostics : std::uint8_t {
        none,    ///< there are none
        server,  ///< the server that ran it has them
        kept,    ///< they were asked for and are in kept_
    };

    /// A transaction that only reads: on no server yet, on a replica, or watched on the primary.
    struct reading_block {
        bool held = false;           ///< its client has begun it, and no server knows
        bool needs_primary = false;  ///< it was found to be none for replicas
        bool was_begun = false;      ///< on a replica, by START TRANSACTION
        bool is_first = false;       ///< nothing was asked on the replica behind that
        bool is_watched = false;     ///< whether such as begin with the same statement do nothing but read
        bool is_doomed = false;      ///< the next command that has an answer cannot go on
        std::string first{};         ///< the statement that it begins with
        sql_reading how{};
    };

    /// What a session has where reads may go to replicas.
    struct routing {
        read_judge* judge;
        session_wishes wishes;
        bool patient;
        bool only_replicas;     ///< the client has come to where there is nothing but reading
        request_facts facts{};  ///< of the command at hand, or of the one that was at hand last
        bytes text{};           ///< of the command that is being judged
        sql_reading how{};      ///< it is read
        reading_block block{};
        bool gives_up = false;          ///< the command at hand, and its transaction
        bool is_judged = false;         ///< of the one at hand
        bool writes = false;            ///< which may write
        bool wrote = false;             ///< some such command was sent to the primary
        bool defines = false;           ///< it may change what functions there are, or what they do
        bool defined = false;           ///< and so may have one that was sent
        bool again_on_primary = false;  ///< the next command
        bool has_unlogged = false;      ///< writes of the session that no replica gets
        bool has_met_server = false;    ///< so that it is known how texts are read
        std::uint8_t unknown_names = unknown_to_mysql | unknown_to_mariadb;  ///< by product
        std::uint8_t moves = 0;  ///< times that the command at hand was sent again
        std::string sent{};      ///< the command under way on a replica; empty: cannot be sent again
    };

    // front_routing.cpp
    front_need choose(command what, bytes payload, bool whole, back* server);
    void learn_from(const back& server);
    void note_outcome(front_need need, bytes whole, const back* server);
    void look_at(command what, bytes payload, bool whole);
    void look_at_execution(bytes payload, bool whole);
    [[nodiscard]] bool stays_on_primary();
    [[nodiscard]] request_facts judge_text(bytes text, const sql_reading& how);
    [[nodiscard]] request_facts judge_prepared(client_statement& wanted);
    [[nodiscard]] bool calls_stored_code(const text_effects& effects) const;
    [[nodiscard]] bool may_write(bytes text, const statement* prepared);
    bool guard(back& server, outbox& to_server);
    [[nodiscard]] bool may_be_moved(const back& server) const;
    bool send_again();
    void note_refused();
    [[nodiscard]] route_hint route_setting() const;
    [[nodiscard]] std::optional<client_error> wrong_route(const text_effects& effects) const;

    // front_repeats.cpp
    void keep_request(bytes whole, back& server) const;
    [[nodiscard]] bool may_repeat(const back& server);
    bool repeat(const back& server);
    [[nodiscard]] bool is_proved_read(bytes whole, const back& server);
    [[nodiscard]] bool is_proved_text(bytes text, const sql_reading& how, const back& server);
    [[nodiscard]] parameter_set_ptr settings_on(const back& server, const parameter_set_ptr& wanted) const;
    void end_repeats(back& server);

    // front_doubts.cpp
    [[nodiscard]] bool is_refused_as_demoted(const err_packet& why, const back& server);
    [[nodiscard]] bool is_single_statement(bytes whole, const back& server);

    // front_lost.cpp
    bool lose_transaction(const back& server, const client_error& error, outbox& to_client);
    [[nodiscard]] bool may_have_committed(const back& server);
    [[nodiscard]] bool may_commit(bytes text, const sql_reading& how);
    /// What has become of a command of a client that believes to be in a transaction.
    enum class lost_step : std::uint8_t {
        goes_on,   ///< it is none of the transaction's
        answered,  ///< it has been
        close,     ///< likewise, and what the client has sent behind it must not run
    };
    lost_step in_lost_transaction(command what, bytes payload, bool is_whole, bool is_followed, outbox& to_client);

    // front_blocks.cpp
    bool hold_back(bytes payload, outbox& to_client);
    [[nodiscard]] bool reads_by_default() const;
    [[nodiscard]] isolation session_isolation() const;
    [[nodiscard]] isolation isolation_on(const back& server) const;
    [[nodiscard]] bool begins_unsaid() const;
    [[nodiscard]] bool may_begin_on_replica();
    bool begin_block(back& server, outbox& to_server);
    void on_block_begun(const back& server);
    front_need choose_in_block(command what, bool anew, back& server);
    [[nodiscard]] block_step next_step(isolation level);
    void watch(command what);
    front_need give_up(command what, bool whole, back& server, outbox& to_server, outbox& to_client);

    // front.cpp
    [[nodiscard]] std::size_t whole_limit(command what) const;
    front_need whole_command(command what, bytes payload, back* server, outbox& to_server, outbox& to_client);
    front_need begin_stream(command what, bytes payload, back* server, outbox& to_server, outbox& to_client);
    std::size_t stream(bytes rest, outbox& to_server, outbox& to_client);
    void stream_octets(bytes part, outbox& to_server);
    void end_stream(outbox& to_client);
    void start_stream(stream_kind kind, std::string head, std::size_t replaced, expected_reply&& reply, back& server);
    void drop_stream(std::optional<client_error> why);
    std::size_t take_file(bytes rest, back& server, outbox& to_server);
    front_need fail(error_kind kind, std::string detail);
    front_need answer(const client_error& why, outbox& to_client);
    front_need answer(error_code code, std::string_view text, outbox& to_client);
    [[nodiscard]] pin_set refused_of(const text_effects& effects) const;
    front_need answer_ok(outbox& to_client, std::uint16_t warnings = 0);

    // front_ready.cpp
    // Each gives what to return where the command cannot go out now; nothing where it can.
    std::optional<front_need> get_ready(back* server,
                                        const parameter_set_ptr& wanted,
                                        outbox& to_server,
                                        outbox& to_client);
    std::optional<front_need> get_ready_for_text(
        bytes text, const text_effects& effects, back& server, outbox& to_server, outbox& to_client);
    [[nodiscard]] bool is_reset_for(const text_effects& effects, const back& server) const;
    bool clean_for(const text_effects& effects, back& server, outbox& to_server);
    [[nodiscard]] static bool runs_code(const text_effects& effects, const back& server);
    void inject(purpose why, reply_kind kind, bytes payload, back& server, outbox& to_server);
    bool inject_catch_up(const parameter_set_ptr& wanted, back& server, outbox& to_server);
    void send(bytes head, bytes rest, expected_reply&& reply, back& server, outbox& to_server);
    void note_statement(back& server);
    void forward(command what, reply_kind kind, bytes payload, back& server, outbox& to_server);

    // front_commands.cpp
    front_need query(bytes payload, back* server, outbox& to_server, outbox& to_client);
    front_need plain_query(bytes payload, bytes text, back* server, outbox& to_server, outbox& to_client);
    front_need init_db(bytes payload, back* server, outbox& to_server, outbox& to_client);
    front_need set_option(bytes payload, back* server, outbox& to_server, outbox& to_client);
    front_need reset_connection(bytes payload, back* server, outbox& to_server, outbox& to_client);
    front_need simple(command what, reply_kind kind, bytes payload, back* server, outbox& to_server, outbox& to_client);
    front_need process_kill(bytes payload, outbox& to_client);
    front_need kill(const kill_statement& what, outbox& to_client);
    void show_kept_warnings(const diagnostics_question& question, outbox& to_client);
    [[nodiscard]] std::optional<bytes> query_text(bytes payload) const;
    [[nodiscard]] std::string with_known_counts(bytes text, const text_effects& effects, const back& server);
    void send_text(bytes payload, bytes text, text_effects_ptr effects, back& server, outbox& to_server);

    // front_statements.cpp
    front_need prepare(bytes payload, back* server, outbox& to_server, outbox& to_client);
    front_need execute(command what, bytes some, bool whole, back* server, outbox& to_server, outbox& to_client);
    front_need fetch(bytes payload, back* server, outbox& to_server, outbox& to_client);
    front_need reset_statement(bytes payload, back* server, outbox& to_server, outbox& to_client);
    front_need close_statement(bytes payload, back* server, outbox& to_server);
    front_need long_data(bytes some, bool whole, back* server, outbox& to_server, outbox& to_client);
    std::optional<front_need> get_statement_ready(std::uint32_t id,
                                                  client_statement& wanted,
                                                  bool answers,
                                                  back* server,
                                                  known_statements::instance*& found,
                                                  outbox& to_server,
                                                  outbox& to_client);
    [[nodiscard]] bool knows_variables() const;
    [[nodiscard]] parameter_set_ptr context_of(bytes text);
    static void fit_execute(execute_head& head, client_statement& wanted, known_statements::instance& found);
    client_statement* find_statement(std::uint32_t& id);
    front_need unknown_statement(std::uint32_t id, std::string_view who, outbox& to_client);

    // front_insert_id.cpp
    [[nodiscard]] bool may_use_insert_id(bytes text, const text_effects& effects, const back& server) const;
    bool bring_insert_id(bytes text, const text_effects& effects, back& server, outbox& to_server);
    front_need bring_insert_id_along(
        front_need stop, bytes text, const text_effects& effects, back* server, outbox& to_server);
    bool ask_insert_id(back& server, outbox& to_server);
    void note_insert_id(const expected_reply& reply, back& server);
    /// What the server has is not this session's.
    [[nodiscard]] bool lacks_insert_id(const back& server) const
    {
        return insert_id_is_exact_ ? server.insert_id != insert_id_ : server.untold_insert_id_of != stamp_;
    }

    // front_diagnostics.cpp
    void note_diagnostics(const expected_reply& reply, back& server);
    void add_diagnostics(const expected_reply& reply, back& server);
    void forget_diagnostics();
    void pin_diagnostics();
    void end_diagnostics_pin();
    void note_own_error(const told_error& error);
    void signal_own_error(back& server, outbox& to_server);
    void on_signalled(const expected_reply& reply, const back& server);
    void tell_lost(const client_error& why, const back& server, outbox& to_client);

    // front_lasting.cpp
    void note_lasting(const expected_reply& reply, back& server);
    bool note_recording(const session_change& change, const expected_reply& during, back& server);
    void keep_lasting(const back& server);
    void on_role(bytes row, const expected_reply& during, back& server);
    void on_role_asked(const expected_reply& reply, back& server);
    void learn_role(std::string_view role, purpose why, back& server);

    // front_state.cpp
    void on_client_done(expected_reply& reply, back& server);
    bool is_about_collation(const expected_reply& refused, const back& server);
    void check_collation(const back& server);
    void retire_scrolled(std::uint32_t id, client_statement& wanted, back& server);
    void on_statement_done(const expected_reply& reply, back& server);
    void note_found_rows(const expected_reply& reply);
    void note_late(const session_change& change, back& server);
    bool forget_others_gtid(back& server, outbox& to_server);
    [[nodiscard]] bool lacks_gtid(const text_effects& effects, const back& server) const
    {
        return effects.reads_last_gtid && server.is_mariadb() && server.last_gtid != last_gtid_;
    }
    [[nodiscard]] std::optional<std::string> with_last_gtid(bytes text) const;
    [[nodiscard]] bool is_known_mode(const session_change& change, back& server);
    void note_default_sql_mode(std::string_view mode, back& server);
    [[nodiscard]] bool is_of_another_schema(std::uint32_t client_statement) const;
    void apply(const expected_reply& reply, back& server);
    void note_held(const text_effects& effects, const expected_reply& reply);
    void note_locks(const held_changes& changes);
    [[nodiscard]] static text_effects_ptr with_lock_name(const text_effects_ptr& effects,
                                                         const client_statement& executed,
                                                         bytes name);
    void end_counted_pins(const text_effects& effects);
    void note_unreported(const text_effects& effects, bool failed, const back& server);
    void forget_session(back* server);
    /// The session's last statement was the last one on this server, too.
    [[nodiscard]] bool ran_last(const back& server) const { return server.last_statement == std::pair{stamp_, sent_}; }
    /// And what it gives for ROW_COUNT() and FOUND_ROWS() is this session's: many statements leave the latter as it is.
    [[nodiscard]] bool has_counts(const back& server) const
    {
        return ran_last(server) && !server.showed_warnings && server.found_rows_of == stamp_;
    }
    /// The server can be asked for the session's diagnostics.
    [[nodiscard]] bool has_diagnostics(const back& server) const
    {
        return server.diagnostics_of == std::pair{stamp_, diagnosed_};
    }
    [[nodiscard]] sql_reading reading() const { return state_.reading(default_sql_mode_); }

    statement_store& store_;
    front_limits limits_;
    std::uint64_t stamp_;
    capability_flags capabilities_ = capability::protocol_41;
    std::uint8_t login_sequence_ = 2;
    std::uint32_t connection_id_ = 0;  ///< that the client was given
    std::array<char, 20> nonce_{};     ///< of our greeting
    bool has_nonce_ = false;
    std::uint16_t collation_ = 0;
    bool collation_is_checked_ = false;
    std::string login_request_;
    std::string login_schema_;  ///< until the login has ended
    std::string application_name_{};
    session_state state_;
    tracking_wishes wishes_;
    pin_set pins_{};
    pin_rules pin_rules_{};
    std::shared_ptr<const std::string> pin_cause_{};
    /// What the session is pinned for, as far as it can be counted; never less than there is.
    struct held_things {
        std::uint32_t temporary = 0;
        std::uint32_t handlers = 0;
        std::vector<std::string> locks{};
        std::uint8_t backups = no_backup;
        bool unsure_locks = false;  ///< there are such as RELEASE_ALL_LOCKS() does not end
        bool unsure_names = false;  ///< there are such as cannot be named
        bool ask_locks = false;     ///< some may have been released
    } held_;
    front_counters counters_{};
    std::string default_sql_mode_;
    std::uint16_t status_ = server_status::autocommit;  ///< as the client was last told
    std::uint16_t login_status_ = server_status::autocommit;

    std::unordered_map<std::uint32_t, client_statement> statements_;
    struct {
        std::uint32_t id = 0;
        client_statement* what = nullptr;
    } recent_{};  ///< the last of them that was asked for
    std::size_t statement_memory_ = 0;
    std::uint32_t last_id_ = 0;        ///< the newest id given to the client
    std::uint32_t last_prepared_ = 0;  ///< what id -1 stands for (MariaDB)
    std::uint32_t holding_ = 0;        ///< statements with a cursor or long data

    std::optional<client_error> refusal_{};
    std::uint32_t catch_up_failures_ = 0;
    client_error catch_up_error_{};
    std::optional<client_error> injection_error_{};  ///< answers the command that something had to go in front of
    bool prepare_failed_ = false;                    ///< the injected one, and the client has its answer
    std::uint8_t command_sequence_ = 1;              ///< the number of the packet that answers the command at hand
    bool asked_plainly_ = false;   ///< a server was asked for, and the command that waits for it is a plain text
    bool is_known_plain_ = false;  ///< the command at hand has waited so

    std::uint64_t sent_ = 0;          ///< commands that have gone to a server
    std::uint64_t insert_id_ = 0;     ///< what LAST_INSERT_ID() gives
    bool insert_id_is_exact_ = true;  ///< else: as far as packets tell; a server has the value itself
    diagnostics diagnostics_ = diagnostics::none;
    std::uint64_t diagnosed_ = 0;  ///< the command that they are of: what sent_ was with it
    bool keeps_rows_ = false;      ///< of the SHOW WARNINGS that was asked for; else only how its columns are described
    std::uint16_t warning_count_ = 0;
    std::uint16_t told_warnings_ = 0;  ///< what COM_PING tells of them on MySQL: nothing once they were read
    kept_warnings kept_;
    /// What the session asks for of earlier statements that their server alone can tell.
    struct habits {
        bool for_more = false;         ///< diagnostics beyond SHOW WARNINGS
        bool for_counts = false;       ///< ROW_COUNT() and the like, in a text that cannot be changed
        std::uint32_t statements = 0;  ///< prepared ones that do
        bool the_server = false;       ///< whether it still has diagnostics has to be asked
        bool server_has_any = false;   ///< as it answers
    } asks_;
    /// The last of them where no server has it, and it has to be signalled to be found there.
    std::unique_ptr<const client_error> own_error_{};
    bool was_on_mariadb_ = false;  ///< the last server was
    bool has_left_ = false;
    std::string last_gtid_{};        ///< what @@last_gtid gives, and how every server that the session wrote to told it
    std::int64_t row_count_ = 0;     ///< what ROW_COUNT() gives
    std::uint64_t found_rows_ = 0;   ///< and FOUND_ROWS()
    bool keeps_found_rows_ = false;  ///< SQL_CALC_FOUND_ROWS: the next statement asks for the number, most likely
    bool asks_found_rows_ = false;   ///< only the server knows the number
    std::uint32_t found_by_ = 0;     ///< the statement with the cursor that it is the number of rows of
    parameter_set_ptr limits_of_{};  ///< of which limits_rows_ says whether they hold sql_select_limit
    bool limits_rows_ = false;
    bool keeps_server_ = false;    ///< table locks, or what was said for the next transaction
    std::string unreported_;       ///< assignments to themselves of variables that were set and not reported
    bool late_schema_ = false;     ///< the server tells with its next statement that it has changed schemas and back
    bool must_flush_ = false;      ///< a failed statement may have changed what no reply has told
    bool asks_role_ = false;       ///< the session was reset, and may still have a role that code has set
    bool may_owe_report_ = false;  ///< any may, by a trigger: that is asked for when the connection is left

    stream_kind stream_ = stream_kind::none;
    bool stream_dropped_ = false;
    bool stream_begun_ = false;
    std::size_t frame_left_ = 0;
    bool frame_is_last_ = true;
    std::uint8_t frames_ = 0;
    message_rewriter rewriter_;
    std::unique_ptr<effects_collector> collector_{};
    std::optional<client_error> stream_error_{};
    expected_reply stream_reply_{reply_kind::ok};
    back* stream_server_ = nullptr;
    kill_request wanted_kill_{};
    client_error error_{};
    std::string healed_;
    std::optional<client_error> lost_{};  ///< why the transaction is over that the client believes to be in
    read_judge* judge_ = nullptr;         ///< null: nothing is known to be a read
    std::uint8_t repeats_ = 0;            ///< times that the command at hand was lost with a primary, and sent again
    std::uint8_t refusals_ = 0;           ///< times it was refused by a primary that was none any more, and sent again
    bool repeats_reading_ = false;        ///< what is sent again may have run, and must be nothing but a read
    std::unique_ptr<routing> routing_{};  ///< null: all goes to one server
};

}  // namespace penstock::mysql
