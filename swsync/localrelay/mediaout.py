"""The audio of a call on its way out: taps over RTP and WebSocket, streams over WebSocket.

Frames leave on the call's media clock: frame n of 20 ms is due at the answer + n * 20 ms, so no sender drifts and all
copies of one call run in step, whenever each of them began.
"""

from __future__ import annotations

import base64
import json
import socket
import struct
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from swsync.media.datagrams import packed_address
from swsync.memorynet import DatagramPlace, SocketPlace

from .action import Action
from .audio import RATE, both, payload
from .call import LocalCall
from .credit import Credit, credit_to

if TYPE_CHECKING:
    from .core import Core
    from .loop import Timer

__all__ = ["MediaAction", "MediaLink", "StreamAction", "TapAction"]

PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8, "L16": 96}  # RFC 3551; L16 at 8 kHz has no static type
CONTENT_TYPES = {"PCMU": "audio/mulaw", "PCMA": "audio/alaw", "L16": "audio/l16"}
ENCODINGS = {"PCMU": "audio/x-mulaw", "PCMA": "audio/x-alaw", "L16": "audio/x-L16"}
DIGIT_MS = 100
EARLY = 1e-6  # seconds that floating point may lose between a time and its sample


def _address_towards(address: str) -> str:
    """Return the address of this machine from which packets to another leave."""
    if address.startswith("127."):
        return "127.0.0.1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))  # sends nothing
        except OSError:
            return "0.0.0.0"
        return str(probe.getsockname()[0])


class MediaLink(Protocol):
    """An open media WebSocket."""

    def send(self, message: str | bytes) -> None: ...
    def close(self) -> None: ...


class MediaAction(Action):
    """What sends a call's audio frame by frame, from when it can to when it is stopped."""

    started_state = ""
    messages_a_frame = 1

    def __init__(
        self, core: Core, call: LocalCall, params: dict[str, Any], *, codec: str, rate: int, ptime: int
    ) -> None:
        super().__init__(call, params["control_id"], params)
        self.core = core
        self.codec = codec
        self.rate = rate
        self.ptime = ptime
        self._samples = ptime * RATE // 1000  # of the call in one frame
        self._position = 0  # the first sample that was not sent
        self._timer: Timer | None = None
        self._is_open = False
        self._has_begun = False
        self._credit: Credit | None = None
        self._is_told = False

    def opened(self) -> None:
        """The far side can be reached."""
        self._is_open = True
        self.begin()

    def begin(self) -> None:
        if not self._is_open or self._has_begun or self.call.answered_at is None or self.is_finished:
            return
        now = self.call.position()
        self._position = -(-now // self._samples) * self._samples
        self.media_begins()
        self._has_begun = True
        self._next()

    def _next(self) -> None:
        due = self.call.time_of(self._position + self._samples)
        self._timer = self.core.pacer.call_at(max(due, self.core.loop.now()), self._tick)  # later, without credit

    def _tick(self) -> None:
        if not self.is_finished:
            self._send_due()
        if not self.is_finished:
            self._next()

    def _send_due(self) -> None:
        """Send the frames whose time has come, by the call's own clock: none is of after its end."""
        now = self.call.now() + EARLY
        while self.call.time_of(self._position + self._samples) <= now and self._may_send(now):
            begin, end = self._position, self._position + self._samples
            self._position = end
            self.send_frame(begin, end)
            if not self._is_told and not self.is_finished:
                self._is_told = True
                self.tell(self.started_state, **self.last_fields())

    def _may_send(self, now: float) -> bool:
        """Whether the receiver has room; at the end of the media it must have."""
        return self._credit is None or self.is_finished or self._credit.take(self.messages_a_frame, now)

    def ask_for_credit(self, address: Hashable) -> None:
        """Find out whether the receiver at an address can be asked for its progress."""
        self._credit = credit_to(self.core.clock, address)
        if self._credit is None and self.core.speed > 1.0:
            self.core.warn_of_best_effort()

    def media_begins(self) -> None:
        """Say on the media link what comes."""

    def send_frame(self, begin: int, end: int) -> None:
        """Send the samples from begin to end of the call."""
        raise NotImplementedError

    def frame(self, direction: str, begin: int, end: int) -> bytes:
        """Return a mu-law frame of what the party says (``speak``), hears (``listen``), or both mixed."""
        if direction == "speak":
            return self.call.frame("said", begin, end)
        if direction == "listen":
            return self.call.frame("heard", begin, end)
        return both(self.call.frame("said", begin, end), self.call.frame("heard", begin, end))

    def release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._has_begun:
            self._send_due()


class _OverWebSocket(MediaAction):
    """What sends over a WebSocket that the relay opens."""

    uri = ""
    _link: MediaLink | None = None

    def connect(self, uri: str, headers: dict[str, str]) -> None:
        self.uri = uri
        place: SocketPlace | None = None if self.core.memory_net is None else self.core.memory_net.find(uri)
        if place is not None:
            soon = self.core.loop.post
            place.connect(headers, lambda link: soon(self._link_opened, link), lambda why: soon(self._link_failed, why),
                          lambda: soon(self._link_lost), lambda text: soon(self.received, text))  # fmt: skip
            return
        self.ask_for_credit(uri)
        assert self.core.net is not None
        self.core.net.open_media(
            uri, headers, self._link_opened, self._link_failed, self._link_lost, received=self.received
        )

    def received(self, message: str | bytes) -> None:
        """The far side has sent something: nothing defines what that would be, but for a two-way stream."""

    def _link_opened(self, link: MediaLink) -> None:
        if self.is_finished:
            link.close()
            return
        self._link = link
        self.opened()

    def _link_failed(self, why: str) -> None:
        self.core.note(f"{self.kind} {self.control_id}: the far side could not be reached: {why}")
        self.finish()

    def _link_lost(self) -> None:
        self._link = None
        self.finish()

    def send(self, message: str | bytes) -> None:
        if self._link is not None:
            self._link.send(message)

    def release(self) -> None:
        super().release()
        if self._link is not None:
            link, self._link = self._link, None
            self.say_goodbye(link)
            link.close()

    def say_goodbye(self, link: MediaLink) -> None:
        """Send what ends the media."""


class TapAction(_OverWebSocket):
    """One ``calling.tap``. States: tapping when the first frame has left, finished."""

    kind = "tap"
    event_type = "calling.call.tap"
    started_state = "tapping"

    def __init__(
        self, core: Core, call: LocalCall, params: dict[str, Any], *, direction: str, codec: str, rate: int, ptime: int
    ) -> None:
        super().__init__(core, call, params, codec=codec, rate=rate, ptime=ptime)
        self.direction = direction
        self.header = core.tap_header
        self.byteorder = "big" if params["device"]["type"] == "rtp" else core.l16_byteorder
        self.tap = params["tap"]
        self.device = self._described(params["device"])
        self._place: DatagramPlace | None = None  # in virtual time, in place of a socket
        self._to = b""
        self._way_out: tuple[str, int] | None = None
        self._source = ("", 0)
        self._sequence_number = core.random.getrandbits(16)
        self._ssrc = core.random.getrandbits(32)
        self._is_first = True
        self._way = core.faults.way() if params["device"]["type"] == "rtp" else None
        self._began = 0  # the first sample that was sent

    def _described(self, device: dict[str, Any]) -> dict[str, Any]:
        params = {**device["params"], "codec": self.codec}
        if device["type"] == "rtp":
            return {"type": "rtp", "params": {**params, "port": int(params["port"]), "ptime": self.ptime}}
        return {"type": "ws", "params": {**params, "rate": self.rate}}

    def open(self) -> dict[str, Any]:
        """Begin to reach the far side; return the ``source_device``, which is this end of the path."""
        params = self.device["params"]
        if self.device["type"] == "ws":
            self.core.loop.call_soon(self.connect, params["uri"], {})
            return {"type": "ws", "params": {"codec": self.codec, "rate": self.rate}}
        self._destination = (params["addr"], params["port"])
        self._to = packed_address(*self._destination)
        self.ask_for_credit(self._destination)
        self._source = self._find_place() or self._find_way()
        self.core.loop.call_soon(self.opened)
        address, port = self._source
        source = {"addr": address, "port": port, "codec": self.codec, "ptime": self.ptime, "rate": self.rate}
        return {"type": "rtp", "params": source}

    def _find_place(self) -> tuple[str, int] | None:
        """Take the way without sockets if there is one; return the address that it begins at."""
        net = self.core.memory_net
        self._place = None if net is None else net.find(self._destination)
        return None if net is None or self._place is None else ("127.0.0.1", net.free_port())

    def _find_way(self) -> tuple[str, int]:
        outlet = self.core.pacer.outlet
        self._way_out = outlet.open(_address_towards(self._destination[0]), self._destination)
        return outlet.source(self._way_out)

    def release(self) -> None:
        super().release()
        if self._way_out is not None:
            self.core.pacer.outlet.leave(self._way_out, self._destination)

    def media_begins(self) -> None:
        self._began = self._position
        if self.device["type"] == "ws" and self.header != "none":
            text = f"{CONTENT_TYPES[self.codec]};rate={self.rate}"
            self.send(f"content-type:{text}" if self.header == "bare" else json.dumps({"content-type": text}))

    def send_frame(self, begin: int, end: int) -> None:
        data = payload(self.frame(self.direction, begin, end), self.codec, self.rate, self.byteorder)
        if self.device["type"] == "ws":
            self.send(data)
            return
        timestamp = (self.call.rtp_timestamp + begin * self.rate // RATE) & 0xFFFFFFFF
        marker = 0x80 if self._is_first else 0
        header = struct.pack(
            "!BBHII", 0x80, marker | PAYLOAD_TYPES[self.codec], self._sequence_number, timestamp, self._ssrc
        )
        self._is_first = False
        self._sequence_number = (self._sequence_number + 1) & 0xFFFF
        if self._way is None:
            self._send_packet(header + data)
            return
        elapsed = (begin - self._began) / RATE
        for delay in self._way.delays(elapsed, self.ptime / 1000):
            if delay:
                self.core.loop.call_later(delay, self._send_packet, header + data)
            else:
                self._send_packet(header + data)

    def _send_packet(self, datagram: bytes) -> None:
        if self._place is not None:
            self._place.feed([datagram], [self.core.loop.now()], self._source)
        elif self._way_out is not None:
            self.core.pacer.send(datagram, self._to, self._way_out)

    def last_fields(self) -> dict[str, Any]:
        return {"tap": self.tap, "device": self.device}


class StreamAction(_OverWebSocket):
    """One ``calling.stream``. States: streaming when the first frame has left, finished."""

    kind = "stream"
    event_type = "calling.call.stream"
    started_state = "streaming"
    SIDES: ClassVar = {"inbound": "speak", "outbound": "listen"}

    def __init__(
        self,
        core: Core,
        call: LocalCall,
        params: dict[str, Any],
        *,
        tracks: list[str],
        codec: str,
        rate: int,
        ptime: int,
    ) -> None:
        super().__init__(core, call, params, codec=codec, rate=rate, ptime=ptime)
        self.tracks = tracks
        self.messages_a_frame = len(tracks)
        self.params = params
        self.stream_id = core.new_id()
        self._sequence_number = 0
        self._chunk = 0
        self._first = 0

    def open(self) -> None:
        """Begin to reach the far side."""
        token = self.params.get("authorization_bearer_token")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.core.loop.call_soon(self.connect, self.params["url"], headers)

    def _message(self, event: str, **fields: Any) -> str:
        self._sequence_number += 1
        message = {"event": event, "sequenceNumber": str(self._sequence_number), **fields}
        return json.dumps(message, separators=(",", ":"))

    def media_begins(self) -> None:
        self._first = self._position
        self.send(json.dumps({"event": "connected", "protocol": "Call", "version": "0.2.0"}, separators=(",", ":")))
        start: dict[str, Any] = {
            "streamSid": self.stream_id,
            "accountSid": self.call.session.project if self.call.session else self.call.project,
            "callSid": self.call.call_id,
            "tracks": self.tracks,
            "mediaFormat": {"encoding": ENCODINGS[self.codec], "sampleRate": self.rate, "channels": 1},
        }
        if self.params.get("custom_parameters"):
            start["customParameters"] = self.params["custom_parameters"]
        self.send(self._message("start", start=start))

    def send_frame(self, begin: int, end: int) -> None:
        self._chunk += 1
        for track in self.tracks:
            mulaw = self.frame(self.SIDES[track], begin, end)
            media = {
                "track": track,
                "chunk": str(self._chunk),
                "timestamp": str((begin - self._first) * 1000 // RATE),
                "payload": base64.b64encode(payload(mulaw, self.codec, self.rate, self.core.l16_byteorder)).decode(),
            }
            self.send(self._message("media", media=media))

    def press(self, digits: str) -> None:
        """The party pressed keys."""
        if self._has_begun and "inbound" in self.tracks:
            for digit in digits:
                self.send(self._message("dtmf", dtmf={"digit": digit, "duration": DIGIT_MS}))

    def say_goodbye(self, link: MediaLink) -> None:
        if self._sequence_number:
            link.send(self._message("stop"))

    def last_fields(self) -> dict[str, Any]:
        name = self.params.get("name")
        return {"url": self.params["url"], **({"name": name} if name else {})}
