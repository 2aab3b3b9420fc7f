// SPDX-License-Identifier: Apache-2.0
//
// The epoll loop. What other threads share with it is the list of posted functions (under a mutex), two atomic flags
// and the eventfd that wakes it; everything else is touched by the loop's own thread alone.
//
// The ready list holds events with a waiter that somebody notified; an event leaves it when it is resumed or destroyed.
// What is notified while the list is worked off waits for the next turn, so a chain of notifications cannot starve
// sockets.
#include "net/driver.hpp"

#include "core/assert.hpp"
#include "net/calls.hpp"
#include "net/event.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <limits>
#include <map>
#include <mutex>
#include <span>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock::net {

namespace {

/// Where an epoll event finds its pollable. The generation tells a new tenant from the one an old event was meant for.
struct slot {
    pollable* target = nullptr;
    std::uint32_t generation = 1;
};

constexpr driver::registration registration_of(std::uint32_t index, std::uint32_t generation)
{
    return static_cast<driver::registration>(generation) << 32 | index;
}

constexpr std::uint32_t index_of(driver::registration where)
{
    return static_cast<std::uint32_t>(where);
}

constexpr std::uint32_t generation_of(driver::registration where)
{
    return static_cast<std::uint32_t>(where >> 32);
}

constexpr driver::registration nobody = 0;
constexpr std::uint32_t input_events = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr std::size_t sealed_buffer_kept = 2 * driver::receive_buffer_size;

int created(int descriptor, const char* what)
{
    if (descriptor < 0) {
        throw std::system_error{errno, std::system_category(), what};
    }
    return descriptor;
}

detail::detached run_root(task<void> work, std::size_t& running)
{
    co_await std::move(work);
    --running;
}

}  // namespace

struct driver::state {
    int epoll = -1;
    int wake_up = -1;       ///< an eventfd; edge-triggered, so it never needs reading
    int alarm = -1;         ///< a timerfd, likewise: a wait without a time-out arms no timer in the kernel each time
    time_point alarm_at{};  ///< when it goes off; it has, where that is past

    std::vector<slot> slots;
    std::vector<std::uint32_t> free_slots;
    std::array<epoll_event, 256> events{};

    std::vector<event*> ready;     ///< notified since the list was last worked off
    std::vector<event*> resuming;  ///< being worked off; nullptr where an event was destroyed meanwhile

    struct timer {
        std::function<void()> work;
        bool is_patience = false;
    };
    std::map<std::pair<time_point, timer_id>, timer> timers;
    time_point patience_limit = time_point::max();
    std::unordered_map<timer_id, time_point> timer_times;
    timer_id last_timer = 0;

    std::size_t running = 0;

    std::mutex mutex;
    std::vector<std::function<void()>> posted;  ///< guarded by mutex
    std::atomic<bool> has_posted{false};
    std::atomic<bool> stopping{false};
    std::vector<std::function<void()>> working;  ///< posted functions that are being run

    ~state()
    {
        close(alarm);
        close(wake_up);
        close(epoll);
    }
};

driver::driver()
    : now_{clock::now()}, receive_buffer_{new_buffer()}, plain_buffer_{new_buffer()}, state_{std::make_unique<state>()}
{
    state_->epoll = created(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    state_->wake_up = created(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd");
    state_->alarm = created(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create");
    epoll_event interest{};
    interest.events = EPOLLIN | EPOLLET;
    interest.data.u64 = nobody;
    created(epoll_ctl(state_->epoll, EPOLL_CTL_ADD, state_->wake_up, &interest), "epoll_ctl");
    created(epoll_ctl(state_->epoll, EPOLL_CTL_ADD, state_->alarm, &interest), "epoll_ctl");
}

driver::~driver() = default;

void driver::run()
{
    now_ = clock::now();
    while (!state_->stopping.load(std::memory_order_acquire)) {
        turn(-1);
    }
    state_->stopping.store(false, std::memory_order_relaxed);
}

void driver::run_once(duration longest)
{
    now_ = clock::now();
    turn(static_cast<int>(std::chrono::ceil<milliseconds>(longest).count()));
}

void driver::stop()
{
    state_->stopping.store(true, std::memory_order_release);
    wake();
}

void driver::post(std::function<void()> work)
{
    {
        const std::lock_guard lock{state_->mutex};
        state_->posted.push_back(std::move(work));
    }
    if (!state_->has_posted.exchange(true, std::memory_order_acq_rel)) {
        wake();
    }
}

void driver::spawn(task<void> work)
{
    ++state_->running;
    run_root(std::move(work), state_->running);
}

std::size_t driver::running() const
{
    return state_->running;
}

driver::timer_id driver::call_at(time_point when, std::function<void()> work)
{
    const auto id = ++state_->last_timer;
    state_->timers.emplace(std::pair{when, id}, state::timer{std::move(work)});
    state_->timer_times.emplace(id, when);
    return id;
}

driver::timer_id driver::call_by(time_point when, std::function<void()> work)
{
    const auto at = patient_until(when);
    const auto id = call_at(at, std::move(work));
    state_->timers.find({at, id})->second.is_patience = true;
    return id;
}

time_point driver::patient_until(time_point when) const
{
    return std::min(when, state_->patience_limit);
}

void driver::limit_patience(time_point when)
{
    auto& timers = state_->timers;
    auto& limit = state_->patience_limit;
    limit = std::min(limit, when);
    for (auto next = timers.upper_bound({limit, std::numeric_limits<timer_id>::max()}); next != timers.end();) {
        const auto later = next++;
        if (later->second.is_patience) {
            auto moved = timers.extract(later);
            moved.key().first = limit;
            state_->timer_times[moved.key().second] = limit;
            timers.insert(std::move(moved));
        }
    }
}

void driver::cancel(timer_id timer)
{
    const auto found = state_->timer_times.find(timer);
    if (found != state_->timer_times.end()) {
        state_->timers.erase({found->second, timer});
        state_->timer_times.erase(found);
    }
}

driver::registration driver::add(int descriptor, pollable& target)
{
    return add_with(descriptor, target, input_events);
}

driver::registration driver::add_level(int descriptor, pollable& target)
{
    return add_with(descriptor, target, EPOLLIN);
}

driver::registration driver::add_with(int descriptor, pollable& target, std::uint32_t events)
{
    auto& slots = state_->slots;
    if (state_->free_slots.empty()) {
        state_->free_slots.push_back(static_cast<std::uint32_t>(slots.size()));
        slots.emplace_back();
    }
    const auto index = state_->free_slots.back();
    state_->free_slots.pop_back();
    slots[index].target = &target;
    const auto where = registration_of(index, slots[index].generation);
    epoll_event interest{};
    interest.events = events;
    interest.data.u64 = where;
    // Fails only for want of kernel memory or for a descriptor that is none: the stream then stays silent until its
    // deadline.
    const auto status = epoll_ctl(state_->epoll, EPOLL_CTL_ADD, descriptor, &interest);
    PENSTOCK_ASSERT(status == 0 || errno == ENOMEM || errno == ENOSPC);
    return where;
}

void driver::watch_output(int descriptor, registration where, bool wanted)
{
    epoll_event interest{};
    interest.events = input_events | (wanted ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
    interest.data.u64 = where;
    epoll_ctl(state_->epoll, EPOLL_CTL_MOD, descriptor, &interest);
}

void driver::remove(int descriptor, registration where)
{
    epoll_event unused{};
    epoll_ctl(state_->epoll, EPOLL_CTL_DEL, descriptor, &unused);
    remove_closing(where);
}

void driver::remove_closing(registration where)
{
    auto& tenant = state_->slots[index_of(where)];
    PENSTOCK_ASSERT(tenant.generation == generation_of(where));
    tenant.target = nullptr;
    if (++tenant.generation == 0) {
        tenant.generation = 1;
    }
    state_->free_slots.push_back(index_of(where));
}

void driver::turn(int longest_ms)
{
    if (!state_->ready.empty()) {
        resume_ready();
    }
    if (state_->has_posted.load(std::memory_order_acquire)) {
        run_posted();
    }
    if (!state_->timers.empty()) {
        run_due_timers();
    }
    wait_and_dispatch(milliseconds_to_wait(longest_ms));
}

void driver::resume_ready()
{
    auto& list = state_->resuming;
    list.swap(state_->ready);
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (auto* next = std::exchange(list[i], nullptr)) {
            next->resume_from_list();
        }
    }
    list.clear();
}

void driver::run_posted()
{
    state_->has_posted.store(false, std::memory_order_relaxed);
    {
        const std::lock_guard lock{state_->mutex};
        state_->working.swap(state_->posted);
    }
    for (auto& work : state_->working) {
        work();
    }
    state_->working.clear();
}

void driver::run_due_timers()
{
    auto& timers = state_->timers;
    while (!timers.empty() && timers.begin()->first.first <= now_) {
        auto due = timers.extract(timers.begin());
        state_->timer_times.erase(due.key().second);
        due.mapped().work();
    }
}

int driver::milliseconds_to_wait(int longest_ms)
{
    if (!state_->ready.empty() || state_->stopping.load(std::memory_order_relaxed)) {
        return 0;
    }
    if (state_->timers.empty()) {
        return longest_ms;
    }
    const auto next = state_->timers.begin()->first.first;
    if (next > now_ && longest_ms < 0) {
        set_alarm(next);
        return -1;
    }
    const auto left = std::chrono::ceil<milliseconds>(next - now_).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::max(longest_ms, 0)));
}

/// One that goes off too early does no harm: the timer that it was set for is gone, and the next wait sets it anew.
void driver::set_alarm(time_point when)
{
    if (state_->alarm_at > now_ && state_->alarm_at <= when) {
        return;
    }
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(when - now_).count();
    itimerspec alarm{};
    alarm.it_value = {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    PENSTOCK_ASSERT(timerfd_settime(state_->alarm, 0, &alarm, nullptr) == 0);
    state_->alarm_at = when;
}

void driver::wait_and_dispatch(int timeout_ms)
{
    auto& events = state_->events;
    const auto count = calls::wait(state_->epoll, events.data(), static_cast<int>(events.size()), timeout_ms);
    now_ = clock::now();
    const auto found = std::span{events}.first(static_cast<std::size_t>(std::max(count, 0)));
    if (found.size() > 1) {
        for (const auto& each : found) {
            if (auto* const target = target_of(each.data.u64)) {
                target->on_arrival(each.events);
            }
        }
    }
    for (const auto& each : found) {
        if (auto* const target = target_of(each.data.u64)) {
            target->on_ready(each.events);  // may add and remove slots
        }
    }
    if (sealed_buffer_.capacity() > sealed_buffer_kept) {
        std::string{}.swap(sealed_buffer_);
    }
}

/// Who is registered there; null where that was somebody who is gone.
pollable* driver::target_of(registration where) const
{
    if (where == nobody) {
        return nullptr;
    }
    const auto& tenant = state_->slots[index_of(where)];
    return tenant.generation == generation_of(where) ? tenant.target : nullptr;
}

void driver::wake()
{
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(state_->wake_up, &one, sizeof one);
}

driver::other_buffers::other_buffers(driver& on) : driver_{on}, receive_{new_buffer()}, plain_{new_buffer()}
{
    swap();
}

std::unique_ptr<char[]> driver::new_buffer()
{
    return std::make_unique_for_overwrite<char[]>(room_in_front + receive_buffer_size);
}

void driver::other_buffers::swap()
{
    driver_.receive_buffer_.swap(receive_);
    driver_.plain_buffer_.swap(plain_);
    driver_.unwrapped_buffer_.swap(unwrapped_);
}

void driver::enqueue(event& ready)
{
    state_->ready.push_back(&ready);
}

void driver::forget(const event& gone)
{
    const auto is_gone = [&gone](const event* candidate) { return candidate == &gone; };
    std::erase_if(state_->ready, is_gone);
    std::replace_if(state_->resuming.begin(), state_->resuming.end(), is_gone, nullptr);
}

task<void> sleep_until(driver& on, time_point when)
{
    /// Cancels the timer also where the frame is destroyed while it sleeps.
    struct alarm {
        driver& owner;
        driver::timer_id timer;
        ~alarm() { owner.cancel(timer); }
    };
    event due{on};
    const alarm armed{on, on.call_at(when, [&due] { due.fire(); })};
    co_await due.wait();
}

}  // namespace penstock::net
