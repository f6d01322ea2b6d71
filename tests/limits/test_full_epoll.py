"""epoll takes no more sockets: a receiver of RTP hears its stream all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from shims import made

ROOT = Path(__file__).parents[2]

PROGRAM = """
import itertools
from swsync import media

sound = media.decode(media.encode((bytes(range(256)) * 63)[:16000], "PCMU"), "PCMU")  # 1 s
with media.RtpReceiver() as rx, media.RtpSender("127.0.0.1", rx.port) as tx:
    tx.send(sound)
    assert rx.wait_audio(30)
    tx.send(sound)
    frames = itertools.islice(rx.frames(timeout=30), 100)
    print(b"".join(bytes(frame.samples) for frame in frames) == 2 * sound, rx.stats.packets)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs LD_PRELOAD and epoll")
def test_a_receiver_is_not_deaf(tmp_path: Path) -> None:
    """Its socket is looked at again and again instead; whoever listens gets every packet."""
    shim = made("fullepoll.c", tmp_path)
    environment = {**os.environ, "LD_PRELOAD": str(shim)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert "True 100\n" == done.stdout, done.stderr
