"""A Redis of a test's own: Debian's redis-server on a free port of loopback, ended by its id."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 60.0  # seconds for it to answer


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
            sock.sendall(b"PING\r\n")
            return sock.recv(7) == b"+PONG\r\n"
    except OSError:
        return False


@contextmanager
def redis_server(directory: Path) -> Iterator[str]:
    """Run one that keeps nothing on disk, and give its ``redis://`` address."""
    path = shutil.which("redis-server")
    if path is None:
        pytest.fail("redis-server is missing: apt-get install redis-server")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    log = directory / "redis.log"
    options = {"port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": directory, "logfile": log}
    command = [path, *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"redis-server does not answer: {log.read_text() if log.exists() else process.poll()}")
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)
