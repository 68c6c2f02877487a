//! The system calls that no safe crate offers.

use crate::control::RecvControl;
use crate::name::Name;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// The length of an `int`, in bytes.
const INT_LEN: libc::socklen_t = libc::c_int::BITS / 8;

/// Sets an option whose value is an `int`.
#[expect(unsafe_code, reason = "socket2 knows few of the options that UDP has on Linux")]
pub(crate) fn set_option(
    socket: &impl AsRawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the value is read, for the length that is named, before the call returns.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), INT_LEN) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A message header without a message.
#[expect(unsafe_code, reason = "some C libraries pad the structure with fields that have no name")]
pub(crate) fn empty_header() -> libc::mmsghdr {
    // SAFETY: null pointers and zero lengths are what an empty header has.
    unsafe { mem::zeroed() }
}

/// Receives into as many messages as have arrived and fit, and returns how many that are.
///
/// # Safety
/// Every header must point to an address, segments and a control buffer of the lengths it names, which nothing else
/// reads or writes during the call.
#[expect(unsafe_code, reason = "several packets per system call")]
pub(crate) unsafe fn recv_messages(fd: libc::c_int, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
    let count = libc::c_uint::try_from(headers.len()).unwrap_or(libc::c_uint::MAX);
    // SAFETY: the caller vouches for what the headers point to.
    let received = unsafe {
        libc::recvmmsg(fd, headers.as_mut_ptr(), count, libc::MSG_DONTWAIT as _, std::ptr::null_mut())
    };
    usize::try_from(received).map_err(|_| io::Error::last_os_error())
}

/// Sends messages from the first one on, and returns how many went out before one failed. An error is about the first.
///
/// # Safety
/// Every header must point to an address, segments and a control buffer of the lengths it names, which nothing else
/// writes during the call.
#[expect(unsafe_code, reason = "several packets per system call")]
pub(crate) unsafe fn send_messages(fd: libc::c_int, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
    let count = libc::c_uint::try_from(headers.len()).unwrap_or(libc::c_uint::MAX);
    // SAFETY: the caller vouches for what the headers point to.
    let sent = unsafe {
        libc::sendmmsg(fd, headers.as_mut_ptr(), count, (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _)
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Takes a message off the error queue: where the packet that met the error was sent to, and how many bytes of control
/// messages tell what it was.
#[expect(unsafe_code, reason = "the error queue has no safe interface")]
pub(crate) fn recv_error(
    socket: &impl AsRawFd,
    control: &mut RecvControl,
) -> io::Result<(Option<SocketAddr>, usize)> {
    let mut name = Name::EMPTY;
    let mut header = empty_header().msg_hdr;
    header.msg_name = name.as_mut_ptr();
    header.msg_namelen = Name::LEN;
    header.msg_control = control.as_mut_ptr();
    header.msg_controllen = RecvControl::LEN as _;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: the name and the control buffer are as long as the header says, and outlive the call.
    if unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) } < 0 {
        return Err(io::Error::last_os_error());
    }
    #[expect(clippy::unnecessary_cast, reason = "it is a socklen_t in other C libraries")]
    Ok((name.address(), header.msg_controllen as usize))
}

/// Waits for events with a timeout in nanoseconds; a kernel before 5.11 has no such call ([`io::ErrorKind::Unsupported`]).
#[expect(unsafe_code, reason = "not every C library has the call")]
pub(crate) fn epoll_pwait2(
    epoll: &impl AsRawFd,
    events: &mut [libc::epoll_event],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    // The kernel's own structure, which has 64 bits for seconds everywhere.
    let timeout = timeout.map(|timeout| {
        [i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX), i64::from(timeout.subsec_nanos())]
    });
    let timeout_ptr = timeout.as_ref().map_or(std::ptr::null(), |timeout| timeout.as_ptr());
    // SAFETY: the kernel writes at most as many events as there is room for, and reads a timeout and no signal mask.
    let count = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            events.as_mut_ptr(),
            events.len(),
            timeout_ptr,
            std::ptr::null::<libc::sigset_t>(),
            size_of::<u64>(),
        )
    };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// Waits for events with a timeout in milliseconds, rounded up: late is better than over and over again.
#[expect(unsafe_code, reason = "the counterpart of `epoll_pwait2`, with the same types")]
pub(crate) fn epoll_wait(
    epoll: &impl AsRawFd,
    events: &mut [libc::epoll_event],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let timeout_ms = timeout.map_or(-1, |timeout| {
        let ms = timeout.as_nanos().div_ceil(1_000_000);
        libc::c_int::try_from(ms).unwrap_or(libc::c_int::MAX)
    });
    let len = libc::c_int::try_from(events.len()).unwrap_or(libc::c_int::MAX);
    // SAFETY: the kernel writes at most as many events as there is room for.
    let count = unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), len, timeout_ms) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}
