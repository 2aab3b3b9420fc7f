// SPDX-License-Identifier: Apache-2.0
//
// A layer between a stream and its user: octets both ways, with TLS below and without, what came early, and faults.
#include "core/stream_layer.hpp"
#include "tests/unit/net/support.hpp"
#include "tests/unit/net/tls_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

namespace penstock::net {
namespace {

using testing::turn_until;
using testing::unix_pair;

/// Doubles each octet; two that differ are a fault. Never gives more than a few octets at once.
class doubling final : public stream_layer {
public:
    std::size_t open(bytes from_wire, char* into, std::size_t room) override
    {
        kept_.append(from_wire);
        std::size_t count = 0;
        while (count < std::min(room, most) && kept_.size() >= 2 && !fault_) {
            if (kept_[0] != kept_[1]) {
                fault_ = client_error{error_kind::protocol_violation, "two octets that differ"};
                break;
            }
            into[count++] = kept_[0];
            kept_.erase(0, 2);
        }
        if (fault_) {
            kept_.clear();
        }
        return count;
    }
    [[nodiscard]] bool has_input() const override { return kept_.size() >= 2; }
    [[nodiscard]] bool is_between_frames() const override { return kept_.empty(); }
    void seal(bytes& messages, std::string& to_wire) override
    {
        const auto part = messages.substr(0, most);
        messages.remove_prefix(part.size());
        for (const char each : part) {
            to_wire.append(2, each);
        }
    }
    void begin_answer() override { ++answers; }
    void answer_early() override {}
    [[nodiscard]] const client_error* fault() const override { return fault_ ? &*fault_ : nullptr; }

    std::size_t most = 5;
    int answers = 0;

private:
    std::string kept_;
    std::optional<client_error> fault_{};
};

std::unique_ptr<doubling> doubling_of(std::size_t most)
{
    auto made = std::make_unique<doubling>();
    made->most = most;
    return made;
}

/// What the stream gives until nothing more comes.
std::string receive_all(stream& from)
{
    std::string all;
    for (auto got = from.receive(); got.how == received::kind::data; got = from.receive()) {
        all.append(got.data);
    }
    return all;
}

TEST(StreamLayer, TransformsBothDirections)
{
    driver on;
    auto pair = unix_pair();
    stream ours{on, pair.ours.release()};
    ours.send("plain");
    ours.start_layer(doubling_of(5));
    ours.send("doubled");
    EXPECT_EQ(pair.theirs.hear(), "plainddoouubblleedd");
    pair.theirs.say("aabbccddeeffggh");
    on.run_once(milliseconds{100});
    EXPECT_TRUE(ours.readable());
    const auto got = ours.receive();
    EXPECT_EQ(got.data, "abcde");
    EXPECT_TRUE(ours.readable()) << "the layer has more";
    testing::overwrite(got);
    EXPECT_EQ(receive_all(ours), "fg");
    pair.theirs.say("h");
    on.run_once(milliseconds{100});
    EXPECT_EQ(receive_all(ours), "h");
}

TEST(StreamLayer, TakesWhatCameBeforeIt)
{
    driver on;
    auto pair = unix_pair();
    stream ours{on, pair.ours.release()};
    EXPECT_EQ(ours.receive().how, received::kind::would_block);
    ours.start_layer(doubling_of(5), "hheelllloo, ,tthheerree");
    EXPECT_TRUE(ours.readable());
    EXPECT_EQ(ours.receive().data, "hello");
}

TEST(StreamLayer, NoneIsNone)
{
    driver on;
    auto pair = unix_pair();
    stream ours{on, pair.ours.release()};
    ours.start_layer(nullptr);
    ours.begin_answer();
    ours.send("as it is");
    EXPECT_EQ(pair.theirs.hear(), "as it is");
    EXPECT_EQ(ours.layer_fault(), nullptr);
}

TEST(StreamLayer, MuchGoesBothWaysAtOnce)
{
    driver on;
    auto pair = testing::tcp_pair();
    testing::make_non_blocking(pair.theirs.get());
    stream left{on, pair.ours.release()};
    stream right{on, pair.theirs.release()};
    left.start_layer(doubling_of(20000));
    right.start_layer(doubling_of(20000));
    testing::talk_both_ways(on, left, right, 300'000, 10000);
}

TEST(StreamLayer, StandsAboveTls)
{
    driver on;
    testing::tls_pair pair{on, testing::tcp_pair()};
    pair.shake(testing::server_context(), testing::client_context());
    pair.expect_established();
    pair.server->start_layer(doubling_of(20000));
    pair.client->start_layer(doubling_of(20000));
    testing::talk_both_ways(on, *pair.server, *pair.client, 300'000, 10000);
}

TEST(StreamLayer, AFaultIsToldOnceAndThePeerCanStillBeAnswered)
{
    driver on;
    auto pair = unix_pair();
    stream ours{on, pair.ours.release()};
    ours.start_layer(doubling_of(5));
    pair.theirs.say("aabbccdXeeff");
    on.run_once(milliseconds{100});
    EXPECT_EQ(ours.receive().data, "abc");
    ASSERT_TRUE(ours.readable()) << "the fault has not been told";
    EXPECT_EQ(ours.receive().how, received::kind::error);
    ASSERT_NE(ours.layer_fault(), nullptr);
    EXPECT_EQ(ours.layer_fault()->detail, "two octets that differ");
    EXPECT_EQ(ours.fault(), "two octets that differ");
    EXPECT_FALSE(ours.failed());
    ours.send("no");
    EXPECT_EQ(pair.theirs.hear(), "nnoo");
    pair.theirs.say("gghh");
    on.run_once(milliseconds{100});
    EXPECT_EQ(ours.receive().how, received::kind::would_block);
    pair.theirs.close();
    on.run_once(milliseconds{100});
    EXPECT_EQ(ours.receive().how, received::kind::end);
}

TEST(StreamLayer, MovesWithItsStream)
{
    driver from;
    driver to;
    auto pair = unix_pair();
    stream ours{from, pair.ours.release()};
    ours.start_layer(doubling_of(5));
    pair.theirs.say("aabbccddeeffgg");
    from.run_once(milliseconds{100});
    EXPECT_EQ(ours.receive().data, "abcde");
    ours.detach();
    ours.attach(to);
    EXPECT_EQ(receive_all(ours), "fg");
}

}  // namespace
}  // namespace penstock::net
