"""``calling.play``: media prepared off the relay's thread, then sounding on the call."""

from __future__ import annotations

import http.client
import logging
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

from swsync.errors import MediaError, SwsyncError

from . import schema
from .action import Action
from .audio import RATE, Segment, Sound
from .call import LocalCall
from .places import check_http
from .sound import RINGTONES, read_wav, ringtone, speak

if TYPE_CHECKING:
    from .core import Core
    from .loop import Timer

__all__ = ["MAX_FILE", "PlayAction", "SamePlace", "check_media", "check_volume", "fetch"]

logger = logging.getLogger("swsync.relay")

MAX_FILE = 32 * 1024 * 1024  # octets of one audio file
FETCH_SECONDS = 10.0
MAX_SECONDS = 3600.0  # of one silence or ringtone


def check_media(core: Core, items: list[dict[str, Any]], field: str = "play") -> None:
    """Refuse media that the service would refuse: a file path, an unknown type, an empty text."""
    if not items:
        raise schema.refuse(field, "must hold at least one item")
    for index, item in enumerate(items):
        path = f"{field}[{index}]"
        kind = schema.word(item, "type", ("audio", "tts", "silence", "ringtone"), path)
        params = schema.need(item, "params", "object", path)
        path += ".params"
        if kind == "audio":
            check_http(core, schema.need(params, "url", "string", path), f"{path}.url")
        elif kind == "tts":
            if not schema.need(params, "text", "string", path).strip():
                raise schema.refuse(f"{path}.text", "must not be empty")
            for name in ("language", "gender", "voice"):
                schema.need(params, name, "string", path, "")
        else:
            if kind == "ringtone":
                schema.word(params, "name", RINGTONES, path)
            default = ... if kind == "silence" else 1
            seconds = schema.need(params, "duration", "number", path, default)
            if not 0 < seconds <= MAX_SECONDS:
                raise schema.refuse(f"{path}.duration", f"must be above 0 and at most {MAX_SECONDS:.0f} seconds")


def check_volume(params: dict[str, Any]) -> None:
    """Refuse a volume that is out of range."""
    if not -40 <= (params.get("volume") or 0) <= 40:
        raise schema.refuse("volume", "must be from -40 to 40")


class SamePlace(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it could lead off this machine."""

    def redirect_request(self, *args: Any) -> None:
        return None


def fetch(url: str) -> bytes:
    """Return a file from an http or https URL; it blocks, so it has no place on the relay's thread.

    Raises:
        MediaError: It cannot be had, or is larger than MAX_FILE.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), SamePlace())
    try:
        with opener.open(url, timeout=FETCH_SECONDS) as reply:
            data: bytes = reply.read(MAX_FILE + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise MediaError(f"cannot fetch {url}: {error}") from error
    if len(data) > MAX_FILE:
        raise MediaError(f"{url} is larger than {MAX_FILE} octets")
    return data


def prepare(items: list[dict[str, Any]]) -> list[Segment]:
    """Return what the items sound like. It blocks: on a fetch, on espeak-ng."""
    segments: list[Segment] = []
    for item in items:
        params = item["params"]
        if item["type"] == "audio":
            segments.append(read_wav(fetch(params["url"])))
        elif item["type"] == "tts":
            segments.append(speak(params["text"], params.get("language") or "en-US", params.get("gender") or ""))
        elif item["type"] == "silence":
            segments.append(round(params["duration"] * RATE))
        else:
            segments.extend(ringtone(params["name"], params.get("duration")))
    return segments


class PlayAction(Action):
    """One ``calling.play``. States: playing, paused, finished, error."""

    kind = "play"
    event_type = "calling.call.play"

    def __init__(self, core: Core, call: LocalCall, params: dict[str, Any], *, sides: tuple[str, ...]) -> None:
        super().__init__(call, params["control_id"], params)
        self._core = core
        self._sides = sides
        self._volume = float(params.get("volume") or 0.0)
        self._loops = params.get("loop", 1)
        self._sounds: list[Sound] = []
        self._segments: list[Segment] | None = None
        self._timer: Timer | None = None
        core.start_worker(self._prepare, "swsync-relay-play", (params["play"],))

    def _prepare(self, items: list[dict[str, Any]]) -> None:
        """On a thread of its own, which ends with its work."""
        segments: list[Segment] | None = None
        try:
            segments = prepare(items)
        except SwsyncError as error:
            self._core.note(f"play {self.control_id} failed: {error}")
        except Exception:  # the play must end whatever a file holds
            logger.exception("play %s failed", self.control_id)
        self._core.loop.post(self._prepared, segments)

    def _prepared(self, segments: list[Segment] | None) -> None:
        if self.is_finished:
            return
        if segments is None:
            self.finish("error")
            return
        self._segments = segments
        self.begin()

    def begin(self) -> None:
        if self._segments is None or self._sounds or self.call.answered_at is None:
            return
        for side in self._sides:
            sound = Sound(self._segments, loops=self._loops, volume=self._volume)
            self.call.sound(sound, side)
            self._sounds.append(sound)
        self.tell("playing")
        self._await_the_end()

    def _await_the_end(self) -> None:
        remaining = self._sounds[0].remaining
        if remaining is not None:
            until = self.call.time_of(self.call.position() + remaining)
            self._timer = self._core.loop.call_at(until, self.finish)

    def _hold(self) -> None:
        """Bring the sounds to this instant, before they change."""
        self.call.settle()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def pause(self) -> None:
        if not self._sounds or self._sounds[0].is_paused:
            return
        self._hold()
        for sound in self._sounds:
            sound.is_paused = True
        self.tell("paused")

    def resume(self) -> None:
        if not self._sounds or not self._sounds[0].is_paused:
            return
        self._hold()
        for sound in self._sounds:
            sound.is_paused = False
        self.tell("playing")
        self._await_the_end()

    def set_volume(self, decibels: float) -> None:
        self._volume = decibels
        self.call.settle()
        for sound in self._sounds:
            sound.volume = decibels

    def release(self) -> None:
        self._hold()
        for sound in self._sounds:
            sound.stop()
