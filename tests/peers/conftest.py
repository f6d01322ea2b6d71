"""Outside programs: found, or the test fails and says what to install."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGES = {
    "ffmpeg": "ffmpeg",
    "gst-launch-1.0": "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-libav",
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "sox": "sox",
    "tshark": "tshark",
    "espeak-ng": "espeak-ng",
    "zsh": "zsh",
    "fish": "fish",
    "nginx": "nginx-light",
    "caddy": "caddy",
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import these modules for an ordinary run: they need packages that only the extra `dev` has."""
    return True if config.getoption("markexpr") == "not peers" else None


@pytest.fixture
def tool() -> Callable[[str], str]:
    """The path of an outside program; a missing one is a failure, not a skip."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.fail(f"{name} is missing: apt-get install {PACKAGES.get(name, name)}")
        return path

    return find


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a program that is ended, by its own id, when the test is over."""
    running: list[subprocess.Popen[str]] = []

    def begin(*command: str | Path, **options: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,  # type: ignore[call-overload]
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        process.communicate()
