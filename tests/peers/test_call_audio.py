"""The demo's recording, measured by others: sox reads its levels, an FFT its tones."""

from __future__ import annotations

import math
import subprocess
import wave
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import swsync

pytestmark = pytest.mark.peers

TO, FROM, RATE = "+12025550100", "+12025550199", 8000


def _tone(path: Path, frequency: float, seconds: float) -> Path:
    """A WAV of one tone, at half of full scale."""
    samples = array(
        "h", (int(16000 * math.sin(2 * math.pi * frequency * i / RATE)) for i in range(int(seconds * RATE)))
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


def _strongest(samples: np.ndarray) -> float:
    """The frequency with the most energy, in hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


@pytest.mark.parametrize("via", ["rtp", "ws", "stream"])
def test_each_side_has_its_own_tone_and_no_other(via: str, tool: Callable[[str], str], tmp_path: Path) -> None:
    """She says 440 Hz and hears 1,000 Hz: left and right hold just that, at the right level."""
    said, heard, path = _tone(tmp_path / "said.wav", 440, 3), _tone(tmp_path / "heard.wav", 1000, 2), tmp_path / "c.wav"
    with swsync.LocalRelay() as relay, swsync.RelayClient(**relay.settings) as client:
        relay.callee(TO, speech=str(said), speaks_after=1.5)
        call = client.dial_phone(to=TO, from_number=FROM, timeout=30)
        with call.capture(path, via=via) as capture:
            call.play_audio(relay.serve(heard)).wait(timeout=20)
            capture.wait_duration(4.0, timeout=20)
        call.hangup()
    with wave.open(str(path), "rb") as file:
        both = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2).astype(float)
    for channel, frequency in ((0, 440), (1, 1000)):
        loud = np.flatnonzero(np.abs(both[:, channel]) > 1000)
        tone = both[loud[0] : loud[-1], channel]
        assert len(tone) > RATE
        assert abs(_strongest(tone[: RATE // 2]) - frequency) <= 2
        # Mu-law is good for about 38 dB: nothing else may be as strong as a hundredth of the tone.
        spectrum = np.abs(np.fft.rfft(tone[: RATE // 2] * np.hanning(RATE // 2)))
        spectrum[frequency // 2 - 5 : frequency // 2 + 6] = 0
        assert spectrum.max() < RATE // 2 * 16000 / 4 / 50
        silent = both[: max(0, loud[0] - 8), channel]
        assert not np.abs(silent).max(initial=0) > 1000
    for channel in ("1", "2"):
        done = subprocess.run(
            [tool("sox"), str(path), "-n", "remix", channel, "stat"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        values = dict(line.split(":") for line in done.stderr.splitlines() if line.count(":") == 1)
        assert abs(float(values["Maximum amplitude"]) - 16000 / 32768) < 0.02
        assert abs(float(values["Mean    amplitude"])) < 0.01
