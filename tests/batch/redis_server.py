"""A Redis of the tests' own, on a Unix socket: Debian's ``redis-server``."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def server() -> Iterator[str]:
    """Run one; gives the broker's address for Celery."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not there: apt-get install redis-server"
    with tempfile.TemporaryDirectory(prefix="redis", dir="/tmp") as directory:
        path = Path(directory) / "socket"
        command = [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", directory]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _wait(path)
            yield f"redis+socket://{path}"
        finally:
            process.terminate()
            process.wait(10)


def _wait(path: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as link:
            link.connect(str(path))
            return
        assert time.monotonic() < deadline, "redis-server does not listen"
        time.sleep(0.05)
