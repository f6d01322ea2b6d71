"""Pauses of a recording, for what must not be kept: it is in no sink, no statistics and no buffer, however late."""

from __future__ import annotations

import array
import random
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from rtppackets import SAMPLES, TICK, packet

from swsync import media
from swsync.clock import VirtualClock
from swsync.media.capture import Capture
from swsync.media.track import MUTE_GUARD, Track

OPEN, SECRET = 0x10, 0x90  # mu-law codes: what may be kept, and what may not
KEPT, LEAKED = (array.array("h", media.decode(bytes([code]), "PCMU"))[0] for code in (OPEN, SECRET))
BEGIN, END, TOTAL = 4.0, 7.0, 12.0  # seconds: of the secret, and of all


def samples(path: Path) -> list[array.array[int]]:
    with wave.open(str(path), "rb") as file:
        flat = array.array("h", file.readframes(file.getnframes()))
        return [flat[n :: file.getnchannels()] for n in range(file.getnchannels())]


def said(at: float) -> int:
    """What is said at this second."""
    return SECRET if BEGIN <= at < END else OPEN


def network(seed: int, spread: float) -> list[tuple[float, bytes]]:
    """Packets with jitter, 5 % of them held back for up to 0.9 s, 3 % twice, in the order in which they come."""
    dice, coming = random.Random(seed), []
    for i in range(round(TOTAL / TICK)):
        data = bytes([said(i * TICK)]) * SAMPLES
        at = (i + 1) * TICK + 0.05 + dice.uniform(0.0, spread)
        at += dice.uniform(0.1, 0.85) if dice.random() < 0.05 and i > 50 else 0.0
        for _ in range(1 + (dice.random() < 0.03)):
            coming.append((at, packet(i, 5000 + SAMPLES * i, data)))
            at += dice.uniform(0.0, 0.4)
    return sorted(coming)


class Scene:
    """A receiver on a virtual clock, what comes to it, and what happens at some seconds."""

    def __init__(self, coming: list[tuple[float, bytes]]) -> None:
        self.clock = VirtualClock(start=0.0)
        self.rx = media.RtpReceiver(clock=self.clock, source="127.0.0.1")
        self._coming = coming

    def play(self, capture: Capture, until: float = TOTAL + 2) -> Iterator[float]:
        """Let 20 ms pass at a time; five times a second it is drained."""
        step = 0
        while self.clock.now() < until:
            step += 1
            self.clock.sleep(max(0.0, step * TICK - self.clock.now()))
            while self._coming and self._coming[0][0] <= self.clock.now():
                at, datagram = self._coming.pop(0)
                self.rx.feed(datagram, int(at * 1e9))
            if step % 10 == 0:
                capture.drain()
            yield step * TICK

    def pass_by(self, capture: Capture, behavior: str, begin: float = BEGIN, end: float = END) -> None:
        """All of it, with a pause where the secret is said."""
        for now in self.play(capture):
            if now == pytest.approx(begin):
                capture.pause(behavior)
            if now == pytest.approx(end):
                capture.resume()


@pytest.mark.parametrize("spread", [0.0, 0.06, 0.15])
@pytest.mark.parametrize("behavior", ["silence", "skip"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_of_it_is_kept_anywhere(tmp_path: Path, behavior: str, spread: float, seed: int) -> None:
    """Files, an array, a function, the receiver's buffer and its live readers: what is open is there, the rest not."""
    scene, kept = Scene(network(seed, spread)), media.ArraySink()
    blocks: list[int] = []
    with scene.rx as rx:
        sinks = [tmp_path / "a.wav", kept, lambda block: blocks.extend(block.tolist())]
        capture = Capture(sinks, rx.tracks["audio"], clock=scene.clock, is_live=False)
        live = rx.tracks["audio"].reader()
        heard: list[int] = []
        for now in scene.play(capture):
            if now == pytest.approx(BEGIN):
                capture.pause(behavior)
                assert capture.paused
            if now == pytest.approx(END):
                capture.resume()
            heard += live.take(SAMPLES * 50).samples
        capture.close()
        rx.save(tmp_path / "buffer.wav")
    (file,) = samples(tmp_path / "a.wav")
    (buffer,) = samples(tmp_path / "buffer.wav")
    for everything in (file, kept.samples.tolist(), blocks, buffer, heard):
        assert LEAKED not in set(everything)
        assert {KEPT, 0} == set(everything)
    assert file.tolist() == kept.samples.tolist() == blocks
    assert 8000 * (TOTAL - 0.01) <= len(buffer) <= 8000 * TOTAL
    paused = END - BEGIN + MUTE_GUARD if behavior == "skip" else 0.0
    assert len(buffer) - len(file) == pytest.approx(8000 * paused, abs=SAMPLES)
    before, after = file[: round(8000 * (BEGIN - 0.3))], file[round(8000 * (END + 1.1 - paused)) :]
    assert {KEPT} == set(before) == set(after)
    assert capture.quality["said"].muted >= 8000 * (END - BEGIN)


def test_the_levels_know_nothing_of_it(tmp_path: Path) -> None:
    """Neither the recording's nor the receiver's own."""
    scene = Scene(network(1, 0.0))
    with scene.rx as rx, Capture(tmp_path / "a.wav", rx.tracks["audio"], clock=scene.clock, is_live=False) as capture:
        assert 0.0 == rx.quality.measured
        scene.pass_by(capture, "silence")
        rx.end()
        for quality in (rx.quality, capture.quality["said"]):
            assert 3.0 - 0.3 <= quality.silence_seconds <= 3.0 + MUTE_GUARD + 0.4
            # ITU-T G.711's code 0x10 is one level: what is spoken has that and no other.
            assert abs(KEPT) == pytest.approx(32768 * 10 ** (quality.peak_dbov / 20), abs=1)


def test_both_sides_stay_beside_each_other(tmp_path: Path) -> None:
    """After a skipped pause as before it, and the spans of what was lost are those of the file."""
    clock = VirtualClock(start=0.0)
    tracks = Track("s", clock=clock), Track("h", clock=clock)
    capture = Capture(tmp_path / "a.wav", *tracks, clock=clock, is_live=False)
    for i in range(600):
        clock.sleep(TICK)
        now = clock.now()
        if i == 200:
            capture.pause("skip")
        if i == 350:
            capture.resume()
        for track, shift in zip(tracks, (0, 40), strict=True):
            if not (shift and i in (100, 500)):
                data = bytes([1 + (i + k // 80) % 100 for k in range(SAMPLES)])
                track.place(SAMPLES * i, data, now)
        if i % 10 == 0:
            capture.drain()
    capture.close()
    left, right = samples(tmp_path / "a.wav")
    assert len(left) == len(right) == pytest.approx(8000 * (12.0 - 3.0 - MUTE_GUARD), abs=SAMPLES)
    lost = [i for i in range(len(left)) if left[i] != right[i]]
    cut = 8000 * 12 - len(left)
    places = [*range(SAMPLES * 100, SAMPLES * 101), *range(SAMPLES * 500 - cut, SAMPLES * 501 - cut)]
    assert places == lost
    assert [] == capture.lost_spans  # a place that was not told as lost is a pause of the sender's


def test_lost_spans_are_told_in_the_files_seconds(tmp_path: Path) -> None:
    """Behind a pause that was skipped they are earlier."""
    scene = Scene([(at, data) for at, data in network(9, 0.0) if data[2:4] not in (b"\0\x64", b"\1\xf4")])  # 100, 500
    with scene.rx as rx, Capture(tmp_path / "a.wav", rx.tracks["audio"], clock=scene.clock, is_live=False) as capture:
        scene.pass_by(capture, "skip")
    (file,) = samples(tmp_path / "a.wav")
    spans = [(round(span.start * 8000), round(span.end * 8000)) for span in capture.lost_spans]
    assert (16000, 16160) == spans[0]
    cut = round(8000 * TOTAL) - len(file)
    assert (80000 - cut, 80160 - cut) == spans[-1]
    for first, last in spans:
        assert {0} == set(file[first:last])
        assert 0 not in (file[first - 1], file[last])


@pytest.mark.parametrize("behavior", ["silence", "skip"])
def test_a_recording_may_end_in_a_pause(tmp_path: Path, behavior: str) -> None:
    """Then its track is heard again by others."""
    scene = Scene(network(1, 0.0))
    with scene.rx as rx:
        capture = Capture(tmp_path / "a.wav", rx.tracks["audio"], clock=scene.clock, is_live=False)
        for now in scene.play(capture, until=9.0):
            if now == pytest.approx(BEGIN):
                capture.pause(behavior)
            if now == pytest.approx(END):
                capture.close()
                assert not capture.paused
        rx.end()
        assert KEPT in set(rx.tracks["audio"].reader().take(8000 * 20).samples[8 * 8000 :])
    (file,) = samples(tmp_path / "a.wav")
    assert LEAKED not in set(file)
    assert len(file) == pytest.approx(8000 * (END if behavior == "silence" else BEGIN), abs=8000 * 0.1)


@pytest.mark.parametrize("behavior", ["silence", "skip"])
def test_a_pause_may_begin_before_the_audio(tmp_path: Path, behavior: str) -> None:
    """Also before there is a track at all."""
    scene = Scene(network(4, 0.06))
    tracks: dict[str, Track] = {}
    with scene.rx as rx:
        capture = Capture(tmp_path / "a.wav", lambda: tracks.get("a"), clock=scene.clock, is_live=False)
        capture.pause(behavior)
        for now in scene.play(capture):
            if now == pytest.approx(3.1):  # between two drains: what has come until then is in the buffer only
                tracks["a"] = rx.tracks["audio"]
            if now == pytest.approx(END):
                capture.resume()
        capture.close()
    (file,) = samples(tmp_path / "a.wav")
    assert {KEPT, 0} == set(file)
    spoken = len(file) - file.index(KEPT)
    assert spoken == pytest.approx(8000 * (TOTAL - END - MUTE_GUARD), abs=8000 * 0.1)


def test_several_pauses_and_what_means_nothing(tmp_path: Path) -> None:
    """Pausing twice is pausing once, resuming without a pause is nothing, and there are two behaviors."""
    scene = Scene([(at, data[:12] + bytes([OPEN]) * SAMPLES) for at, data in network(1, 0.0)])
    with scene.rx as rx:
        capture = Capture(tmp_path / "a.wav", rx.tracks["audio"], clock=scene.clock, is_live=False)
        capture.resume()
        with pytest.raises(ValueError, match="silence, skip"):
            capture.pause("mute")
        for now in scene.play(capture):
            for begin, behavior in ((2.0, "skip"), (4.0, "silence"), (6.0, "skip"), (6.5, "silence")):
                if now == pytest.approx(begin):
                    capture.pause(behavior)
            if now == pytest.approx(3.0) or now == pytest.approx(5.0) or now == pytest.approx(7.0):
                capture.resume()
        capture.close()
        capture.pause()
        assert not capture.paused
    (file,) = samples(tmp_path / "a.wav")
    assert len(file) == pytest.approx(8000 * (TOTAL - 2 - 2 * MUTE_GUARD), abs=2 * SAMPLES)
    assert file.count(0) == pytest.approx(8000 * (1 + MUTE_GUARD), abs=8000 * 0.4)


def test_a_websocket_that_catches_up_after_the_pause_leaks_nothing(tmp_path: Path) -> None:
    """No timestamps: the count of samples says what was said when, although it comes three seconds late."""
    clock = VirtualClock(start=0.0)
    track = Track("tap", clock=clock)
    capture = Capture(tmp_path / "a.wav", track, clock=clock, is_live=False)
    held = 0
    for i in range(round(TOTAL / TICK)):
        clock.sleep(TICK)
        now = clock.now()
        if i == round(BEGIN / TICK):
            capture.pause()
        if i == round(END / TICK):
            capture.resume()
        if 5.0 <= now < 8.5:
            held += 1
            continue
        while held >= 0:
            track.append(bytes([said((i - held) * TICK)]) * SAMPLES, now)
            held -= 1
        held = 0
        if i % 10 == 0:
            capture.drain()
    capture.close()
    (file,) = samples(tmp_path / "a.wav")
    assert {KEPT, 0} == set(file)
    assert len(file) == round(8000 * TOTAL)
    assert {KEPT} == set(file[: round(8000 * BEGIN)]) == set(file[round(8000 * (END + 0.3)) :])


def test_a_new_stream_after_the_pause_is_heard(tmp_path: Path) -> None:
    """Another SSRC and clock: it goes on by arrival, and what it says after the pause is kept."""
    coming = [(at, data) for at, data in network(1, 0.0) if at < 5.0]
    for i in range(round((TOTAL - 5.0) / TICK)):
        at = 5.0 + i * TICK
        coming.append((at + TICK + 0.05, packet(i, 999 * SAMPLES + SAMPLES * i, bytes([said(at)]) * SAMPLES, ssrc=8)))
    scene = Scene(sorted(coming))
    with scene.rx as rx, Capture(tmp_path / "a.wav", rx.tracks["audio"], clock=scene.clock, is_live=False) as capture:
        scene.pass_by(capture, "silence")
    (file,) = samples(tmp_path / "a.wav")
    assert {KEPT, 0} == set(file)
    assert {KEPT} == set(file[round(8000 * (END + 0.4)) :])


def test_pauses_while_the_engine_runs(tmp_path: Path) -> None:
    """Sockets, the engine's thread and the writer's: many pauses, and whatever is sent within one is not kept."""
    path = tmp_path / "a.wav"
    with media.RtpReceiver() as rx, media.RtpSender("127.0.0.1", rx.port) as tx, rx.record(path) as capture:
        for _ in range(5):
            tx.send(bytes([0x00, 0x20]) * SAMPLES * 5)
            capture.pause()
            tx.send(bytes([0x00, 0x60]) * SAMPLES * 5)
            capture.resume()
            tx.send(bytes(2 * 8 * int(1000 * MUTE_GUARD)))
    values = set(samples(path)[0])
    loud = array.array("h", media.decode(media.encode(b"\x00\x60", "PCMU"), "PCMU"))[0]
    open_ = array.array("h", media.decode(media.encode(b"\x00\x20", "PCMU"), "PCMU"))[0]
    assert loud not in values
    assert open_ in values
