"""``swsync tap`` as its user meets it: files, pipes, signals, and who hangs up."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from shell import CLEAN, COMMAND, FROM, TO, events_of, eventually, explained, refused, run, started, until, variables

from swsync.clock import REAL
from swsync.localrelay import LocalRelay
from swsync.media import mos


def loudest(pcm: bytes) -> int:
    return max(abs(sample) for sample in memoryview(pcm).cast("h"))


@pytest.mark.parametrize("via", ["stream", "ws", "rtp"])
def test_both_sides_go_into_a_file(relay: LocalRelay, via: str, tmp_path: Path) -> None:
    """Left is said, right is heard; a table says what came, and every line of JSON is an object."""
    path = tmp_path / "call.wav"
    done = run("tap", TO, "--from", FROM, "--out", path, "--via", via, "--duration", "1", "--json", relay=relay)
    assert 0 == done.returncode, done.stderr
    events = events_of(done.stdout)
    assert ["dialing", "answered", "recording", "quality", "quality", "done"] == [each["event"] for each in events]
    assert [str(path)] == events[-1]["files"]
    assert 1 <= events[-1]["duration"] < 10
    assert {"said", "heard"} == {each["side"] for each in events if each["event"] == "quality"}
    assert all((each["mos"] == round(mos(93.2), 2)) == (via == "rtp") for each in events if each["event"] == "quality")
    with wave.open(str(path)) as file:
        assert (2, 8000) == (file.getnchannels(), file.getframerate())
        said = memoryview(file.readframes(file.getnframes())).cast("h")[::2].tobytes()
    assert loudest(said) > 1000
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("via", ["stream", "ws", "rtp"])
def test_one_side_goes_live_into_a_pipe(relay: LocalRelay, via: str) -> None:
    """``--out -`` gives stdout to the audio: int16, one channel; text for people is on stderr."""
    words = ["tap", TO, "--from", FROM, "--side", "said", "--out", "-", "--via", via, "--duration", "1"]
    with started(*words, relay=relay) as process:
        audio, text = process.communicate(timeout=60)
    assert 0 == process.returncode, text
    assert len(audio) >= 2 * 8000
    assert loudest(audio[: len(audio) // 2 * 2]) > 1000
    assert b"Answered" in text
    assert b"said" in text


def test_a_pipe_gets_a_wav_header_and_a_file_the_same(relay: LocalRelay, tmp_path: Path) -> None:
    """``--format wav`` is for players that want a header."""
    path = tmp_path / "call.wav"
    words = ["tap", TO, "--from", FROM, "--out", "-", "--out", str(path), "--format", "wav", "--duration", "1"]
    with started(*words, relay=relay) as process:
        audio, text = process.communicate(timeout=60)
    assert 0 == process.returncode, text
    assert (b"RIFF", b"WAVE") == (audio[:4], audio[8:12])
    assert 2 == int.from_bytes(audio[22:24], "little")
    with wave.open(str(path)) as file:
        whole = file.readframes(file.getnframes())
    assert whole == audio[audio.index(b"data") + 8 :]


def test_whoever_reads_the_pipe_may_go(relay: LocalRelay, tmp_path: Path) -> None:
    """``| head`` ends the call, the file is whole, and the exit code is the shell's for a broken pipe."""
    path = tmp_path / "call.wav"
    with started("tap", TO, "--from", FROM, "--out", "-", "--out", path, relay=relay) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(8000)
        process.stdout.close()
        text = process.stderr.read().decode()
        assert 141 == process.wait(60)
    assert "Traceback" not in text
    assert "The call is over" in text
    with wave.open(str(path)) as file:
        assert file.getnframes() > 1000


def test_json_into_head(relay: LocalRelay, tmp_path: Path) -> None:
    """What nobody reads any more is no traceback, and the call is hung up."""
    with started("tap", TO, "--from", FROM, "--json", "--duration", "1", relay=relay, cwd=tmp_path) as process:
        call_id = until(process, "recording") and relay.status().calls[0].call_id
        assert process.stdout is not None
        process.stdout.close()
        assert 141 == process.wait(60)
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert "ended" == next(call.state for call in relay.status().calls if call.call_id == call_id)


@pytest.mark.parametrize(
    ("number", "times"), [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 1), (signal.SIGHUP, 1)]
)
def test_an_interrupt_ends_the_call_and_finishes_the_file(
    relay: LocalRelay, number: int, times: int, tmp_path: Path
) -> None:
    """Once or twice: the file has its name, the table says what is in it, and the relay has seen the hangup."""
    path = tmp_path / "call.wav"
    with started("tap", TO, "--from", FROM, "--out", path, "--json", relay=relay) as process:
        call_id = until(process, "answered")["call_id"]
        until(process, "recording")
        part = tmp_path / "call.wav.part"
        eventually(lambda: part.exists() and part.stat().st_size > 8000)
        for _ in range(times):
            process.send_signal(number)
        rest, text = process.communicate(timeout=60)
    assert 130 == process.returncode, text
    assert b"Traceback" not in text
    assert ["quality", "quality", "done", "interrupted"] == [each["event"] for each in events_of(rest)]
    with wave.open(str(path)) as file:
        assert file.getnframes() > 1000
    assert not part.exists()
    assert "ended" == next(call.state for call in relay.status().calls if call.call_id == call_id)


def test_an_interrupt_before_the_answer(relay: LocalRelay, tmp_path: Path) -> None:
    """A dial that rings is cancelled."""
    relay.callee("+12025550170", outcome="noAnswer")
    with started("tap", "+12025550170", "--from", FROM, "--json", relay=relay, cwd=tmp_path) as process:
        until(process, "dialing")
        eventually(lambda: any(call.number == "+12025550170" for call in relay.status().calls))
        process.send_signal(signal.SIGINT)
        _, text = process.communicate(timeout=60)
    assert 130 == process.returncode, text
    assert ["ended"] == [call.state for call in relay.status().calls if call.number == "+12025550170"]
    assert [] == list(tmp_path.iterdir())


def test_an_inbound_call(relay: LocalRelay, tmp_path: Path) -> None:
    """``--inbound`` waits for a call, answers it, and ends when the caller hangs up."""
    path = tmp_path / "call.wav"
    with started("tap", "--inbound", "taps", "--out", path, "--json", relay=relay) as process:
        until(process, "waiting")
        call = relay.place_call("taps", timeout=30)
        answered = until(process, "answered")
        assert (call.call_id, "inbound") == (answered["call_id"], answered["direction"])
        until(process, "recording")
        REAL.sleep(0.5)  # half a second of audio
        call.hang_up()
        rest, text = process.communicate(timeout=60)
    assert 0 == process.returncode, text
    assert "done" == events_of(rest)[-1]["event"]
    assert path.exists()


def test_nobody_calls(relay: LocalRelay, tmp_path: Path) -> None:
    explained(run("tap", "--inbound", "nobody", "--wait", "0.2", relay=relay, cwd=tmp_path), "no call", "nobody")


def test_a_busy_number_is_explained(relay: LocalRelay, tmp_path: Path) -> None:
    relay.callee("+12025550171", outcome="busy")
    explained(run("tap", "+12025550171", "--from", FROM, relay=relay, cwd=tmp_path), "busy")
    assert [] == list(tmp_path.iterdir())


def test_progress_is_for_terminals(relay: LocalRelay, tmp_path: Path) -> None:
    """It is painted in one line of the terminal, wiped at the end, and nowhere else."""
    ours, theirs = pty.openpty()
    words = ["tap", TO, "--from", FROM, "--duration", "1", "--out", tmp_path / "a.wav"]
    with started(*words, relay=relay, stderr=theirs) as process:
        os.close(theirs)
        assert process.stdout is not None
        text = process.stdout.read()
        assert 0 == process.wait(60)
        painted = os.read(ours, 65536)
    os.close(ours)
    assert b"\x1b" not in text
    assert b"The call is over" in text
    assert b"packets" in painted
    assert painted.endswith(b"\r\x1b[K")
    assert b"\n" not in painted


def test_what_it_refuses(tmp_path: Path) -> None:
    """Usage errors say what is missing, before anything is connected."""
    refused(run("tap", cwd=tmp_path), "NUMBER", "--inbound")
    refused(run("tap", TO, cwd=tmp_path), "--from")
    refused(run("tap", TO, "--inbound", "x", cwd=tmp_path), "NUMBER")
    refused(run("tap", TO, "--from", FROM, "--out", "-", "--json", cwd=tmp_path), "--json")
    refused(run("tap", TO, "--from", FROM, "--duration", "never", cwd=tmp_path), "--duration", "above zero", "never")
    refused(run("tap", "--inbound", "x", "--connect", TO, cwd=tmp_path), "--from")


def test_a_closed_or_full_stdout(relay: LocalRelay, tmp_path: Path) -> None:
    """Without a stdout nothing is printed into a socket; a full one is explained."""
    words = ["tap", TO, "--from", FROM, "--out", str(tmp_path / "a.wav"), "--duration", "0.5"]
    line = " ".join(map(json.dumps, [*COMMAND, *words]))
    environment = {**CLEAN, **variables(relay)}
    done = subprocess.run(["sh", "-c", f"{line} >&- 2>&-"], env=environment, timeout=60, check=False)
    assert 0 == done.returncode
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnframes() >= 4000
    if sys.platform == "linux":
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*COMMAND, *words], env=environment, stdout=full, stderr=subprocess.PIPE, timeout=60,
                                  check=False)  # fmt: skip
        assert 1 == done.returncode
        assert b"No space left" in done.stderr
        assert b"Traceback" not in done.stderr
