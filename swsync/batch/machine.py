"""Which process this is, so that another on the same machine can tell whether it still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

__all__ = ["boot", "is_dead", "machine", "started"]


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def boot() -> str:
    """Name the time since this machine started, and whose count of it; "" where that cannot be known."""
    number = _text("/proc/sys/kernel/random/boot_id")
    try:
        namespace = os.readlink("/proc/self/ns/time")
    except OSError:
        namespace = ""
    return f"{number}|{namespace}" if number else ""


def machine() -> str:
    """Name the space in which process ids mean something: host, boot and, on Linux, PID namespace."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}|{_text('/proc/sys/kernel/random/boot_id')}|{namespace}"


def started(pid: int) -> str:
    """When a process started, in the kernel's ticks: ids are used again. "" where that cannot be known."""
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def is_dead(where: str, pid: int, since: str) -> bool:
    """Whether a process has certainly ended. A stopped one has not; of one elsewhere nothing is certain."""
    if where != machine():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return bool(since and fields and (fields[0] == "Z" or fields[19] != since))
