"""The ``stream`` device of ``calling.connect``: a call whose other party is a program at a WebSocket."""

from __future__ import annotations

import base64
import binascii
import collections
import json
import re
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from swsync.media.codec import decode

from . import schema
from .audio import RATE
from .mediaout import StreamAction
from .places import check_web_socket
from .sound import resampled

if TYPE_CHECKING:
    from .call import LocalCall
    from .core import Core

__all__ = ["Inflow", "TwoWayStream", "check_stream_device"]

CODEC_STRING = re.compile(r"(PCMU|PCMA|L16)(?:@(8000|16000|24000)h)?(?:@([1-9][0-9]{1,2})i)?", re.ASCII)
MOST_QUEUED = 600 * RATE  # samples that a program may have waiting to be heard
CUSHION, REALTIME_CUSHION = RATE * 60 // 1000, RATE * 20 // 1000  # samples
DIGITS = frozenset("0123456789*#ABCD")


def check_stream_device(core: Core, params: dict[str, Any], path: str) -> None:
    """Refuse a stream that the service would refuse."""
    check_web_socket(core, schema.need(params, "url", "string", path), f"{path}.url", plain=False, query=False)
    codec = schema.need(params, "codec", "string", path, "PCMU")
    if CODEC_STRING.fullmatch(codec) is None:
        raise schema.refuse(f"{path}.codec", f"must be PCMU, PCMA or L16 with @rate and h, @ptime and i, not {codec!r}")
    token = schema.need(params, "authorization_bearer_token", "string", path, "")
    if any(ord(c) < 33 or ord(c) > 126 for c in token):
        raise schema.refuse(f"{path}.authorization_bearer_token", "must hold visible ASCII characters only")
    schema.need(params, "custom_parameters", "object", path, {})


class Inflow:
    """What a program sends, as the party hears it: queued, in order, with marks between. The relay's thread only.

    Args:
        reached: Called with the name of each mark that playout has come to.
        cushion: Samples of silence before what comes after a pause, so that what follows it may be late.
    """

    start = 0
    is_paused = False

    def __init__(self, reached: Callable[[str], object], cushion: int) -> None:
        self._cushion = cushion
        self.is_over = False
        self._reached = reached
        self._queue: collections.deque[bytes | str] = collections.deque()  # int16 samples, or the name of a mark
        self._samples = 0

    def add(self, pcm: bytes) -> bool:
        """Queue samples; False if too many wait already."""
        if self._samples + len(pcm) // 2 > MOST_QUEUED:
            return False
        if pcm:
            if not self._queue:
                pcm = bytes(2 * self._cushion) + pcm
            self._queue.append(pcm)
            self._samples += len(pcm) // 2
        return True

    def mark(self, name: str) -> None:
        self._queue.append(name)
        self._pass_marks()

    def clear(self) -> None:
        """Drop the samples; the marks are reached."""
        marks = [item for item in self._queue if isinstance(item, str)]
        self._queue.clear()
        self._samples = 0
        for name in marks:
            self._reached(name)

    def in_one_piece(self) -> int:
        head = self._queue[0] if self._queue else None
        return len(head) // 2 if isinstance(head, bytes) else RATE

    def take(self, count: int, at: int = 0) -> bytes | None:
        head = self._queue[0] if self._queue else None
        if not isinstance(head, bytes):
            return None
        self._queue[0] = head[2 * count :]
        self._samples -= count
        if not self._queue[0]:
            self._queue.popleft()
            self._pass_marks()
        return head[: 2 * count]

    def _pass_marks(self) -> None:
        while self._queue and isinstance(self._queue[0], str):
            self._reached(str(self._queue.popleft()))


class TwoWayStream(StreamAction):
    """One stream device from when it is reached to its end: what the party says goes out, what comes back it hears."""

    kind = "twoway"

    def __init__(
        self,
        core: Core,
        call: LocalCall,
        params: dict[str, Any],
        *,
        begun: Callable[[], object],
        over: Callable[[], object],
    ) -> None:
        codec = CODEC_STRING.fullmatch(params.get("codec") or "PCMU")
        assert codec is not None
        rate = int(codec[2] or 8000)
        super().__init__(core, call, {**params, "control_id": ""}, tracks=["inbound"], codec=codec[1], rate=rate,
                         ptime=int(codec[3] or 20))  # fmt: skip
        self._begun = begun
        self._over = over
        self._inflow = Inflow(self._echo, REALTIME_CUSHION if params.get("realtime") else CUSHION)

    def tell(self, state: str, **fields: Any) -> None:
        """The connect tells of itself, not this."""
        (self._begun if state == self.started_state else self._over)()

    def media_begins(self) -> None:
        super().media_begins()
        self.call.settle()
        self.call.hears(self._inflow)

    def send_frame(self, begin: int, end: int) -> None:
        super().send_frame(begin, end)
        self.call.frame("heard", begin, end)  # playout goes on, whoever listens

    def received(self, message: str | bytes) -> None:
        try:
            said = json.loads(message)
            event = said["event"]
            if said.get("streamSid") != self.stream_id or self.is_finished:
                raise ValueError("another stream's")
            self.call.settle()
            if event == "media":
                self._hear(base64.b64decode(said["media"]["payload"], validate=True))
            elif event == "mark":
                self._inflow.mark(str(said["mark"]["name"]))
            elif event == "clear":
                self._inflow.clear()
            elif event == "dtmf" and said["dtmf"]["digit"] in DIGITS:
                self.call.digits_heard += said["dtmf"]["digit"]
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            self.core.note(f"stream {self.stream_id}: a message was not used: {error!r}")

    def _hear(self, payload: bytes) -> None:
        samples = array("h", decode(payload, self.codec, byteorder=self.core.l16_byteorder))
        if not self._inflow.add(resampled(samples, self.rate).tobytes()):
            self.core.note(f"stream {self.stream_id}: more than {MOST_QUEUED // RATE} s wait to be heard; dropped")

    def _echo(self, name: str) -> None:
        # Later: playout may be looked at while a side is being rendered.
        text = json.dumps({"event": "mark", "streamSid": self.stream_id, "mark": {"name": name}})
        self.core.loop.call_soon(self.send, text)

    def press(self, digits: str) -> None:
        for digit in digits:
            dtmf = {"digit": digit, "duration": 100}
            self.send(self._message("dtmf", streamSid=self.stream_id, dtmf=dtmf))

    def release(self) -> None:
        super().release()
        if self.call.answered_at is not None:
            self.call.settle()
        self._inflow.is_over = True
