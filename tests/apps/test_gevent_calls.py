"""gevent: the example, and that nothing of ours keeps other greenlets from running."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from appprogram import EXAMPLES, Program

import swsync

Start = Callable[..., Program]

TICKER = """
    from gevent import monkey; monkey.patch_all()
    import gevent, os, signal, sys, threading, swsync
    from swsync import media
    turns = []
    def tick():
        while True:
            gevent.sleep(0.01)
            turns.append(1)
    gevent.spawn(tick)
"""


def run(environment: dict[str, str], directory: Path, program: str) -> str:
    """Run a patched program with a greenlet that counts its turns, and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(TICKER) + textwrap.dedent(program)],
        env=environment, cwd=directory, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    return done.stdout


def test_gevent_calls(relay: swsync.LocalRelay, start: Start, tmp_path: Path) -> None:
    """Twelve people at once, one of them busy; each has a recording of both sides."""
    numbers = [f"+120255501{n}" for n in range(10, 22)]
    for number in numbers:
        relay.callee(number)
    relay.callee("+12025550121", outcome="busy")
    settings = {"CALLER_ID": "+12025550199", "ALLOWED_DESTINATIONS": "+120255501"}
    program = start(sys.executable, EXAMPLES / "gevent_calls.py", *numbers, "+19005550110", **settings)
    assert 1 == program.process.wait(180), program.output
    lines = program.output.splitlines()
    assert 11 == len([line for line in lines[:-2] if line.endswith(" s")]), program.output
    assert "busy" in lines[-2]
    assert "allowed_destinations" in lines[-1]
    assert "5550" not in program.output
    for n in range(1, 12):
        with wave.open(str(tmp_path / f"call-{n}.wav")) as file:
            assert 2 == file.getnchannels()
            assert file.getnframes() > 4000
            assert any(file.readframes(file.getnframes()))


@pytest.mark.parametrize("via", ["rtp", "ws", "stream"])
def test_calls_with_audio_let_others_run(
    relay: swsync.LocalRelay, environment: dict[str, str], tmp_path: Path, via: str
) -> None:
    """Eight captures by sockets of each kind, and live reading, while another greenlet has its turns."""
    printed = run(environment, tmp_path, f"""
        def one(number):
            call = client.dial_phone(to=f"+1202555010{{number}}", from_number="+12025550199")
            with call.capture(f"{{number}}.wav", via="{via}") as capture:
                before = len(turns)
                call.play_silence(1).wait(timeout=60)
                assert len(turns) > before, "nobody else had a turn"
            call.hangup()
            return capture.duration > 0.3
        with swsync.RelayClient() as client:
            jobs = [gevent.spawn(one, number) for number in range(8)]
            print([job.get(timeout=50) for job in jobs])
    """)  # fmt: skip
    assert f"{[True] * 8}\n" == printed


WAITS = {
    "rtp": "rx = media.RtpReceiver(); wait = lambda: rx.read(8000)",
    "frames": "rx = media.TapReceiver(); wait = lambda: next(iter(rx.frames()))",
    "stream": "rx = media.TwoWayStream(); wait = rx.wait_started",
    "port": "port = media.RtpPort(); rx = media.RtpReceiver(port=port); wait = rx.wait_audio",
    "keys": "rx = media.RtpReceiver(); wait = lambda: next(rx.digits(), None)",
}


@pytest.mark.parametrize("kind", WAITS)
def test_a_waiting_reader_does_not_block_the_hub(environment: dict[str, str], tmp_path: Path, kind: str) -> None:
    """Other greenlets run while one waits for audio that does not come, and one of them ends the wait."""
    printed = run(environment, tmp_path, f"""
        {WAITS[kind]}
        def end_later():
            before = len(turns)
            while len(turns) < before + 20:
                gevent.sleep(0.01)
            rx.end()
        gevent.spawn(end_later)
        try:
            wait()
        except (StopIteration, TypeError):
            pass
        rx.close()
        print("over", len(turns) >= 20)
    """)  # fmt: skip
    assert "over True\n" == printed


def test_a_sender_and_its_keys(environment: dict[str, str], tmp_path: Path) -> None:
    """The paced sender's thread and the pump are none of gevent's; what they carry arrives."""
    printed = run(environment, tmp_path, """
        keys = []
        with media.RtpReceiver(on_dtmf=lambda key: keys.append(key.digit)) as rx:
            with media.RtpSender("127.0.0.1", rx.port) as tx:
                before = len(turns)
                tx.send(bytes(8000), wait=False)
                tx.send_digits("12#")
                tx.send(bytes(8000))
                assert len(turns) > before + 10, "nobody else had a turn"
            while len(keys) < 3:
                gevent.sleep(0.01)
            rx.end()
            print("".join(keys), len(rx.read(20_000)) >= 8000)
    """)  # fmt: skip
    assert "12# True\n" == printed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_run(relay: swsync.LocalRelay, start: Start, number: signal.Signals) -> None:
    """It comes to the hub or to any greenlet, and ends that of ``run`` all the same; the call is ended."""
    program = start(sys.executable, "-c", textwrap.dedent(TICKER) + textwrap.dedent("""
        client = swsync.RelayClient(contexts=["default"])
        @client.on_call
        def handle(call):
            call.answer()
            print("answered", flush=True)
        client.run(drain_timeout=0.5)
        print("run is over", client.closed, flush=True)
    """))  # fmt: skip
    call = relay.place_call("default", timeout=60)
    program.wait_for("answered")
    assert 0 == program.end(number), program.output
    assert "run is over True" in program.output
    assert "Traceback" not in program.output
    call.wait_for_ended(timeout=60)


def test_a_forgotten_call_is_ended_at_exit(
    relay: swsync.LocalRelay, environment: dict[str, str], tmp_path: Path
) -> None:
    """atexit works as with threads."""
    printed = run(environment, tmp_path, """
        client = swsync.RelayClient().connect()
        client.dial_phone(to="+12025550100", from_number="+12025550199")
        receiver, sender = media.RtpReceiver(), media.RtpSender("127.0.0.1", 40000)
        print("done")
    """)  # fmt: skip
    assert "done\n" == printed
    relay.calls[0].wait_for_ended(timeout=60)


PATCH = "from gevent import monkey; monkey.patch_all()"
MADE = "import swsync; from swsync import media; media.RtpReceiver; client = swsync.RelayClient()"
ORDERS = {
    "first": (f"{PATCH}\n{MADE}", True),
    "after swsync is imported, before it connects": (f"{MADE}\n{PATCH}", True),
    "never": (MADE, False),
}


@pytest.mark.parametrize("order", ORDERS)
def test_when_it_patches(environment: dict[str, str], tmp_path: Path, order: str) -> None:
    """A client that connects after it waits for greenlets; without it a call is a wait of them all."""
    beginning, do_others_run = ORDERS[order]
    program = beginning + textwrap.dedent("""
        import gevent
        turns = []
        def tick():
            while True:
                gevent.sleep(0.01)
                turns.append(1)
        gevent.spawn(tick)
        def one():
            with client, client.dial_phone(to="+12025550100", from_number="+12025550199") as call:
                with call.capture("x.wav", via="rtp") as capture:
                    call.play_silence(0.5).wait(timeout=60)
            print(capture.duration > 0.2, len(turns) > 10)
        gevent.spawn(one).get()
    """)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert (f"True {do_others_run}\n", "", 0) == (done.stdout, done.stderr, done.returncode)
