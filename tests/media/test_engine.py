"""The engine's thread: it comes with the first receiver, goes with the last, and never hinders the process."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
import threading

import pytest
from rtppackets import bye, numbered, payload

from swsync import media
from swsync.clock import REAL
from swsync.media import engine
from swsync.states import FrameState


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == engine.THREAD_NAME]


def test_one_thread_for_all_and_none_without_receivers() -> None:
    """It starts on first use and is joined when the last receiver closes; a new one starts for the next."""
    for _ in range(3):
        assert [] == names()
        with media.RtpReceiver(), media.RtpReceiver():
            assert [engine.THREAD_NAME] == names()
    assert [] == names()


def test_it_sleeps_while_nothing_comes_and_wakes_for_the_first_packet() -> None:
    """Without packets no ticks pass; with them they do."""
    with media.RtpReceiver() as rx, media.RtpSender("127.0.0.1", rx.port) as tx:
        before = -1
        for _ in range(200):  # it goes on for half a second; a busy machine's ticks are fewer and take longer
            if before == len(engine.tick_lateness()):
                break
            before = len(engine.tick_lateness())
            REAL.sleep(0.3)
        assert before == len(engine.tick_lateness()) <= 110
        tx.send(bytes(2 * 1600))
        assert rx.wait_audio(60)
        assert len(engine.tick_lateness()) > before


@pytest.mark.parametrize("behind", [1, 3, engine.BUDGET + 10])
def test_what_comes_right_behind_the_last_packet_is_taken(behind: int) -> None:
    """A stream at its pace is read a packet at a time; what else is there is found though nothing follows it."""
    with media.RtpReceiver(source="127.0.0.1") as rx, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for i in range(10):
            sock.sendto(numbered(i), ("127.0.0.1", rx.port))
            REAL.sleep(0.02)
        for _ in range(1 + behind):
            sock.sendto(numbered(10), ("127.0.0.1", rx.port))
        deadline = REAL.now() + 10
        while (stats := rx.stats).packets < 11 + behind and REAL.now() < deadline:
            REAL.sleep(0.005)
        assert (11 + behind, behind) == (stats.packets, stats.duplicate)


def steadily(sock: socket.socket, rx: media.RtpReceiver) -> int:
    """Send a stream at its pace for longer than the engine takes to see that nobody waits for it; how many packets."""
    for i in range(75):
        sock.sendto(numbered(i), ("127.0.0.1", rx.port))
        REAL.sleep(0.02)
    return 75


def arrived(rx: media.RtpReceiver, packets: int) -> media.ReceiverStats:
    """What the receiver says once so many have come, or none comes any more."""
    deadline = REAL.now() + 10
    while (stats := rx.stats).packets < packets and REAL.now() < deadline:
        REAL.sleep(0.005)
    return stats


@pytest.mark.parametrize("pause", [0.03, 0.8])
@pytest.mark.parametrize("more", [1, engine.BUDGET + 10])
def test_a_stream_that_nobody_waits_for_is_taken_to_its_last_packet(pause: float, more: int) -> None:
    """It is read several packets at a time: whatever comes after whatever pause is found though nothing follows it."""
    with media.RtpReceiver(source="127.0.0.1") as rx, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sent = steadily(sock, rx)
        for round_ in range(2):
            REAL.sleep(pause)
            for i in range(sent, sent + more):
                sock.sendto(numbered(i), ("127.0.0.1", rx.port))
            sent += more
            assert (sent, round_) == (arrived(rx, sent).packets, round_)


def test_whoever_begins_to_listen_loses_nothing() -> None:
    """A stream was left alone so far: from the first frame on it is read as it comes."""
    with media.RtpReceiver(source="127.0.0.1") as rx, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sent = steadily(sock, rx)
        frames = rx.frames(timeout=30)
        heard = [next(frames) for _ in range(sent // 2)]
        for i in range(sent, sent + 25):
            sock.sendto(numbered(i), ("127.0.0.1", rx.port))
            REAL.sleep(0.02)
        rx.end()
        heard += frames
    (reader,) = frames.readers.values()
    assert {FrameState.AUDIO} == {frame.state for frame in heard}
    assert (160 * (sent + 25), 0) == (sum(len(frame.samples) for frame in heard), reader.late)


def test_what_somebody_listens_to_is_read_as_it_comes() -> None:
    """Nearly each packet is taken before the next one leaves, 20 ms later; of a stream left alone, every third."""
    with media.RtpReceiver(source="127.0.0.1") as rx, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sent = steadily(sock, rx)
        next(rx.frames(timeout=30))
        prompt = 0
        for _ in range(10):  # a busy machine may come between
            arrived(rx, sent)
            prompt = 0
            for i in range(sent, sent + 30):
                sock.sendto(numbered(i), ("127.0.0.1", rx.port))
                REAL.sleep(0.02)
                prompt += rx.stats.packets == i + 1
            sent += 30
            if prompt > 20:
                break
        assert prompt > 20


def test_audio_before_a_goodbye_is_not_lost() -> None:
    """The goodbye comes on a port of its own, at once; the audio of the stream waits in the kernel meanwhile."""
    with media.RtpReceiver(source="127.0.0.1") as rx, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sent = steadily(sock, rx)
        for i in range(sent, sent + 3):
            sock.sendto(numbered(i), ("127.0.0.1", rx.port))
        assert rx.rtcp_port is not None
        sock.sendto(bye(7), ("127.0.0.1", rx.rtcp_port))
        deadline = REAL.now() + 10
        while not rx.ended and REAL.now() < deadline:
            REAL.sleep(0.005)
        assert (True, sent + 3) == (rx.ended, rx.stats.packets)


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_the_interpreter_exits_with_receivers_open() -> None:
    """Nothing was closed, a reader waits in a daemon thread, packets come: the process ends, silently and at once."""
    done = run("""
        import threading
        from swsync import media
        receivers = [media.RtpReceiver() for _ in range(10)]
        threading.Thread(target=lambda: list(receivers[0].frames()), daemon=True).start()
        with media.RtpSender("127.0.0.1", receivers[0].port) as tx:
            tx.send(bytes(3200))
        print("done")
    """)
    assert (0, "done\n") == (done.returncode, done.stdout)
    assert "Traceback" not in done.stderr


def test_with_gevent_the_engine_has_a_thread_of_its_own() -> None:
    """A patched process goes on with other greenlets while the engine sits in C and a reader waits."""
    done = run("""
        from gevent import monkey; monkey.patch_all()
        import gevent, time
        from swsync import media
        turns = []
        def other():
            while True:
                turns.append(1); gevent.sleep(0.01)
        gevent.spawn(other)
        with media.RtpReceiver() as rx, media.RtpSender("127.0.0.1", rx.port) as tx:
            gevent.spawn(lambda: (gevent.sleep(0.3), tx.send(bytes(16000)), rx.end()))
            heard = sum(len(frame.samples) for frame in rx.frames(timeout=60))
        print(heard, len(turns) > 20)
    """)
    assert (0, "8000 True\n") == (done.returncode, done.stdout), done.stderr


@pytest.mark.parametrize("kind", ["RtpReceiver", "TapReceiver", "StreamReceiver"])
def test_without_descriptors_there_is_a_sentence_and_nothing_is_left(kind: str) -> None:
    """However many are left, too few: one typed error, no thread, no descriptor, and the next one works."""
    done = run(f"""
        import os, resource, threading, time
        from swsync import media
        from swsync.errors import ConfigurationError, MediaError
        kind = media.{kind}
        kind().close()
        def names():
            return set(os.listdir("/proc/self/fd"))
        def others():
            return [t for t in threading.enumerate() if t is not threading.main_thread()]
        while others():
            time.sleep(0.01)
        before, said = names(), set()
        most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        for left in range(8):
            plugs = []
            try:
                while True:
                    plugs.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                pass
            for _ in range(left):
                os.close(plugs.pop())
            try:
                kind().close()
                said.add("it works")
            except (MediaError, ConfigurationError) as error:
                said.add(str(error) if "Too many open files" in str(error) else repr(error))
            for plug in plugs:
                os.close(plug)
            while others():
                time.sleep(0.01)
            assert before == names(), (left, before ^ names())
        assert "it works" in said and len(said) > 1 and all("open files" in s or s == "it works" for s in said), said
        kind().close()
        print("done")
    """)
    # Whoever had waited for an engine that never was would have said so on stderr.
    assert (0, "done\n", "") == (done.returncode, done.stdout, done.stderr)


def test_payloads_differ() -> None:
    """The packets of these tests can be told apart."""
    assert 50 == len({payload(i) for i in range(50)})
