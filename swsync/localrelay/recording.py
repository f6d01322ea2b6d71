"""``calling.record``: a real WAV of what was said or heard, behind a URL on this machine."""

from __future__ import annotations

import os
import pathlib
import struct
import sys
from array import array
from typing import TYPE_CHECKING, Any

from swsync.media.codec import decode

from . import schema
from .action import Action
from .audio import LOUDNESS, RATE, SILENT, Sound, both
from .call import LocalCall
from .requests import Params, Requests, Result, Verb
from .sound import tone

if TYPE_CHECKING:
    from .core import Core
    from .loop import Timer
    from .session import Session

__all__ = ["RecordAction", "RecordVerbs", "wav_bytes"]

BEEP_SECONDS = 0.4
LOOK = 0.1  # seconds between two looks for a voice
LONGEST = 4 * 3600  # seconds of one recording
SIDES = {"speak": ("said",), "listen": ("heard",), "both": ("said", "heard")}


def check_record(record: Params) -> Params:
    """Return the audio part with the service's defaults, or refuse it."""
    audio = schema.need(record, "audio", "object", "record")
    path = "record.audio"
    checked: Params = {
        "beep": schema.need(audio, "beep", "boolean", path, False),
        "format": schema.word(audio, "format", ("mp3", "wav"), path, "mp3"),
        "stereo": schema.need(audio, "stereo", "boolean", path, False),
        "direction": schema.word(audio, "direction", tuple(SIDES), path, "speak"),
        "terminators": schema.need(audio, "terminators", "string", path, "#*"),
    }
    for name, default, highest in (
        ("initial_timeout", 5.0, schema.LARGEST),
        ("end_silence_timeout", 1.0, schema.LARGEST),
        ("input_sensitivity", 44.0, 100.0),
    ):
        checked[name] = schema.need(audio, name, "number", path, default)
        if not 0 <= checked[name] <= highest:
            raise schema.refuse(f"{path}.{name}", f"must be from 0 to {highest:g}")
    return checked


def wav_bytes(channels: list[bytes]) -> bytes:
    """Return a WAV, 16 bits at 8 kHz, of one or two channels of mu-law."""
    tracks = [array("h", decode(track, "PCMU")) for track in channels]
    samples = tracks[0]
    if len(tracks) > 1:
        samples = array("h", bytes(2 * len(tracks) * len(tracks[0])))
        for index, track in enumerate(tracks):
            samples[index :: len(tracks)] = track
    if sys.byteorder == "big":
        samples.byteswap()
    data = samples.tobytes()
    block = 2 * len(tracks)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, len(tracks), RATE, RATE * block, block, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + len(data), b"WAVE") + form + struct.pack("<4sI", b"data", len(data)) + data
    )


class RecordAction(Action):
    """One recording. States: recording, paused, finished, no_input. Silence as long as asked for ends it."""

    kind = "record"
    event_type = "calling.call.record"

    def __init__(self, core: Core, call: LocalCall, params: Params, audio: Params) -> None:
        super().__init__(call, params["control_id"], params)
        self._core = core
        # What is made is a WAV whatever was asked for, and every event says so.
        self._audio = {**audio, "format": "wav"}
        self.recording_id = core.new_id()
        self._path = pathlib.Path(core.directory()) / f"{self.recording_id}.wav"
        self.url = core.serve(self._path)
        self._parts: list[tuple[int, int, bool]] = []  # first and last sample of the call, and whether it is silenced
        self._since: int | None = None  # the first sample of the part that is being recorded
        self._silences = False  # that part is a pause that leaves silence
        self._is_paused = False
        self._start = 0.0
        self._quiet_since = 0.0
        self._has_voice = False
        self._size = 0
        self._timer: Timer | None = None

    def begin(self) -> None:
        if self._timer is not None or self.call.answered_at is None or self.is_finished:
            return
        if not self._audio["beep"]:
            self._record()
            return
        self.call.sound(Sound([tone(1000.0, 1000.0, BEEP_SECONDS)]), "heard")
        self._timer = self._core.loop.call_later(BEEP_SECONDS, self._record)

    def _record(self) -> None:
        self._since = self.call.position()
        self._start = self._core.timestamp()
        self._quiet_since = self._core.loop.now()
        self.tell("recording", url=self.url, recording_id=self.recording_id, start_time=self._start, **self._about())
        self._look_later()

    def _look_later(self) -> None:
        self._timer = self._core.loop.call_later(LOOK, self._look)

    def _look(self) -> None:
        """End the recording if nobody has spoken for long enough."""
        now = self._core.loop.now()
        if self._is_paused:
            self._quiet_since = now
        elif self._is_loud():
            self._has_voice, self._quiet_since = True, now
        limit = self._audio["end_silence_timeout" if self._has_voice else "initial_timeout"]
        if limit and now - self._quiet_since >= limit - 1e-6:
            self.finish("finished" if self._has_voice else "no_input")
        elif self._length() >= LONGEST * RATE:
            self.finish()
        else:
            self._look_later()

    def _is_loud(self) -> bool:
        end = self.call.position()
        begin = max(0, end - round(LOOK * RATE))
        frames = [self.call.frame(side, begin, end) for side in SIDES[self._audio["direction"]]]
        threshold = 100 - self._audio["input_sensitivity"]
        return any(frame and max(frame.translate(LOUDNESS)) > threshold for frame in frames)

    def _length(self) -> int:
        open_part = self.call.position() - self._since if self._since is not None else 0
        return sum(end - begin for begin, end, _ in self._parts) + open_part

    # Pauses

    def _close_part(self) -> None:
        if self._since is not None:
            self._parts.append((self._since, self.call.position(), self._silences))
            self._since = None

    def pause(self, behavior: str) -> None:
        """Leave out what follows (``skip``), or leave silence for it (``silence``)."""
        if self._since is None or self._is_paused:
            return
        self._close_part()
        self._is_paused = True
        if behavior == "silence":
            self._since, self._silences = self.call.position(), True
        self.tell("paused", **self._about())

    def resume(self) -> None:
        if not self._is_paused:
            return
        self._close_part()
        self._is_paused = self._silences = False
        self._since = self.call.position()
        self.tell("recording", **self._about())

    def press(self, digits: str) -> None:
        if any(digit in self._audio["terminators"] for digit in digits) and self._timer is not None:
            self.finish()

    # The end

    def release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._close_part()
        data = wav_bytes(self._channels())
        self._size = len(data)
        try:
            self._path.write_bytes(data)
        except OSError as error:
            self._core.note(f"record {self.control_id}: {os.fspath(self._path)} was not written: {error}")

    def _channels(self) -> list[bytes]:
        if self._audio["stereo"]:
            return [self._side(("said",)), self._side(("heard",))]
        return [self._side(SIDES[self._audio["direction"]])]

    def _side(self, sides: tuple[str, ...]) -> bytes:
        whole = bytearray()
        for begin, end, is_silent in self._parts:
            if is_silent:
                whole += SILENT * (end - begin)
                continue
            frames = [self.call.frame(side, begin, end) for side in sides]
            whole += frames[0] if len(frames) == 1 else both(frames[0], frames[1])
        return bytes(whole)

    def _about(self) -> dict[str, Any]:
        return {"record": {"audio": self._audio}}

    def last_fields(self) -> dict[str, Any]:
        duration = sum(end - begin for begin, end, _ in self._parts) / RATE
        return {
            "url": self.url,
            "recording_id": self.recording_id,
            "duration": round(duration, 3),
            "size": self._size,
            "start_time": self._start,
            "end_time": self._core.timestamp(),
            **self._about(),
        }


class RecordVerbs(Requests):
    """Recording and its pauses."""

    def table(self) -> dict[str, Verb]:
        return {
            "calling.record": self.record,
            "calling.record.pause": self.pause,
            "calling.record.resume": self.resume,
            "calling.record.stop": self.stop("record"),
        }

    def record(self, session: Session, params: Params) -> Result:
        audio = check_record(params["record"])
        call = self.new_action(session, params, "record")
        if audio["format"] == "mp3":
            self.core.note(f"record {params['control_id']}: a WAV is made: the local relay has no mp3")
        action = RecordAction(self.core, call, params, audio)
        self.after(action.begin)
        return self.accepted(params, "Recording", url=action.url)

    def pause(self, session: Session, params: Params) -> Result:
        behavior = schema.word(params, "behavior", ("skip", "silence"), default="skip")
        self.after(self.action(session, params, "record", RecordAction).pause, behavior)
        return self.accepted(params, "Pausing recording")

    def resume(self, session: Session, params: Params) -> Result:
        self.after(self.action(session, params, "record", RecordAction).resume)
        return self.accepted(params, "Resuming recording")
