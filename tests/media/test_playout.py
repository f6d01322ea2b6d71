"""Live reading: what is due when, what is missing and what is not, and where the delay goes."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from livereading import Wire, is_packet
from rtppackets import SAMPLES, packet, pcm

from swsync.errors import MediaError
from swsync.media import FrameState
from swsync.media.playout import FIRST_DELAY, LiveReader
from swsync.media.track import Track

# Where sequence numbers and timestamps begin: the second pair wraps both within every scenario.
BEGINNINGS = [(1000, 5000), (65535, 2**32 - 160)]

# p3: packet 3 arrives; p3@9: with the timestamp of packet 9; q3: from another SSRC; +20: milliseconds pass; end: the
# stream does. A3, C3, S3: the reader gets packet 3's frame as audio, concealed, silence; A3-9: seven of them, and no
# eighth; -: nothing is due; .: it is over. The delay is fixed at 60 ms, counted from the end of each packet.
SCENARIOS = {
    "in order": "p0 +20 p1 +20 p2 +21 A0 - p3 +20 A1 - p4 +20 A2 -",
    "not before its time": "p0 +20 p1 +20 p2 +19 -",
    "lost": "p0 +20 p1 +40 p3 +1 A0 +20 p4 A1 +20 C2 +20 A3 - +20 A4 -",
    "two lost": "p0 +20 p1 +60 p4 +1 A0-1 +20 C2 +20 C3 +20 A4 -",
    "lost, and the loss is longer than concealment": "p0 +20 p1 +400 p21 +1 A0-1 C2-18 - +20 C19 +20 C20 +20 A21 -",
    "reordered, in time": "p0 +40 p2 +5 p1 +16 A0 - +20 A1 +20 A2 -",
    "reordered, at the last moment": "p0 +40 p2 +21 A0 +18 p1 - +2 A1 - +20 A2 -",
    "late": "p0 +20 p1 +40 p3 +1 A0 +20 A1 +20 C2 p2 +20 A3 -",
    "duplicates": "p0 p0 +20 p1 p0 p1 +20 p2 p2 +21 A0 - p2 +20 A1 +20 A2 -",
    "a very old packet again": "p0 +20 p1 +20 p2 +21 A0 +20 A1 +20 A2 +900 p0 - p3@50 +61 S3-49 A50 -",
    "nothing sent": "- +1000 -",
    "empty: a stall is waited for": "p0 +61 A0 +300 - p1 A1 p2 A2 -",
    "empty: a pause is silence, not loss": "p0 +61 A0 +300 - p1@18 S1-15 - +20 S16 +20 S17 +20 A18 -",
    "a burst is given at once, but for the delay": "p0 p1 p2 p3 p4 p5 A0-2 - +61 A3-5 -",
    "jump: a clock that time does not explain": "p0 +20 p1 +20 p2@900000 +20 p3@900001 +61 A0-3 -",
    "jump back": "p0 +20 p1 +20 p2@-900 +20 p3@-899 +61 A0-3 -",
    "jump of the numbers, confirmed by those that follow": "p0 +20 p1 +60 p5000@4 p5001@5 p5002@6 p5003@7 +100 A0-5 -",
    "restart under another SSRC": "p0 +20 p1 +60 q300@800 q301@801 q302@802 q303@803 +100 A0-5 -",
    "another SSRC beside it is left out": "p0 +20 p1 q300@800 +20 p2 q301@801 +61 A0-2 -",
    "the last packet, and no more": "p0 +20 p1 +61 A0-1 - +500 -",
    "the end gives what is there at once": "p0 +20 p1 +40 p3 end A0-1 C2 A3 .",
    "the end of nothing": "end .",
}


def frames_of(token: str) -> list[str]:
    """``A0-2`` is A0, A1, A2 and nothing more."""
    letter, first, *last = token[0], *token[1:].split("-")
    return [f"{letter}{n}" for n in range(int(first), int(last[0] if last else first) + 1)]


def play(wire: Wire, script: str) -> None:
    """Do what it says, and hold the reader to it."""
    for token in script.split():
        if token[0] in "pq":
            number, _, slot = token[1:].partition("@")
            wire.put(int(number), int(slot) if slot else None, ssrc=7 if token[0] == "p" else 8)
        elif token[0] == "+":
            wire.clock.sleep(int(token[1:]) / 1000)
        elif token == "end":
            wire.stream.flush()
            wire.stream.track.end()
        elif token in "-.":
            assert token == wire.get()
        else:
            for expected in frames_of(token):
                assert expected == wire.get(), token


@pytest.mark.parametrize("beginning", BEGINNINGS, ids=["plain", "wrapping"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, beginning: tuple[int, int]) -> None:
    """Each by its script; with numbers and timestamps that wrap, and with others."""
    wire = Wire(*beginning)
    with wire.clock.thread():
        play(wire, SCENARIOS[name])


def test_audio_is_what_was_sent() -> None:
    """Bit for bit before a loss and, once it has faded in, after it; the loss is neither silence nor the same again."""
    wire = Wire()
    with wire.clock.thread():
        for number in (0, 1, 2, 4, 5):
            wire.put(number)
            wire.clock.sleep(0.02 if number != 2 else 0.04)
        wire.stream.track.end()
        frames = [wire.reader.take(SAMPLES) for _ in range(6)]
        assert all(frame is not None for frame in frames)
        for number, frame in enumerate(frames):
            assert frame is not None
            if number != 3:
                assert is_packet(frame, number, after_loss=number == 4)
            else:
                assert FrameState.CONCEALED is frame.state
                assert any(frame.samples)
        assert (160, 0) == (wire.reader.concealed, wire.reader.late)


def test_late_is_told_from_lost() -> None:
    """Of what was concealed, what came afterwards; known once nothing of it can come any more."""
    wire = Wire()
    with wire.clock.thread():
        for number in range(100):
            if number in (30, 50):  # lost, and late
                wire.clock.sleep(0.02)
                wire.drain()
                continue
            wire.put(number)
            wire.clock.sleep(0.02)
            if number == 56:
                wire.put(50)
            wire.drain()
        assert (320, 0) == (wire.reader.concealed, wire.reader.late)
        for number in range(100, 120):
            wire.put(number)
            wire.clock.sleep(0.02)
            wire.drain()
        assert (320, 160) == (wire.reader.concealed, wire.reader.late)


def test_a_loss_between_frames_of_another_length() -> None:
    """Frames need not begin where packets do; what is part loss is concealed."""
    wire = Wire()
    with wire.clock.thread():
        for number in (0, 1, 3, 4):
            wire.put(number)
        wire.stream.track.end()
        states = []
        while (frame := wire.reader.take(100)) is not None:
            states.append(frame.state.value[0])
        assert "aaaccaaa" == "".join(states)


# ---- the delay


def run(wire: Wire, packets: int, lateness: float = 0.0, first: int = 0, every: int = 2) -> int:
    """Send packets, each ``every``-th that late (less than a packet), and take what is due; returns the next number."""
    for number in range(first, first + packets):
        late = 0.0 if (number + 1) % every else lateness
        wire.clock.sleep(late)
        wire.put(number)
        wire.clock.sleep(0.02 - late)
        wire.drain()
    return first + packets


def quiet(wire: Wire, first: int, packets: int) -> int:
    """The same without jitter and with packets of digital silence."""
    for number in range(first, first + packets):
        datagram = packet(number, SAMPLES * number, b"\xff" * SAMPLES)
        wire.stream.feed([datagram], [wire.clock.now()])
        wire.clock.sleep(0.02)
        wire.drain()
    return first + packets


def test_it_begins_with_60_ms_within_the_limits() -> None:
    """Until the network is known."""
    track = Track("t")
    assert FIRST_DELAY == LiveReader(track, 0.0, 1.0).delay
    assert 0.1 == LiveReader(track, 0.1, 1.0).delay
    assert 0.03 == LiveReader(track, 0.0, 0.03).delay


@pytest.mark.parametrize("limits", [(-0.1, 0.1), (0.2, 0.1), (0.0, 1.1), (float("nan"), 0.1)])
def test_limits_that_make_no_sense(limits: tuple[float, float]) -> None:
    """Below zero, the wrong way round, longer than a second."""
    with pytest.raises(MediaError, match="min_delay"):
        LiveReader(Track("t"), *limits)


def test_the_target_is_what_nearly_all_packets_keep_to() -> None:
    """In steps of 5 ms; one in two hundred is not waited for."""
    wire = Wire(min_delay=0.0, max_delay=1.0)
    with wire.clock.thread():
        after = run(wire, 300, 0.012)
        assert 0.015 == pytest.approx(wire.reader.target)
        run(wire, 1500, 0.019, after, every=200)
        assert 0.005 == pytest.approx(wire.reader.target)


def test_it_shrinks_in_silence_and_only_there() -> None:
    """Speech goes on at its pace; silence lets it catch up, and nothing that was sent is left out."""
    wire = Wire(min_delay=0.01, max_delay=0.5)
    with wire.clock.thread():
        after = run(wire, 100)
        assert (0.06, 0.01) == (wire.reader.delay, wire.reader.target)
        quiet(wire, after, 20)
        assert 0.02 == pytest.approx(wire.reader.delay)
        assert (0, 0) == (wire.reader.skipped, wire.reader.stretched)
        assert 120 * SAMPLES - wire.reader.position <= 0.03 * 8000


def test_silence_that_nobody_sent_is_skipped() -> None:
    """The pause of a sender becomes shorter by as much as the delay shrinks."""
    wire = Wire(min_delay=0.01, max_delay=0.5)
    with wire.clock.thread():
        run(wire, 100)
        wire.clock.sleep(0.1)
        wire.put(100, 105)
        got = wire.drain()
        for number in range(101, 110):
            wire.clock.sleep(0.02)
            wire.put(number, number + 5)
            got += wire.drain()
        silent = [one for one in got if one[0] == "S"]
        assert (5, 0.02) == (len(silent) + wire.reader.skipped / SAMPLES, wire.reader.delay)
        assert wire.reader.skipped > 0


def test_reading_blocks_skips_nothing() -> None:
    """``read`` promises the next samples: their delay shrinks too, but none is left out."""
    wire = Wire(min_delay=0.01, max_delay=0.5)
    with wire.clock.thread():
        at = None
        for number in range(150):
            if number < 100 or number % 10 == 0:
                wire.put(number if number < 100 else 100 + number // 10 - 10, number)
            wire.clock.sleep(0.02)
            while (frame := wire.reader.take(SAMPLES, may_skip=False)) is not None:
                assert at in (None, frame.timestamp)
                at = frame.timestamp + SAMPLES
        assert 0 == wire.reader.skipped


def test_it_grows_where_frames_had_to_be_waited_for() -> None:
    """Packets that come too late for it make it longer, until they are in time; nothing is invented for that."""
    wire = Wire(min_delay=0.01, max_delay=0.5)
    with wire.clock.thread():
        quiet(wire, run(wire, 60), 10)
        assert 0.02 == pytest.approx(wire.reader.delay)
        number = 70
        for _ in range(60):  # three packets come together, with the last of them
            wire.clock.sleep(0.06)
            for _ in range(3):
                wire.put(number)
                number += 1
            wire.drain()
        assert 0.04 <= wire.reader.delay <= 0.07
        assert wire.reader.stretched == pytest.approx((wire.reader.delay - 0.02) * 8000)
        assert (0, 0) == (wire.reader.concealed, wire.reader.skipped)


def test_equal_limits_fix_it() -> None:
    """Whatever the network does."""
    wire = Wire(min_delay=0.05, max_delay=0.05)
    with wire.clock.thread():
        quiet(wire, run(wire, 100, 0.015), 50)
        wire.clock.sleep(0.3)
        quiet(wire, 150, 50)
        assert (0.05, 0.05) == (wire.reader.delay, wire.reader.target)
        assert (0, 0) == (wire.reader.skipped, wire.reader.stretched)


def test_a_slow_reader_is_no_slow_network() -> None:
    """One that asks too late gets what is there, and its delay stays."""
    wire = Wire(min_delay=0.01, max_delay=0.5)
    with wire.clock.thread():
        for number in range(200):
            wire.put(number)
            wire.clock.sleep(0.02)
        got = [wire.get() for _ in range(201)]
        assert [f"A{n}" for n in range(198)] == [one for one in got if one != "-"][:198]
        assert (0.06, 0) == (wire.reader.delay, wire.reader.stretched)


def test_each_reader_has_its_own() -> None:
    """Two readers of one track: one is patient and gets what the other has to conceal."""
    wire = Wire(min_delay=0.02, max_delay=0.02)
    patient = LiveReader(wire.stream.track, 0.2, 0.2)
    with wire.clock.thread():
        for number in range(50):
            if number != 20:
                wire.put(number)
            if number == 25:
                wire.put(20)
            wire.clock.sleep(0.02)
            wire.drain()
            while (frame := patient.take(SAMPLES)) is not None:
                assert FrameState.AUDIO is frame.state
    assert (160, 0) == (wire.reader.concealed, patient.concealed)


def test_going_back() -> None:
    """A reader that gives up on a block stands where it stood, with all that it knew."""
    wire = Wire()
    with wire.clock.thread():
        wire.put(0)
        wire.put(2)
        wire.clock.sleep(0.2)
        place = wire.reader.place()
        first = [wire.reader.take(100) for _ in range(4)]
        wire.reader.go_back(place)
        assert 0 == wire.reader.concealed
        assert first == [wire.reader.take(100) for _ in range(4)]
        assert first[0] is not None
        assert pcm(0)[:200] == bytes(first[0].samples)


# ---- anything at all


class Listening(RuleBasedStateMachine):
    """A network and a listener that do anything, in any order, against a list of what was sent and what has come."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[int] = []  # slot of each packet
        self.held: list[int] = []  # numbers under way
        self.came: dict[int, float] = {}  # slot -> when
        self.given: dict[int, tuple[FrameState, float]] = {}
        self.next = 0.0
        self.after_loss = False

    @initialize(
        beginning=st.sampled_from(BEGINNINGS),
        least=st.integers(0, 100),
        more=st.one_of(st.just(0), st.integers(0, 300)),
    )
    def begin(self, beginning: tuple[int, int], least: int, more: int) -> None:
        self.limits = least / 1000, (least + more) / 1000
        self.wire = Wire(*beginning, *self.limits)
        self.thread = self.wire.clock.thread()
        self.thread.__enter__()

    @rule(pause=st.sampled_from([0, 0, 0, 0, 1, 3, 20]), held=st.booleans())
    def send(self, pause: int, held: bool) -> None:
        """The next packet is sent, and comes at once or is under way."""
        slot = self.sent[-1] + 1 + pause if self.sent else 0
        self.wire.clock.sleep(0.02 * (1 + pause))
        self.sent.append(slot)
        if held and len(self.sent) > 1:
            self.held.append(len(self.sent) - 1)
        else:
            self._arrive(len(self.sent) - 1)

    @rule(which=st.integers(0, 5))
    def arrive(self, which: int) -> None:
        """One that was under way, if a second has not passed since it was sent."""
        if self.held and self.sent[-1] - self.sent[self.held[which % len(self.held)]] < 49:
            self._arrive(self.held.pop(which % len(self.held)))

    @rule(which=st.integers(0, 10))
    def repeat(self, which: int) -> None:
        """One that came comes again."""
        number = len(self.sent) - 1 - which
        if number >= 0 and number not in self.held and self.sent[number] in self.came:
            self._arrive(number)

    @rule(which=st.integers(0, 5))
    def lose(self, which: int) -> None:
        if self.held:
            self.held.pop(which % len(self.held))

    @rule(milliseconds=st.sampled_from([1, 5, 19, 20, 60, 300]))
    def pass_time(self, milliseconds: int) -> None:
        self.wire.clock.sleep(milliseconds / 1000)

    @rule(most=st.integers(1, 30))
    def listen(self, most: int) -> None:
        for _ in range(most):
            skipped = self.wire.reader.skipped
            frame = self.wire.reader.take(SAMPLES)
            if frame is None:
                return
            slot = self.wire.slot(frame)
            assert slot == self.next + (self.wire.reader.skipped - skipped) / SAMPLES
            self.next = slot + 1
            self._judge(int(slot), frame)

    def _arrive(self, number: int) -> None:
        self.wire.put(number, self.sent[number])
        self.came.setdefault(self.sent[number], self.wire.clock.now())

    def _judge(self, slot: int, frame: object) -> None:
        """There, bit for bit; or never sent; or missing while something newer has come."""
        now = self.wire.clock.now()
        self.given[slot] = frame.state, now  # type: ignore[attr-defined]
        if slot in self.came:
            assert FrameState.AUDIO is frame.state  # type: ignore[attr-defined]
            assert is_packet(frame, self.sent.index(slot), self.after_loss)  # type: ignore[arg-type]
        else:
            assert max(self.came) > slot
            missing = frame.state is FrameState.CONCEALED  # type: ignore[attr-defined]
            assert missing or slot not in self.sent
        self.after_loss = frame.state is FrameState.CONCEALED  # type: ignore[attr-defined]

    @invariant()
    def delay_is_within_its_limits(self) -> None:
        if hasattr(self, "wire"):
            low, high = self.limits
            assert low - 1e-4 <= self.wire.reader.delay <= high + 1e-4
            assert low - 1e-4 <= self.wire.reader.target <= high + 1e-4

    def teardown(self) -> None:
        if not hasattr(self, "wire"):
            return
        try:
            self.wire.stream.track.end()
            self.listen(100_000)
            assert self.wire.reader.is_over
            concealed = [slot for slot, (state, _) in self.given.items() if state is FrameState.CONCEALED]
            assert SAMPLES * len(concealed) == self.wire.reader.concealed
            assert SAMPLES * sum(slot in self.came for slot in concealed) == self.wire.reader.late
            assert set(self.came) <= set(self.given)
        finally:
            self.thread.__exit__(None, None, None)


TestListening = Listening.TestCase
TestListening.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
