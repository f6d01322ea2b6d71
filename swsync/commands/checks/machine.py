"""This machine: Python, the C module, and what the system lets a process have."""

from __future__ import annotations

import platform
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from swsync.commands.checks.finding import Finding, ok, warning, wrong

__all__ = ["look"]

OLDEST = 3, 10
DEADLOCKS = 3, 13, 6  # python/cpython#137583: one thread reads a TLS socket while another writes
CAPTURES = 500  # calls recorded at once that a machine should have room for
FILES_EACH = 5  # over RTP: two ports, their RTCP, the file; a stream needs 2
FILES_BESIDE = 100
RMEM_MAX = Path("/proc/sys/net/core/rmem_max")
BUFFER = 256 * 1024  # octets that a receiver asks for


def look() -> Iterator[Finding]:
    """Python, C, limits, ports."""
    yield _python()
    yield _c_module()
    yield _open_files()
    yield from _receive_buffer()
    yield _ports()


def _python() -> Finding:
    version = sys.version_info[:3]
    text = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"
    if version < OLDEST or sys.implementation.name != "cpython":
        return wrong("Python", text, "use CPython 3.10 or later")
    if version == DEADLOCKS:
        return wrong("Python", f"{text} can deadlock in TLS", "use 3.13.7 or later")
    return ok("Python", text)


def _c_module() -> Finding:
    try:
        from swsync._media import lib
    except ImportError as error:
        todo = "install the wheel anew, or in a source tree: python setup.py build_ext --inplace (needs a C compiler)"
        return wrong("C module", f"cannot be loaded: {error}", todo)
    names = {lib.SW_CPU_PLAIN: "portable C", lib.SW_CPU_SSE2: "SSE2", lib.SW_CPU_AVX2: "AVX2", lib.SW_CPU_NEON: "NEON"}
    return ok("C module", f"loaded; codecs take the path {names.get(lib.sw_cpu_path(), 'unknown')}")


def _open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = (soft - FILES_BESIDE) // FILES_EACH
    if soft == resource.RLIM_INFINITY or most >= CAPTURES:
        return ok("open files", f"{'unlimited' if soft == resource.RLIM_INFINITY else soft}")
    needed = CAPTURES * FILES_EACH + FILES_BESIDE
    todo = f"ulimit -n {needed}, or LimitNOFILE={needed} in a systemd unit"
    if hard != resource.RLIM_INFINITY and hard < needed:
        todo += f"; the hard limit is {hard}: raise that too (/etc/security/limits.conf)"
    text = f"{soft}: enough for {max(0, most)} recordings over RTP at once, not for {CAPTURES} (5 files each)"
    return warning("open files", text, todo)


def _receive_buffer() -> Iterator[Finding]:
    try:
        most = int(RMEM_MAX.read_text())
    except (OSError, ValueError):
        return  # not Linux
    text = f"net.core.rmem_max is {most // 1024} KiB"
    if most >= BUFFER:
        yield ok("receive buffer", text)
        return
    yield warning(
        "receive buffer",
        f"{text}: too low for {CAPTURES} recordings over RTP, whose sockets ask for {BUFFER // 1024} KiB each to lose "
        "nothing while this machine is busy",
        "sysctl -w net.core.rmem_max=4194304 (and a line in /etc/sysctl.d to keep it)",
    )


def _ports() -> Finding:
    from swsync.errors import ConfigurationError, MediaError
    from swsync.media.ports import bind_udp, hosts, port_range

    try:
        low, high = port_range()
    except ConfigurationError as error:
        return wrong("RTP ports", str(error), "set SWSYNC_RTP_PORTS to a range such as 16384-32766, or unset it")
    try:
        host, _ = hosts(None, None)
    except ConfigurationError as error:
        return wrong("RTP ports", str(error), "set SWSYNC_BIND_HOST and SWSYNC_PUBLIC_HOST to addresses, or unset them")
    free, reason = 0, ""
    ports = range(low + low % 2, high + 1, 2)
    for port in ports:
        try:
            bind_udp(host, port).close()
            free += 1
        except MediaError as error:
            reason = str(error)
    text = f"{free} of {len(ports)} even ports are free in {low}-{high} on {host}"
    if not free:
        return wrong("RTP ports", f"{text}: {reason}", "set SWSYNC_BIND_HOST to an address of this machine")
    if free < 2 * CAPTURES:
        more = f"not for {CAPTURES}: a recording takes two"
        return warning("RTP ports", f"{text}: enough for {free // 2} recordings at once, {more}",
                       "set SWSYNC_RTP_PORTS to a larger range, and open it in the firewall")  # fmt: skip
    return ok("RTP ports", text)
