"""Concealment judged by PESQ (ITU-T P.862): nearer to what was said than silence is, whoever speaks."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable

import numpy as np
import pytest
from pesq import pesq

from swsync import media
from swsync.clock import VirtualClock
from swsync.media.codec import codec_number
from swsync.media.playout import LiveReader
from swsync.media.track import Track
from swsync.media.udp import RtpStream

pytestmark = pytest.mark.peers

# Sentences of the Harvard list, which is made for such tests.
TEXT = (
    "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. "
    "It is easy to tell the depth of a well. These days a chicken leg is a rare dish."
)
VOICES = ("en-us", "en-gb+f3", "de+m3")
# Share of the packets lost, and how many in a row. Which ones they are makes much of a difference: four masks of each.
LOSSES = ((0.03, 1), (0.05, 1), (0.1, 1), (0.1, 2), (0.1, 3))
SEEDS = (7, 8, 9, 10)
GAIN = 0.15  # points of MOS, at the least
CODECS = {8000: ("PCMU", 0, "nb"), 16000: ("L16", 96, "wb")}


@pytest.fixture(scope="module")
def voices() -> dict[tuple[str, int], np.ndarray]:
    """Each voice at each rate, as espeak-ng speaks and sox samples."""
    spoken = {}
    for voice in VOICES:
        said = subprocess.run(
            ["espeak-ng", "-v", voice, "-s", "150", "--stdout", TEXT], capture_output=True, check=True
        )
        for rate in CODECS:
            command = ["sox", "-v", "0.5", "-t", "wav", "-", "-r", str(rate), "-c", "1", "-b", "16", "-t", "raw", "-"]
            raw = subprocess.run(command, input=said.stdout, capture_output=True, check=True).stdout
            spoken[voice, rate] = np.frombuffer(raw[: len(raw) // (rate // 25) * (rate // 25)], np.int16)
    return spoken


def mask(packets: int, share: float, in_a_row: int, seed: int = SEEDS[0]) -> list[bool]:
    """Which packets are lost: always the same ones."""
    dice, lost = random.Random(seed), [False]
    while len(lost) < packets:
        lost += [True] * in_a_row if dice.random() < share / in_a_row else [False]
    return [*lost[: packets - 1], False]


def received(samples: np.ndarray, rate: int, lost: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    """What a live reader gives, and what a recording would write, when these packets never come."""
    codec, payload_type, _ = CODECS[rate]
    clock = VirtualClock()
    track = Track("audio", codec, rate, snap=0.0, clock=clock)
    stream = RtpStream(track, codec_number(codec, "big"), payload_type, source="127.0.0.1")
    reader = LiveReader(track, 0.06, 0.06)
    packets = media.packetize(samples.tobytes(), codec=codec, rate=rate, payload_type=payload_type)
    heard = b""

    def listen() -> bytes:
        got = b""
        while (frame := reader.take(rate // 50)) is not None:
            got += bytes(frame.samples)
        return got

    with clock.thread():
        for packet, is_lost in zip(packets, lost, strict=True):
            if not is_lost:
                stream.feed([packet], [clock.now()])
            clock.sleep(0.02)
            heard += listen()
        track.end()
        heard += listen()
    recorded = bytes(track.reader().take(len(samples)).samples)
    assert rate // 50 * sum(lost) == reader.concealed
    return np.frombuffer(heard, np.int16), np.frombuffer(recorded, np.int16)


@pytest.mark.parametrize(("share", "in_a_row"), LOSSES)
@pytest.mark.parametrize("rate", CODECS)
@pytest.mark.parametrize("voice", VOICES)
def test_it_is_nearer_to_what_was_said_than_silence(
    voice: str, rate: int, share: float, in_a_row: int, voices: dict[tuple[str, int], np.ndarray]
) -> None:
    """By PESQ, narrow-band for PCMU at 8 kHz and wide-band for L16 at 16 kHz; the bits between losses are untouched."""
    said, frame = voices[voice, rate], rate // 50
    clean, _ = received(said, rate, [False] * (len(said) // frame))
    scores = []
    for seed in SEEDS:
        lost = mask(len(said) // frame, share, in_a_row, seed)
        heard, recorded = received(said, rate, lost)
        scores.append([float(pesq(rate, clean, other, CODECS[rate][2])) for other in (heard, recorded)])
        after = np.array([False, *lost[:-1]])
        untouched = np.repeat(~(np.array(lost) | after), frame)
        assert np.array_equal(clean[untouched], heard[untouched])
    concealed, silent = np.mean(scores, axis=0)
    print(f"PESQ of {voice} at {rate} Hz, {share:.0%} lost, {in_a_row} in a row: {concealed:.2f}; silence {silent:.2f}")
    assert concealed >= silent + GAIN


@pytest.mark.parametrize("rate", CODECS)
@pytest.mark.parametrize("voice", VOICES)
def test_no_click_at_a_seam(
    voice: str, rate: int, tool: Callable[[str], str], voices: dict[tuple[str, int], np.ndarray]
) -> None:
    """No step into or out of a loss is steeper than the voice around it."""
    assert tool("espeak-ng")
    said = voices[voice, rate]
    frame = rate // 50
    lost = mask(len(said) // frame, 0.1, 1)
    heard, _ = received(said, rate, lost)
    clean, _ = received(said, rate, [False] * len(lost))
    steps, natural = np.abs(np.diff(heard.astype(int))), np.abs(np.diff(clean.astype(int)))
    for number in np.flatnonzero(lost):
        for at in (number * frame, (number + 1) * frame):
            assert steps[at - 1] <= natural[max(0, at - 2 * frame) : at + 2 * frame].max() + 200
