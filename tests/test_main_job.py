"""The main job, end to end on real sockets: dial, play, record both sides, and the audio is right."""

from __future__ import annotations

import array
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

import swsync
from swsync.errors import MediaError

TO, FROM = "+12025550100", "+12025550199"
RATE = 8000


@pytest.fixture
def relay() -> Iterator[swsync.LocalRelay]:
    """A relay in real time."""
    with swsync.LocalRelay() as relay:
        yield relay


@pytest.fixture
def client(relay: swsync.LocalRelay) -> Iterator[swsync.RelayClient]:
    """A client connected to it."""
    with swsync.RelayClient(**relay.settings) as client:
        yield client


def channels(path: Path) -> tuple[array.array[int], array.array[int]]:
    """The left and the right samples of a stereo WAV at 8 kHz."""
    with wave.open(str(path), "rb") as file:
        assert (2, 2, RATE) == (file.getnchannels(), file.getsampwidth(), file.getframerate())
        samples = array.array("h", file.readframes(file.getnframes()))
    return samples[0::2], samples[1::2]


def position(needle: array.array[int], haystack: array.array[int]) -> int:
    """Where a run of samples stands inside others, in samples."""
    data, wanted = haystack.tobytes(), needle.tobytes()
    at = data.find(wanted)
    while at >= 0 and at % 2:
        at = data.find(wanted, at + 1)
    assert at >= 0, "the samples are not there"
    return at // 2


def loud_part(samples: array.array[int], seconds: float = 0.5) -> array.array[int]:
    """A piece of sound from its first loud sample on: distinct enough to be found again."""
    start = next(i for i, sample in enumerate(samples) if abs(sample) > 2000)
    return samples[start : start + int(seconds * RATE)]


@pytest.mark.parametrize("via", ["rtp", "ws", "stream"])
def test_both_sides_are_recorded_bit_for_bit_and_aligned(
    via: str, relay: swsync.LocalRelay, client: swsync.RelayClient, tmp_path: Path
) -> None:
    """Left is what the callee said, right is what she heard, each sample equal, and at most 20 ms apart."""
    path = tmp_path / "call.wav"
    call = client.dial_phone(to=TO, from_number=FROM, timeout=60)
    with call.capture(path, via=via) as capture:
        call.play_tts("Hello, this is a reminder.").wait(timeout=60)
    call.hangup()
    call.wait_for_ended(timeout=60)
    left, right = channels(path)
    callee = relay.callees[TO]
    said, heard = array.array("h", bytes(callee.said)), array.array("h", bytes(callee.heard))
    assert len(left) == len(right)
    assert capture.duration == pytest.approx(len(left) / RATE, abs=0.001)
    said_piece, heard_piece = loud_part(left), loud_part(right)
    said_offset = position(said_piece, said) - position(said_piece, left)
    heard_offset = position(heard_piece, heard) - position(heard_piece, right)
    assert abs(said_offset - heard_offset) <= 0.020 * RATE
    # Not only a piece: all of it, from the first sample to the last that the other side has.
    for recorded, original, offset in ((left, said, said_offset), (right, heard, heard_offset)):
        begin = max(0, -offset)
        ours = recorded[begin : len(original) - offset]
        assert len(ours) > RATE
        theirs = original[begin + offset : begin + offset + len(ours)]
        differing = [i for i in range(len(ours)) if ours[i] != theirs[i]]
        # The file may be longer on one side by what the other one sent last; that much is silence.
        assert not [i for i in differing if i < len(ours) - 0.1 * RATE and i > 0.1 * RATE]
    for quality in capture.quality.values():
        assert (0, 0) == (quality.packets_lost, quality.late)


@pytest.mark.parametrize("via", ["rtp", "ws", "stream"])
def test_a_call_that_ends_in_the_middle_leaves_a_valid_file(
    via: str, client: swsync.RelayClient, relay: swsync.LocalRelay, tmp_path: Path
) -> None:
    """The callee hangs up while being recorded: the capture ends, and the WAV holds what came before."""
    relay.callee(TO, hangs_up_after=1.5)
    path = tmp_path / "call.wav"
    call = client.dial_phone(to=TO, from_number=FROM, timeout=60)
    with call.capture(path, via=via):
        call.wait_for_ended(timeout=60)
    left, right = channels(path)
    assert len(left) == len(right) > RATE // 2
    assert not path.with_name("call.wav.part").exists()


def test_an_error_in_the_users_code_is_his_own_and_leaves_a_valid_file(
    client: swsync.RelayClient, tmp_path: Path
) -> None:
    """What the user raises inside ``with`` comes out of it unchanged, with the WAV closed."""
    path = tmp_path / "call.wav"
    call = client.dial_phone(to=TO, from_number=FROM, timeout=60)
    with pytest.raises(ZeroDivisionError), call.capture(path, via="rtp") as capture:
        capture.wait_duration(0.5, timeout=60)
        _ = 1 // 0
    left, _ = channels(path)
    assert len(left) >= RATE // 2
    call.hangup()


def test_a_link_that_breaks_in_the_middle_leaves_a_valid_file(tmp_path: Path) -> None:
    """The relay goes away while a call is recorded: the capture ends within its bound, and the WAV is valid."""
    path = tmp_path / "call.wav"
    with swsync.LocalRelay() as relay, swsync.RelayClient(**relay.settings) as client:
        call = client.dial_phone(to=TO, from_number=FROM, timeout=60)
        with call.capture(path, via="rtp") as capture:
            capture.wait_duration(0.5, timeout=60)
            relay.close()
        client.close(timeout=2)
    left, _ = channels(path)
    assert len(left) >= RATE // 2


def test_an_unwritable_file_is_refused_before_anything_is_tapped(
    client: swsync.RelayClient, relay: swsync.LocalRelay, tmp_path: Path
) -> None:
    """A directory that does not exist is named in one sentence, and no tap was started."""
    call = client.dial_phone(to=TO, from_number=FROM, timeout=60)
    with pytest.raises(MediaError, match="no-such-directory"), call.capture(tmp_path / "no-such-directory" / "c.wav"):
        pytest.fail("the capture started")
    assert "calling.stream" not in relay.journal.methods()
    assert "calling.tap" not in relay.journal.methods()
    call.hangup()
