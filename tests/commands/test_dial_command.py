"""``swsync dial`` as its user meets it: who answers, what is said, and what an interrupt does."""

from __future__ import annotations

import signal
import wave
from pathlib import Path

from shell import FROM, TO, events_of, eventually, explained, refused, run, started, until

from swsync.localrelay import LocalRelay


def test_a_text_is_said(relay: LocalRelay) -> None:
    """People read two lines; nothing is on stderr."""
    done = run("dial", TO, "--from", FROM, "--say", "Hi.", relay=relay)
    assert (0, "") == (done.returncode, done.stderr)
    assert ["Dialing", "Answered", "Hung"] == [line.split()[0] for line in done.stdout.splitlines()]
    played = relay.journal.requests("calling.play")
    assert ["Hi."] == [each.params["play"][0]["params"]["text"] for each in played]


def test_a_recording_of_one_channel_each(relay: LocalRelay, tmp_path: Path) -> None:
    done = run("dial", TO, "--from", FROM, "--say", "Hi.", "--record", tmp_path / "d.wav", "--json", relay=relay)
    assert 0 == done.returncode, done.stderr
    events = events_of(done.stdout)
    assert ["dialing", "answered", "quality", "quality", "done"] == [each["event"] for each in events]
    with wave.open(str(tmp_path / "d.wav")) as file:
        assert 2 == file.getnchannels()


def test_a_machine_is_spoken_to_after_its_greeting(relay: LocalRelay) -> None:
    """``--wait-for-machine`` says who answered, and waits for the beep."""
    relay.callee(TO, kind="machine", greeting=1.5)
    done = run("dial", TO, "--from", FROM, "--say", "Hi.", "--wait-for-machine", "--json", relay=relay)
    assert 0 == done.returncode, done.stderr
    (detected,) = [each for each in events_of(done.stdout) if each["event"] == "detected"]
    assert ("MACHINE", True) == (detected["answer"], detected["ready"])


def test_an_interrupt_hangs_up(relay: LocalRelay) -> None:
    """In the middle of a sentence."""
    with started("dial", TO, "--from", FROM, "--say", "word " * 60, "--json", relay=relay) as process:
        call_id = until(process, "answered")["call_id"]
        eventually(lambda: relay.journal.requests("calling.play"))
        process.send_signal(signal.SIGINT)
        rest, text = process.communicate(timeout=60)
    assert (130, b"Interrupted.") == (process.returncode, text.splitlines()[-1])
    assert ["interrupted"] == [each["event"] for each in events_of(rest)]
    assert "ended" == next(call.state for call in relay.status().calls if call.call_id == call_id)


def test_who_does_not_answer_is_explained(relay: LocalRelay) -> None:
    relay.callee("+12025550172", outcome="busy")
    done = run("dial", "+12025550172", "--from", FROM, "--json", relay=relay)
    explained(done, "busy")
    assert {"event": "error", "type": "DialFailed"}.items() <= events_of(done.stdout)[-1].items()


def test_what_it_refuses() -> None:
    refused(run("dial", TO), "--from")
    refused(run("dial", "--from", FROM), "NUMBER")
    refused(run("dial", TO, "--from", FROM, "--say", "x", "--play", "http://e.com/y"), "--play", "--say")
    refused(run("dial", TO, "--from", FROM, "--say", " "), "--say", "empty")
    refused(run("dial", TO, "--from", FROM, "--play", "notice.mp3"), "--play", "https://")
    refused(run("dail"), "invalid choice", "dial")
    refused(run(), "COMMAND")


def test_audio_that_cannot_be_played_is_explained(relay: LocalRelay) -> None:
    """RELAY takes the address and fails later: that is no success."""
    explained(run("dial", TO, "--from", FROM, "--play", "https://127.0.0.1:9/x.mp3", relay=relay), "127.0.0.1:9")
    assert "ended" == relay.status().calls[0].state
