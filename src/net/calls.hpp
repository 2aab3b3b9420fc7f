// SPDX-License-Identifier: Apache-2.0
//
// The system calls of the byte path, made directly; they set errno as the library's functions do.
//
// Those are cancellation points: in a process with threads each call turns asynchronous cancellation on and off again,
// with atomic instructions. No thread of ours is ever cancelled. The sanitizers, though, know what these calls read and
// write only where the library's functions make them.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>

namespace penstock::net::calls {

inline ssize_t receive(int descriptor, char* into, std::size_t size)
{
#ifdef PENSTOCK_SANITIZED
    return ::recv(descriptor, into, size, 0);
#else
    return ::syscall(SYS_recvfrom, descriptor, into, size, 0, nullptr, nullptr);
#endif
}

inline ssize_t send(int descriptor, const char* data, std::size_t size, int flags)
{
#ifdef PENSTOCK_SANITIZED
    return ::send(descriptor, data, size, flags);
#else
    return ::syscall(SYS_sendto, descriptor, data, size, flags, nullptr, 0);
#endif
}

inline int wait(int epoll, epoll_event* events, int most, int timeout_ms)
{
#ifdef PENSTOCK_SANITIZED
    return ::epoll_wait(epoll, events, most, timeout_ms);
#else
    return static_cast<int>(::syscall(SYS_epoll_pwait, epoll, events, most, timeout_ms, nullptr, std::size_t{0}));
#endif
}

}  // namespace penstock::net::calls
