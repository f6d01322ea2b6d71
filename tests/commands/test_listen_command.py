"""``swsync listen`` as its user meets it: notice, files, several calls at once, and how it ends."""

from __future__ import annotations

import json
import re
import signal
import wave
from pathlib import Path
from typing import Any

from shell import events_of, eventually, explained, refused, run, started, until

from swsync.localrelay import LocalRelay

NOTICE = "Recorded."


def plays(relay: LocalRelay) -> list[Any]:
    return [each.params["play"][0] for each in relay.journal.requests("calling.play")]


def test_a_call_is_recorded_after_its_notice(relay: LocalRelay, tmp_path: Path) -> None:
    """The file is named by time, caller and call; recording begins when the notice has been played."""
    relay.place_call("office", from_="+12025550155", hangs_up_after=4)
    done = run("listen", "office", "--notice", NOTICE, "--out", tmp_path / "r", "--count", "1", "--json", relay=relay)
    assert 0 == done.returncode, done.stderr
    events = events_of(done.stdout)
    assert ["listening", "answered", "recording", "recorded"] == [each["event"] for each in events]
    (path,) = (tmp_path / "r").iterdir()
    assert re.fullmatch(r"\d{8}-\d{6}-12025550155-[0-9a-f]{8}\.wav", path.name)
    assert str(path) == events[-1]["file"]
    with wave.open(str(path)) as file:
        assert (2, 8000) == (file.getnchannels(), file.getframerate())
        assert file.getnframes() > 4000
    assert [NOTICE] == [each["params"]["text"] for each in plays(relay)]
    methods = [each.method for each in relay.journal.requests() if each.method.startswith("calling.")]
    assert methods.index("calling.play") < methods.index("calling.stream")


def test_without_a_notice_only_if_told(relay: LocalRelay, tmp_path: Path) -> None:
    """``--no-notice`` plays nothing; the default plays something."""
    relay.place_call("a", hangs_up_after=1.5)
    assert 0 == run("listen", "a", "--no-notice", "--count", "1", relay=relay, cwd=tmp_path).returncode
    assert [] == plays(relay)
    relay.place_call("b", hangs_up_after=5)
    assert 0 == run("listen", "b", "--count", "1", relay=relay, cwd=tmp_path).returncode
    assert ["This call is recorded."] == [each["params"]["text"] for each in plays(relay)]


def test_who_hangs_up_during_the_notice_is_not_recorded(relay: LocalRelay, tmp_path: Path) -> None:
    relay.place_call("office", hangs_up_after=0.3)
    words = ["listen", "office", "--notice", "word " * 30, "--count", "1", "--json"]
    done = run(*words, relay=relay, cwd=tmp_path)
    assert 0 == done.returncode, done.stderr
    assert ["listening", "answered", "missed"] == [each["event"] for each in events_of(done.stdout)]
    assert [] == list(tmp_path.iterdir())


def test_a_notice_that_cannot_be_played_records_nobody(relay: LocalRelay, tmp_path: Path) -> None:
    """The call is hung up, and the exit code says that something went wrong."""
    relay.place_call("office")
    words = ["listen", "office", "--notice", "https://127.0.0.1:9/none.wav", "--count", "1", "--json"]
    done = run(*words, relay=relay, cwd=tmp_path)
    assert 1 == done.returncode
    assert ["listening", "answered", "failed"] == [each["event"] for each in events_of(done.stdout)]
    assert [] == list(tmp_path.iterdir())
    assert ["ended"] == [call.state for call in relay.status().calls]


def test_an_interrupt_hangs_up_and_finishes_every_file(relay: LocalRelay, tmp_path: Path) -> None:
    """Three calls at once; twice Ctrl-C; three whole files, and no call is on any more."""
    words = ["listen", "office", "--no-notice", "--json", "--out", tmp_path]
    with started(*words, relay=relay) as process:
        until(process, "listening")
        for number in range(3):
            relay.place_call("office", from_=f"+1202555013{number}", timeout=30)
        for _ in range(3):
            until(process, "recording")
        eventually(lambda: 3 == sum(path.stat().st_size > 8000 for path in tmp_path.glob("*.part")))
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        rest, text = process.communicate(timeout=60)
    assert 130 == process.returncode, text
    assert b"Traceback" not in text
    assert ["recorded"] * 3 + ["interrupted"] == [each["event"] for each in events_of(rest)]
    files = list(tmp_path.iterdir())
    assert ([".wav"] * 3, 3) == ([path.suffix for path in files], len({path.name for path in files}))
    for path in files:
        with wave.open(str(path)) as file:
            assert file.getnframes() > 1000
    assert {"ended"} == {call.state for call in relay.status().calls}


def test_names_that_callers_choose(relay: LocalRelay, tmp_path: Path) -> None:
    """A caller's name reaches neither the terminal nor the file system as it is."""
    relay.place_call("office", from_="sip:../../\x1b[2Jx\n7@evil", hangs_up_after=1.5)
    done = run("listen", "office", "--no-notice", "--count", "1", relay=relay, cwd=tmp_path)
    assert 0 == done.returncode, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\\x1b[2J" in done.stdout
    (path,) = tmp_path.iterdir()
    assert re.fullmatch(r"\d{8}-\d{6}-\d+-[0-9a-f]{8}\.wav", path.name)


def test_a_reader_that_goes(relay: LocalRelay, tmp_path: Path) -> None:
    """``swsync listen --json | head -1`` ends it."""
    with started("listen", "office", "--no-notice", "--json", relay=relay, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert "listening" == json.loads(process.stdout.readline())["event"]
        process.stdout.close()
        relay.place_call("office", timeout=30)
        assert 141 == process.wait(60)
    assert {"ended"} == {call.state for call in relay.status().calls}


def test_what_it_refuses(tmp_path: Path) -> None:
    refused(run("listen"), "CONTEXT")
    refused(run("listen", "x", "--notice", "a", "--no-notice"), "--no-notice")
    refused(run("listen", "x", "--count", "0"), "above zero")
    for nothing in ("", " "):  # a variable of the shell that is not set is no wish to record people unasked
        refused(run("listen", "x", "--notice", nothing), "--notice", "empty")
    for no_name in ("", "a\nb"):
        refused(run("listen", no_name), "CONTEXT", "name")
    (tmp_path / "file").touch()
    explained(run("listen", "x", "--out", tmp_path / "file"), "--out")
    explained(run("listen", "x", cwd=tmp_path), "SIGNALWIRE_PROJECT_ID")
