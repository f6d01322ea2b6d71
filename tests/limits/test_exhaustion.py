"""No descriptor left, no room on the disk: an error that says so, the call is ended, and nothing is left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

import swsync
from swsync.localrelay import LocalRelay

ROOT = Path(__file__).parents[2]
NUMBER = "+12025550100"

CALL = """
import json, os, resource, sys, threading, time
import swsync

settings, via, path = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]

def call_and_record():
    with swsync.RelayClient(**settings, connect_timeout=float(sys.argv[5])) as client:
        call = client.dial_phone(to="+12025550100", from_number="+12025550199", timeout=20)
        with call, call.capture(path, via=via):
            call.play_silence(0.2).wait(20)
"""

DESCRIPTORS = (
    CALL
    + """
def others():
    return [t for t in threading.enumerate() if t is not threading.main_thread()]

def left():
    deadline = time.monotonic() + 10
    while (others() or names() - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [t.name for t in others()] + sorted(names() - before)

def names():
    return set(os.listdir("/proc/self/fd"))

before = set("0123456789") | names()
call_and_record()
assert not left(), left()
before = names()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
said = {}
for number in range(int(sys.argv[4]), 26, 3):
    plugs = []
    try:
        while True:
            plugs.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for _ in range(number):
        os.close(plugs.pop())
    try:
        call_and_record()
        said[number] = "works"
    except swsync.SwsyncError as error:
        said[number] = f"{type(error).__name__}: {error}"
    finally:
        for plug in plugs:
            os.close(plug)
    assert not left(), (number, left(), said)
print(json.dumps(said))
"""
)

DISK = (
    CALL
    + """
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
with swsync.RelayClient(**settings) as client:
    call = client.dial_phone(to="+12025550100", from_number="+12025550199", timeout=20)
    capture = call.capture(path, via=via)
    try:
        with capture:
            call.play_silence(3).wait(20)
            print(json.dumps(call.state))
    except swsync.SwsyncError as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
    print(json.dumps(call.state))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with call.capture(path + ".2.wav", via=via):
        call.play_silence(0.2).wait(20)
    call.hangup()
print(json.dumps("over"))
"""
)


@pytest.fixture
def relay() -> Iterator[LocalRelay]:
    """With somebody who has nothing to say."""
    with LocalRelay(tls=False) as relay:
        relay.callee(NUMBER, answers_after=0.02)
        yield relay


def run(relay: LocalRelay, program: str, *arguments: object) -> list[object]:
    """What a program says, line by line; it must end well."""
    command = [sys.executable, "-c", program, json.dumps(relay.settings), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc/self/fd")
@pytest.mark.parametrize(("via", "first"), [("rtp", 0), ("rtp", 1), ("ws", 1), ("stream", 2)])
def test_too_few_descriptors(relay: LocalRelay, via: str, first: int, tmp_path: Path) -> None:
    """However many are left for a call and its recording: it works, or a typed error says what is missing."""
    (said,) = run(relay, DESCRIPTORS, via, tmp_path / "call.wav", first, 2.0)
    assert isinstance(said, dict)
    assert "works" == list(said.values())[-1]
    refused = [text for text in said.values() if text != "works"]
    assert refused
    # A receiver that has no descriptor for who comes in cannot be reached; and a machine may be slow.
    causes = ("Too many open files", "could not reach", "has not answered yet")
    assert [] == [text for text in refused if not any(cause in text for cause in causes)]
    assert ["ended"] == list({call.state for call in relay.calls})


@pytest.mark.parametrize("via", ["rtp", "ws", "stream"])
def test_the_disk_is_full_while_a_call_is_recorded(relay: LocalRelay, via: str, tmp_path: Path) -> None:
    """The call goes on, what fitted is a WAV, the error says why; with room again the next recording is fine."""
    path = tmp_path / "call.wav"
    during, said, after, over = run(relay, DISK, via, path)
    assert ("answered", "answered", "over") == (during, after, over)
    assert isinstance(said, str)
    assert said.startswith("MediaError")
    assert "File too large" in said
    with wave.open(str(path)) as file:
        assert 0.5 < file.getnframes() / file.getframerate() < 3
    with wave.open(str(path) + ".2.wav") as file:
        assert 0.1 < file.getnframes() / file.getframerate()
    assert ["ended"] == [call.state for call in relay.calls]


def test_swsync_is_loaded() -> None:
    """The programs above import the one that is tested."""
    assert ROOT in Path(swsync.__file__).parents
