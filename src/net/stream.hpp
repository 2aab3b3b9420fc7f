// SPDX-License-Identifier: Apache-2.0
//
// stream: one connected socket, TCP or Unix, plain or TLS, on one driver.
//
// receive() never blocks: it gives a span that is valid until the next receive on the same driver (so: until the next
// suspension), in a buffer that belongs to the driver. send() never suspends: what the kernel does not take at once is
// kept, and backlog() tells how much. Whoever uses the stream subscribes an event, which fires when input, end or room
// came. TLS is a transform of bytes tied to no thread, so a stream can be detached from one driver and attached to
// another.
#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "core/stream_layer.hpp"
#include "core/tls_facts.hpp"
#include "net/driver.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace penstock::net {

class event;
class tls_context;
class tls_session;

/// What a receive() brought.
struct received {
    enum class kind : std::uint8_t {
        data,         ///< `data` is not empty
        would_block,  ///< nothing now; the subscriber is told when there is
        end,          ///< the peer closed its side in good order
        error,        ///< the connection failed (reset, TLS fault)
    };
    kind how = kind::would_block;
    bytes data{};
    /// `data` and driver::room_in_front more octets in front of it. Whoever has received it may change them.
    std::span<char> buffer{};
};

enum class tls_role : std::uint8_t { server, client };
enum class tls_state : std::uint8_t { none, handshaking, established, failed };

class stream final : public pollable {
public:
    /// Takes over a connected, non-blocking descriptor.
    stream(driver& on, int descriptor);
    ~stream() override;
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    /// Who is told. One subscriber at a time; nullptr for none (readiness is remembered).
    void subscribe(event* subscriber) { subscriber_ = subscriber; }

    /// Whether receive() is worth calling: input, an end or an error may be there.
    [[nodiscard]] bool readable() const { return readable_; }
    /// Up to driver::receive_buffer_size octets. Drives a TLS handshake under way as well.
    received receive();
    /// The start of something has come, a frame of the layer's or a record of TLS, of which receive() gives nothing
    /// yet.
    [[nodiscard]] bool holds_part() const;
    /// Looks at the first octets of a plain stream without consuming them (MSG_PEEK). Returns how many there are now;
    /// none while readable() still holds means that receive() has an end or an error to tell.
    std::size_t peek(char* into, std::size_t size);

    /// Sends, or keeps what the kernel does not take. After a failure the octets are dropped, and receive() tells once
    /// it has given what the peer had said before (a server's last words).
    void send(bytes data);
    /// Octets that the kernel has not taken yet.
    [[nodiscard]] std::size_t backlog() const { return backlog_.size() - backlog_sent_; }
    /// The backlog is large enough that the other side should not be read meanwhile.
    [[nodiscard]] bool congested() const { return backlog() > congestion_mark; }
    static constexpr std::size_t congestion_mark = 32 * 1024;

    /// The peer has closed or reset the connection, whether or not input remains to be read.
    [[nodiscard]] bool peer_gone() const { return peer_gone_; }
    [[nodiscard]] bool failed() const { return failed_; }

    /// Starts a TLS handshake; receive() drives it on, the subscriber is told when it ends. `host_name` is for clients:
    /// SNI and verify-full. The caller has made sure that no plain octets are buffered anywhere; `early` are octets of
    /// the peer's handshake that have been received already.
    void start_tls(const tls_context& context, tls_role role, const std::string& host_name = {}, bytes early = {});
    [[nodiscard]] tls_state tls() const;
    /// Facts of an established session; empty ones before.
    [[nodiscard]] tls_facts facts() const;
    /// Why a handshake or the connection failed, for the log; empty where nothing did.
    [[nodiscard]] std::string fault() const;

    /// From here on all octets go through this layer, above TLS; null: as before. `early` are octets of the peer's that
    /// have been received already. What is sent before this call goes out as it is.
    void start_layer(std::unique_ptr<stream_layer> layer, bytes early = {});
    /// What is sent from here on answers the newest command that was received.
    void begin_answer()
    {
        if (layer_) {
            layer_->begin_answer();
        }
    }
    /// What is sent from here on answers a command that has not come yet.
    void answer_early()
    {
        if (layer_) {
            layer_->answer_early();
        }
    }
    /// What the peer did that its layer does not allow, where that is why receive() gave an error; else null. The peer
    /// can still be told.
    [[nodiscard]] const client_error* layer_fault() const { return layer_ ? layer_->fault() : nullptr; }

    /// Stops sending (and says so under TLS); the peer sees the end once the backlog is gone.
    void shut_down_sending();

    /// Ends both directions at once. What has come already is not given out any more: receive() gives an error, and the
    /// subscriber is told.
    void break_off(std::string why);

    /// Takes the stream off its driver (and its subscriber off it), to be attached to another on that one's thread.
    void detach();
    /// What may have come meanwhile is unknown: the stream is readable() now.
    void attach(driver& to);

    [[nodiscard]] int descriptor() const { return descriptor_; }
    /// "127.0.0.1:40312", "[::1]:40312" or "unix".
    [[nodiscard]] std::string peer_address() const;
    [[nodiscard]] std::string local_address() const;
    /// Octets of the layer above TLS: before sealing and after opening.
    [[nodiscard]] std::uint64_t octets_received() const { return octets_received_; }
    [[nodiscard]] std::uint64_t octets_sent() const { return octets_sent_; }
    /// Octets, sealed ones under TLS, that the kernel has taken; from 2^32 on it begins anew.
    [[nodiscard]] std::uint32_t octets_taken() const { return octets_taken_; }

    void on_arrival(std::uint32_t events) override;
    void on_ready(std::uint32_t events) override;

private:
    static received data_in(char* buffer, std::size_t count);
    received receive_below();
    received receive_layered();
    received receive_plain();
    received receive_tls();
    /// One recv(). Octets, or zero at an end, a fault or an empty socket (`how` tells which).
    std::size_t read_socket(char* into, std::size_t size, received::kind& how);
    void send_below(bytes data);
    void send_layered(bytes data);
    void send_raw(bytes data);
    void send_sealed();
    /// Sends of the backlog what fits. Whether the subscriber cares: room came, or the connection failed.
    bool flush();
    void watch_output(bool wanted);
    void fail(std::string why);
    void fail_with_errno(const char* what, int number);

    driver* driver_;
    event* subscriber_ = nullptr;
    int descriptor_;
    bool readable_ = false;
    bool peer_gone_ = false;
    bool failed_ = false;
    bool broken_off_ = false;
    bool sending_shut_ = false;
    bool output_watched_ = false;
    bool layer_fault_told_ = false;
    std::uint32_t octets_taken_ = 0;
    driver::registration registration_ = 0;
    std::unique_ptr<tls_session> tls_;
    std::unique_ptr<stream_layer> layer_;
    std::string backlog_;  ///< unsent octets from backlog_sent_ on; empty (and without storage) when idle
    std::size_t backlog_sent_ = 0;
    std::uint64_t octets_received_ = 0;
    std::uint64_t octets_sent_ = 0;
    std::unique_ptr<std::string> fault_;
};

}  // namespace penstock::net
