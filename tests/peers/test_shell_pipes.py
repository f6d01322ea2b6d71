"""``swsync tap | sox``, ``| ffmpeg``, ``sox | swsync rtp send``: what other programs make of our pipes."""

from __future__ import annotations

import json
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from shell import CLEAN, COMMAND, FROM, TO, run, started, until, variables

from swsync.localrelay import LocalRelay

pytestmark = pytest.mark.peers

TAP = ["tap", TO, "--from", FROM, "--duration", "1", "--out", "-"]


def piped(line: str, relay: LocalRelay | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which ``swsync`` is ours; it fails if any part of it does."""
    swsync = " ".join(map(json.dumps, COMMAND))
    known = variables(relay) if relay is not None else {}
    script = f'set -o pipefail; swsync() {{ {swsync} "$@"; }}\n{line}'
    return subprocess.run(["bash", "-c", script], env={**CLEAN, **known}, cwd=cwd, capture_output=True, text=True,
                          timeout=60, check=False)  # fmt: skip


def frames(path: Path) -> tuple[int, int, int]:
    """Channels, rate and frames of a WAV."""
    with wave.open(str(path)) as file:
        return file.getnchannels(), file.getframerate(), file.getnframes()


def test_one_side_into_sox(tool: Callable[[str], str], tmp_path: Path) -> None:
    """Raw samples, as the help page has it."""
    tool("sox")
    raw = "-t raw -r 8000 -e signed -b 16 -c 1"
    with LocalRelay() as relay:
        done = piped(f"swsync {' '.join(TAP)} --side said | sox {raw} - said.wav", relay, tmp_path)
    assert 0 == done.returncode, done.stderr
    channels, rate, count = frames(tmp_path / "said.wav")
    assert (1, 8000) == (channels, rate)
    assert count >= 8000
    shown = subprocess.run(["sox", tmp_path / "said.wav", "-n", "stat"], capture_output=True, text=True, check=True)
    loudest = next(line for line in shown.stderr.splitlines() if line.startswith("Maximum amplitude"))
    assert float(loudest.split()[-1]) > 0.05


def test_both_sides_into_ffmpeg(tool: Callable[[str], str], tmp_path: Path) -> None:
    """A WAV whose end nobody knows yet."""
    tool("ffmpeg")
    with LocalRelay() as relay:
        line = f"swsync {' '.join(TAP)} --format wav | ffmpeg -v error -i - -f wav both.wav"
        done = piped(line, relay, tmp_path)
    assert 0 == done.returncode, done.stderr
    channels, rate, count = frames(tmp_path / "both.wav")
    assert (2, 8000) == (channels, rate)
    assert count >= 8000


def test_sox_that_has_enough(tool: Callable[[str], str], tmp_path: Path) -> None:
    """``sox trim`` goes: the call is hung up, and the exit code is that of a broken pipe."""
    tool("sox")
    raw = "-t raw -r 8000 -e signed -b 16 -c 1"
    line = f"swsync tap {TO} --from {FROM} --side said --out - | head -c 16000 | sox {raw} - half.wav"
    with LocalRelay() as relay:
        done = piped(f"{line}; echo ${{PIPESTATUS[@]}}", relay, tmp_path)
        assert ["ended"] == [call.state for call in relay.status().calls]
    assert "141 0 0\n" == done.stdout, done.stderr
    assert (1, 8000, 8000) == frames(tmp_path / "half.wav")
    assert "Traceback" not in done.stderr


def test_sox_into_rtp_send_and_tshark(tool: Callable[[str], str], tmp_path: Path) -> None:
    """A tone goes over RTP into a capture; tshark finds what ``rtp inspect`` finds."""
    tool("sox")
    tool("tshark")
    pcap = tmp_path / "x.pcap"
    with started("rtp", "receive", "--json", "--pcap", pcap, "--wait", "30", "--source", "127.0.0.1") as process:
        known = until(process, "listening")
        raw = "-t raw -r 8000 -e signed -b 16 -c 1 -"
        done = piped(f"sox -n {raw} synth 1 sine 400 | swsync rtp send - {known['host']}:{known['port']}")
        assert 0 == done.returncode, done.stderr
        process.communicate(timeout=60)
    ours = json.loads(run("rtp", "inspect", pcap, "--json").stdout.splitlines()[0])
    assert (50, 0) == (ours["packets"], ours["lost"])
    words = ["tshark", "-r", pcap, "-d", f"udp.port=={known['port']},rtp", "-q", "-z", "rtp,streams"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    (row,) = [line for line in shown.splitlines() if "0x" in line.lower()]
    assert f"{ours['ssrc']:08X}" in row.upper()
    assert " 50 " in row
