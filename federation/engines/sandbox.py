"""Takes the network and unlimited resources away from the current process, for good, before it reads untrusted input.

It must never be called in a process that serves HTTP or writes: what it denies cannot be given back.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from dataclasses import dataclass

# From linux/prctl.h, linux/seccomp.h, linux/audit.h, linux/bpf_common.h.
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_TSYNC = 1
_SECCOMP_RET_ALLOW = 0x7FFF0000
_SECCOMP_RET_EPERM = 0x00050000 | 1  # SECCOMP_RET_ERRNO with EPERM
_LD_WORD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_OFFSET_NUMBER, _OFFSET_ARCH, _OFFSET_FIRST_ARGUMENT = 0, 4, 16  # struct seccomp_data, little endian
_AF_UNIX = 1
_X32_BIT = 0x40000000  # x86-64 kernels take the same calls a second time under these numbers


@dataclass(frozen=True, slots=True)
class _Machine:
    """System call numbers of one processor family (the kernel's unistd tables)."""

    arch: int
    seccomp: int
    socket: int
    denied: tuple[int, ...]
    programs: tuple[int, ...]


# denied: connect, bind, listen, accept, accept4, ptrace, process_vm_readv, process_vm_writev, io_uring_setup (which can
# open sockets past this filter). programs: execve, execveat.
_MACHINES = {
    "x86_64": _Machine(0xC000003E, 317, 41, (42, 49, 50, 43, 288, 101, 310, 311, 425), (59, 322)),
    "aarch64": _Machine(0xC00000B7, 277, 198, (203, 200, 201, 202, 242, 117, 270, 271, 425), (221, 281)),
}


@dataclass(frozen=True, slots=True)
class Confinement:
    """What the operating system really took away. ``network``: no connection can be opened any more."""

    network: bool
    reason: str = ""


def confine(files: int = 1024, programs: bool = False) -> Confinement:
    """Deny network, new programs, core dumps and more than ``files`` open files to this process and its threads.

    With ``programs`` it may still start programs, which then have no network either.
    Network is denied by seccomp on Linux (x86-64, aarch64), also without privileges; elsewhere the answer says that
    it is not. Sockets that are already open stay usable.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = files if hard == resource.RLIM_INFINITY else min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(allowed, soft) if soft > 0 else allowed, allowed))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return _deny_network(programs)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when the thread that started it ends (Linux; elsewhere nothing).

    ``parent`` is the process id that the starter knows itself by: if it has already gone, end at once.
    """
    if not sys.platform.startswith("linux"):
        return
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(1)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a process uses: of ``address_space``, and ``resident``. Zeros where the system hides them."""

    address_space: int
    resident: int


def memory_in_use() -> Memory:
    """What this process uses now."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = [int(word) for word in file.read().split()[:2]]
    except OSError:
        return Memory(0, 0)
    return Memory(pages[0] * resource.getpagesize(), pages[1] * resource.getpagesize())


def allow(memory: int, cpu_seconds: float) -> None:
    """Let this process take ``memory`` more bytes of address space and ``cpu_seconds`` more of processor time.

    Over the memory, allocation fails (the process aborts); over the time, SIGXCPU ends it. Both can be set again.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = usage.ru_utime + usage.ru_stime
    _soften(resource.RLIMIT_CPU, int(used + cpu_seconds) + 1)
    if sys.platform.startswith("linux"):
        _soften(resource.RLIMIT_AS, memory_in_use().address_space + memory)


def lift() -> None:
    """Take back the limits of :func:`allow`."""
    for what in (resource.RLIMIT_CPU, resource.RLIMIT_AS):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (hard, hard))


def _soften(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (soft, hard))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _deny_network(programs: bool) -> Confinement:
    machine = _MACHINES.get(platform.machine())
    if not sys.platform.startswith("linux") or machine is None:
        return Confinement(False, f"no system call filter known for {sys.platform} on {platform.machine()}")
    libc = _libc()
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return Confinement(False, f"PR_SET_NO_NEW_PRIVS refused (errno {ctypes.get_errno()})")
    program = _program(machine, programs)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer)))
    libc.syscall.restype = ctypes.c_long
    done = libc.syscall(
        ctypes.c_long(machine.seccomp),
        ctypes.c_uint(_SECCOMP_SET_MODE_FILTER),
        ctypes.c_uint(_SECCOMP_FILTER_FLAG_TSYNC),
        ctypes.byref(header),
    )
    if done != 0:
        return Confinement(False, f"seccomp refused (errno {ctypes.get_errno()})")
    return Confinement(True)


def _program(machine: _Machine, programs: bool) -> bytes:
    """Classic BPF (seccomp(2)): foreign architectures and denied calls get EPERM; socket() makes AF_UNIX ones only."""
    denied = machine.denied if programs else (*machine.denied, *machine.programs)
    steps: list[tuple[int, str, str, int]] = [
        (_LD_WORD, "", "", _OFFSET_ARCH),
        (_JUMP_EQUAL, "", "deny", machine.arch),
        (_LD_WORD, "", "", _OFFSET_NUMBER),
        (_JUMP_GREATER_EQUAL, "deny", "", _X32_BIT),
        *((_JUMP_EQUAL, "deny", "", number) for number in denied),
        (_JUMP_EQUAL, "", "allow", machine.socket),
        (_LD_WORD, "", "", _OFFSET_FIRST_ARGUMENT),
        (_JUMP_EQUAL, "allow", "deny", _AF_UNIX),
    ]
    ends = {"allow": len(steps), "deny": len(steps) + 1}
    code = [
        (operation, ends[yes] - at - 1 if yes else 0, ends[no] - at - 1 if no else 0, value)
        for at, (operation, yes, no, value) in enumerate(steps)
    ]
    code += [(_RETURN, 0, 0, _SECCOMP_RET_ALLOW), (_RETURN, 0, 0, _SECCOMP_RET_EPERM)]
    return b"".join(struct.pack("@HBBI", *instruction) for instruction in code)
