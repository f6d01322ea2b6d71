"""A PostgreSQL server of the tests' own: Debian's ``postgresql``, in a directory of its own, on a Unix socket."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAMES = itertools.count()


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    path = str(found[-1]) if found else shutil.which(name)
    assert path, f"{name} is not there: apt-get install postgresql"
    return path


@contextmanager
def server() -> Iterator[str]:
    """Run one; gives the address of its directory of sockets, for ``address``."""
    # Short, as a socket's path may be; and the server refuses to run as root.
    directory = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    directory.chmod(0o755)
    data = directory / "data"
    data.mkdir()
    if os.getuid() == 0:
        shutil.chown(directory, "postgres")
        shutil.chown(data, "postgres")
    try:
        initdb = [_program("initdb"), "-D", str(data), "-A", "trust", "-U", "tests", "--no-sync"]
        _run([*_user(), *initdb], directory)
        _start(directory)
        try:
            yield str(directory)
        finally:
            _stop(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def stopped(directory: str) -> Iterator[None]:
    """Let a server be gone for a while, as if its power had failed."""
    _stop(Path(directory))
    yield
    _start(Path(directory))


def _user() -> list[str]:
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []


def _start(directory: Path) -> None:
    options = f"-c listen_addresses='' -c unix_socket_directories={directory} -c max_connections=200"
    _control(directory, "-w", "-t", "60", "-l", str(directory / "log"), "-o", options, "start")


def _stop(directory: Path) -> None:
    _control(directory, "-m", "immediate", "-w", "stop")


def _control(directory: Path, *arguments: str) -> None:
    _run([*_user(), _program("pg_ctl"), "-D", str(directory / "data"), *arguments], directory)


def _run(command: list[str], directory: Path) -> None:
    log = directory / "output"
    with log.open("ab") as out:
        done = subprocess.run(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=120, check=False
        )
    assert 0 == done.returncode, log.read_text()


def address(directory: str) -> str:
    """A place of its own for a ledger on that server."""
    import psycopg

    name = f"l{os.getpid()}_{next(NAMES)}"
    base = f"postgresql://tests@/postgres?host={directory}"
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{base}&options=-csearch_path%3D{name}"
