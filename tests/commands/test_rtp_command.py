"""``swsync rtp`` as its user meets it: two programs that talk to each other, and what a capture of that shows."""

from __future__ import annotations

import array
import math
import os
import signal
import socket
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from shell import CLEAN, COMMAND, events_of, explained, refused, run, started, until

from swsync import media

TONE = array.array("h", (int(12000 * math.sin(2 * math.pi * 400 * n / 8000)) for n in range(8000)))


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    """A second of a tone on the left, silence on the right."""
    path = tmp_path / "hello.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(array.array("h", (s for each in TONE for s in (each, 0))).tobytes())
    return path


@contextmanager
def receiving(*words: object) -> Iterator[tuple[Any, str]]:
    """A receiver that listens, and where."""
    with started("rtp", "receive", "--json", "--wait", "30", *map(str, words)) as process:
        known = until(process, "listening")
        yield process, f"{known['host']}:{known['port']}"


def test_from_a_file_to_a_file(hello: Path, tmp_path: Path) -> None:
    """A goodbye ends the receiver; keys are told; the WAV has the samples of the one channel; so has the capture."""
    wav, pcap = tmp_path / "got.wav", tmp_path / "got.pcap"
    with receiving("--codec", "PCMA", "--out", wav, "--pcap", pcap, "--source", "127.0.0.1") as (process, place):
        sent = run("rtp", "send", hello, place, "--codec", "PCMA", "--channel", "left", "--digits", "4#", "--json")
        rest, text = process.communicate(timeout=60)
    assert (0, 0) == (sent.returncode, process.returncode), (sent.stderr, text)
    assert ["sending", "done"] == [each["event"] for each in events_of(sent.stdout)]
    events = events_of(rest)
    assert ["4", "#"] == [each["digit"] for each in events if each["event"] == "dtmf"]
    assert events_of(sent.stdout)[0]["ssrc"] == next(each["ssrc"] for each in events if each["event"] == "start")
    assert {"event": "done", "files": [str(wav)], "payload_types": {}, "rejected": {}}.items() <= events[-1].items()
    with wave.open(str(wav)) as file:
        got = memoryview(file.readframes(8000)).cast("h")
    assert media.encode(TONE, "PCMA") == media.encode(got, "PCMA")

    shown = run("rtp", "inspect", pcap, "--out", tmp_path / "wavs", "--json")
    assert 0 == shown.returncode, shown.stderr
    stream, done = events_of(shown.stdout)
    assert ("PCMA", 50, 0, 4.41, 1) == (
        stream["codec"], stream["packets"], stream["lost"], stream["mos"], done["streams"],
    )  # fmt: skip
    with wave.open(stream["file"]) as file:
        assert got == memoryview(file.readframes(8000)).cast("h")
    table = run("rtp", "inspect", pcap).stdout.splitlines()
    assert "SSRC from to codec sec packets lost jitter MOS" == " ".join(table[0].split())
    assert ["PCMA", "0.98", "50", "0", "0.0", "4.41"] == table[1].split()[3:]


def test_a_capture_is_replayed_with_its_losses(tmp_path: Path) -> None:
    """The same SSRC and sequence numbers; ``--ssrc`` chooses among several streams."""
    path = tmp_path / "x.pcap"
    with media.PcapWriter(path) as writer:
        for other, ssrc in enumerate((7, 8)):
            for number, packet in enumerate(media.packetize(TONE, ssrc=ssrc)):
                if number not in (20, 21):
                    writer.write(packet, 1000 + number * 0.02, ("127.0.0.1", 4000 + other), ("127.0.0.1", 5004))
    with receiving("--idle", "1") as (process, place):
        assert 0 == run("rtp", "send", path, place, "--ssrc", "8").returncode
        rest, text = process.communicate(timeout=60)
    assert 0 == process.returncode, text
    quality = next(each for each in events_of(rest) if each["event"] == "quality")
    assert (48, 2) == (quality["packets"], quality["lost"])
    assert 8 == next(each["ssrc"] for each in events_of(rest) if each["event"] == "start")
    streams = [each for each in events_of(run("rtp", "inspect", path, "--json").stdout) if each["event"] == "stream"]
    assert [(7, 2), (8, 2)] == [(each["ssrc"], each["lost"]) for each in streams]
    explained(run("rtp", "send", path, place, "--ssrc", "0x9"), "0x00000009", "inspect")


def test_streams_of_merged_captures_have_files_of_their_own(tmp_path: Path) -> None:
    """The same SSRC and ports on two hosts; and a capture that goes back in time is as long as its audio."""
    path = tmp_path / "x.pcap"
    with media.PcapWriter(path) as writer:
        for host in ("127.0.0.2", "127.0.0.3"):
            for number, packet in enumerate(media.packetize(TONE, ssrc=7)):
                at = 1000 - 100 * (host == "127.0.0.3" and number > 5)
                writer.write(packet, at + number * 0.02, (host, 4000), ("127.0.0.1", 5004))
    shown = run("rtp", "inspect", path, "--out", tmp_path / "wavs", "--json")
    assert 0 == shown.returncode, shown.stderr
    first, second, _ = events_of(shown.stdout)
    assert ["00000007-4000-5004-2.wav", "00000007-4000-5004.wav"] == sorted(os.listdir(tmp_path / "wavs"))
    assert first["file"] != second["file"]
    assert (0.98, 0.1) == (first["seconds"], second["seconds"])


def test_pipes_on_both_sides() -> None:
    """Samples go in on stdin and come out on stdout; ``| head`` ends it."""
    words = ["rtp", "receive", "--out", "-", "--wait", "30"]
    with started(*words) as receiver:
        assert receiver.stderr is not None
        assert receiver.stdout is not None
        line = receiver.stderr.readline().split()
        place = f"{line[2].decode()}:{line[4].decode()}"
        with subprocess.Popen([*COMMAND, "rtp", "send", "-", place], env=CLEAN, stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sender:  # fmt: skip
            assert sender.stdin is not None
            sender.stdin.write(TONE.tobytes() * 2)
            sender.stdin.flush()
            audio = receiver.stdout.read(8000)
            receiver.stdout.close()
            sender.stdin.write(TONE.tobytes())
            sender.stdin.close()
            assert 141 == receiver.wait(60)
            assert sender.wait(60) in (0, 1)  # 1: told that nobody listens any more
        assert b"Traceback" not in receiver.stderr.read()
    assert max(memoryview(audio).cast("h")) > 10000


def test_stereo_and_other_rates(tmp_path: Path) -> None:
    """16 kHz stereo is mixed and resampled."""
    path = tmp_path / "wide.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 2 * 8000))
    with receiving("--source", "127.0.0.1") as (process, place):
        sent = run("rtp", "send", path, place, "--json")
        process.communicate(timeout=60)
    assert 25 == events_of(sent.stdout)[-1]["packets"]  # half a second


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_of_the_receiver(hello: Path, times: int, tmp_path: Path) -> None:
    """The file is finished, the table is told; the sender hears that nobody listens and says so."""
    wav = tmp_path / "got.wav"
    with (
        receiving("--out", wav) as (process, place),
        started("rtp", "send", hello, place, "--repeat", "100", "--json") as sender,
    ):
        until(process, "audio")
        for _ in range(times):
            process.send_signal(signal.SIGINT)
        rest, text = process.communicate(timeout=60)
        sender.send_signal(signal.SIGINT)
        _, more = sender.communicate(timeout=60)
    assert (130, 130) == (process.returncode, sender.returncode), (text, more)
    assert b"Traceback" not in text + more
    assert ["quality", "done", "interrupted"] == [each["event"] for each in events_of(rest)][-3:]
    with wave.open(str(wav)) as file:
        assert file.getnframes() > 4000


def test_nobody_listens(hello: Path) -> None:
    """The exit code says it, and so does a sentence."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    done = run("rtp", "send", hello, f"127.0.0.1:{port}")
    assert 1 == done.returncode, done.stderr
    assert "Nobody listens" in done.stdout


def test_nothing_comes() -> None:
    """What was refused is named."""
    with started("rtp", "receive", "--json", "--wait", "2", "--source", "127.0.0.2") as process:
        known = until(process, "listening")
        with media.RtpSender(known["host"], known["port"]) as sender:
            sender.send(TONE)
        rest, _ = process.communicate(timeout=60)
    assert 1 == process.returncode
    assert "source" in events_of(rest)[-1]["message"]


def test_wrong_files_are_explained(tmp_path: Path) -> None:
    """Missing, empty, no sound, no capture."""
    place = "127.0.0.1:9"
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "text.pcap").write_text("no capture, but long enough for a header")
    explained(run("rtp", "send", tmp_path / "none.wav", place), "none.wav", "No such file")
    explained(run("rtp", "send", tmp_path / "text.wav", place), "text.wav")
    explained(run("rtp", "send", tmp_path / "text.pcap", place), "pcap")
    explained(run("rtp", "inspect", tmp_path / "none.pcap"), "none.pcap")
    with media.PcapWriter(tmp_path / "empty.pcap"):
        pass
    explained(run("rtp", "inspect", tmp_path / "empty.pcap"), "no RTP")


def test_dynamic_payload_types(tmp_path: Path) -> None:
    """A payload type without a static meaning is named by the user."""
    path = tmp_path / "x.pcap"
    with media.PcapWriter(path) as writer:
        for number, packet in enumerate(media.packetize(TONE, codec="L16", ssrc=7, payload_type=97)):
            writer.write(packet, 1000 + number * 0.02)
    done = run("rtp", "inspect", path, "--out", tmp_path / "w")
    assert "--codec 97=" in done.stdout
    done = run("rtp", "inspect", path, "--out", tmp_path / "w", "--codec", "97=L16", "--json")
    (stream,) = [each for each in events_of(done.stdout) if each["event"] == "stream"]
    with wave.open(stream["file"]) as file:
        assert TONE.tobytes() == file.readframes(8000)


def test_what_it_refuses() -> None:
    refused(run("rtp"), "COMMAND")
    refused(run("rtp", "send", "x.wav"), "HOST:PORT")
    refused(run("rtp", "send", "x.wav", "127.0.0.1"), "HOST:PORT")
    refused(run("rtp", "send", "x.wav", "127.0.0.1:5004", "--ssrc", "seven"), "0x1a2b")
    refused(run("rtp", "inspect", "x", "--codec", "200=L16"), "N=CODEC")
    refused(run("rtp", "receive", "--out", "-", "--json"), "--json")
    explained(run("rtp", "receive", "--bind", "203.0.113.7"), "203.0.113.7")
    explained(run("rtp", "receive", "--source", "somebody"), "source")
