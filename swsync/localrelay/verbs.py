"""What each method does: its params checked, its reply, and what it sets going."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import schema
from .agents import AgentVerbs
from .conferences import ConferenceVerbs
from .connecting import ConnectVerbs
from .credentials import CredentialVerbs
from .dialing import NUMBERS, Begin, Dial, check_device, check_devices
from .digits import SendDigitsAction, check_digits
from .effects import EffectVerbs
from .faxing import FaxVerbs
from .handing import HandVerbs
from .mediaout import StreamAction, TapAction
from .messages import MessageVerbs
from .paying import PayVerbs
from .places import check_rtp_address, check_web_socket
from .playback import PlayAction, check_media, check_volume
from .queues import QueueVerbs
from .recording import RecordVerbs
from .requests import Params, Requests, Result, Verb
from .session import Failed
from .verbs_input import InputVerbs

if TYPE_CHECKING:
    from .core import Core
    from .session import Session

__all__ = ["verbs_of"]

END_REASONS = ("hangup", "cancel", "busy", "noAnswer", "decline", "error")
DIRECTIONS = ("listen", "speak", "both")
TRACKS = {
    "inbound": ["inbound"],
    "inbound_track": ["inbound"],
    "outbound": ["outbound"],
    "outbound_track": ["outbound"],
    "both": ["inbound", "outbound"],
    "both_tracks": ["inbound", "outbound"],
}
CODECS = ("PCMU", "PCMA", "L16")
L16_RATES = (8000, 16000, 24000)
CODEC_STRING = re.compile(r"([A-Za-z0-9]+)(?:@(\d{4,5})h)?(?:@(\d{1,3})i)?\Z", re.ASCII)


def _codec(name: str, field: str) -> str:
    upper = name.upper()
    if name not in (upper, name.lower()) or upper not in (*CODECS, "OPUS"):
        raise schema.refuse(field, f"must be one of PCMU, PCMA, OPUS, not {name!r}")
    if upper not in CODECS:
        raise schema.refuse(field, f"{upper} is not simulated by the local relay; {', '.join(CODECS)} are")
    return upper


def _rate(codec: str, rate: int, field: str) -> int:
    if rate not in (L16_RATES if codec == "L16" else (8000,)):
        raise schema.refuse(field, f"{codec} is not simulated at {rate} Hz")
    return rate


def _ptime(ptime: int, field: str) -> int:
    if ptime % 10 or not 10 <= ptime <= 120:
        raise schema.refuse(field, "must be a multiple of 10 from 10 to 120")
    return ptime


class _Verbs(Requests):
    """The session, the life of a call, play, and the copies of its audio."""

    def table(self) -> dict[str, Verb]:
        return {
            "signalwire.receive": self.receive,
            "signalwire.unreceive": self.unreceive,
            "calling.receive": self.receive_legacy,
            "calling.dial": self.dial,
            "calling.begin": self.begin,
            "calling.answer": self.answer,
            "calling.end": self.end,
            "calling.pass": self.pass_,
            "calling.play": self.play,
            "calling.play.pause": self.play_pause,
            "calling.play.resume": self.play_resume,
            "calling.play.volume": self.play_volume,
            "calling.play.stop": self.stop("play"),
            "calling.send_digits": self.send_digits,
            "calling.tap": self.tap,
            "calling.tap.stop": self.stop("tap"),
            "calling.stream": self.stream,
            "calling.stream.stop": self.stop("stream"),
        }

    # The session

    def receive(self, session: Session, params: Params) -> Result:
        self.core.subscribe(session, params["contexts"])
        return {"code": "200", "message": "Receiving events"}

    def receive_legacy(self, session: Session, params: Params) -> Result:
        contexts = params.get("contexts") or [schema.need(params, "context", "string")]
        self.core.subscribe(session, contexts)
        return {"code": "200", "message": "Receiving events"}

    def unreceive(self, session: Session, params: Params) -> Result:
        for context in params["contexts"]:
            session.contexts.pop(context, None)
        return {"code": "200", "message": "Unreceiving events"}

    # The life of a call

    def dial(self, session: Session, params: Params) -> Result:
        check_devices(params["devices"])
        tag = params.get("tag") or self.core.new_id()
        if (session.project, tag) in self.core.dials:
            raise Failed("409", f"Conflict: a dial with the tag {tag} is under way")
        dial = Dial(self.core, session, params, tag)
        self.core.dials[session.project, tag] = dial
        self.after(dial.next_step)
        return {"code": "200", "message": "Dialing"}

    def begin(self, session: Session, params: Params) -> Result:
        check_device(params["device"], "device", NUMBERS)
        hunt = Begin(self.core, session, params)
        leg = hunt.leg()
        self.after(hunt.ring)
        return self.accepted(params, "Call started", call_id=leg.call_id, node_id=leg.node_id)

    def answer(self, session: Session, params: Params) -> Result:
        call = self.core.call_of(session, params)
        if self.core.offers.pop(call.call_id, None) is None:
            raise Failed("409", "Conflict: the call is answered already")
        if call.answered_at is not None:  # it was transferred here
            self.after(call.set_state, "answered")
            return self.accepted(params, "Answered")
        call.max_duration = 60.0 * (params.get("max_duration") or 0)
        self.after(call.answer)
        return self.accepted(params, "Answered")

    def end(self, session: Session, params: Params) -> Result:
        reason = schema.word(params, "reason", END_REASONS, default="hangup")
        call = self.core.call_of(session, params)
        self.after(call.end, reason)
        return self.accepted(params, "Disconnecting call")

    def pass_(self, session: Session, params: Params) -> Result:
        call = self.core.call_of(session, params)
        offer = self.core.offers.get(call.call_id)
        if offer is None:
            raise Failed("409", "Conflict: only an offered call can be passed")
        offer.passed()
        return self.accepted(params, "Passing call")

    # Play

    def play(self, session: Session, params: Params) -> Result:
        check_media(self.core, params["play"])
        check_volume(params)
        direction = schema.word(params, "direction", DIRECTIONS, default="listen")
        if schema.need(params, "loop", "integer", default=1) < 0:
            raise schema.refuse("loop", "must not be negative")
        call = self.new_action(session, params, "play")
        sides = {"listen": ("heard",), "speak": ("said",), "both": ("heard", "said")}[direction]
        PlayAction(self.core, call, params, sides=sides)
        return self.accepted(params, "Playing")

    def play_pause(self, session: Session, params: Params) -> Result:
        self.after(self._playing(session, params).pause)
        return self.accepted(params, "Pausing playback")

    def play_resume(self, session: Session, params: Params) -> Result:
        self.after(self._playing(session, params).resume)
        return self.accepted(params, "Resuming playback")

    def play_volume(self, session: Session, params: Params) -> Result:
        check_volume(params)
        self._playing(session, params).set_volume(float(params["volume"]))
        return self.accepted(params, "Volume set")

    def _playing(self, session: Session, params: Params) -> PlayAction:
        return self.action(session, params, "play", PlayAction)

    def send_digits(self, session: Session, params: Params) -> Result:
        check_digits(params["digits"])
        call = self.new_action(session, params, "send_digits")
        SendDigitsAction(self.core, call, params["control_id"], params["digits"])
        return self.accepted(params, "Sending Digits")

    # Copies of the audio

    def tap(self, session: Session, params: Params) -> Result:
        schema.word(params["tap"], "type", ("audio",), "tap")
        about = schema.need(params["tap"], "params", "object", "tap", {})
        direction = schema.word(about, "direction", DIRECTIONS, "tap.params", "speak")
        device, path = params["device"], "device.params"
        kind = schema.word(device, "type", ("rtp", "ws"), "device")
        target = schema.need(device, "params", "object", "device")
        codec = _codec(schema.need(target, "codec", "string", path, "PCMU"), f"{path}.codec")
        rate = _rate(codec, schema.need(target, "rate", "integer", path, 8000), f"{path}.rate")
        ptime = 20
        if kind == "rtp":
            self._check_rtp(target, path)
            ptime = _ptime(schema.need(target, "ptime", "integer", path, 20), f"{path}.ptime")
        else:
            uri = schema.need(target, "uri", "string", path)
            check_web_socket(self.core, uri, f"{path}.uri", plain=True, query=True)
        call = self.new_action(session, params, "tap")
        tap = TapAction(self.core, call, params, direction=direction, codec=codec, rate=rate, ptime=ptime)
        return self.accepted(params, "Tapping", source_device=tap.open())

    def _check_rtp(self, target: Params, path: str) -> None:
        check_rtp_address(self.core, schema.need(target, "addr", "string", path), f"{path}.addr")
        port = target.get("port")
        if isinstance(port, str) and port.isascii() and port.isdigit():
            port = int(port)  # the Node typings say string
        if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
            raise schema.refuse(f"{path}.port", "is required, an integer from 1 to 65535")

    def stream(self, session: Session, params: Params) -> Result:
        check_web_socket(self.core, params["url"], "url", plain=False, query=False)
        track = schema.word(params, "track", tuple(TRACKS), default="inbound_track")
        schema.word(params, "status_url_method", ("GET", "POST"), default="POST")
        schema.need(params, "custom_parameters", "object", default={})
        if any(ord(c) < 33 or ord(c) > 126 for c in params.get("authorization_bearer_token") or ""):
            raise schema.refuse("authorization_bearer_token", "must hold visible ASCII characters only")
        text = params.get("codec") or "PCMU"
        match = CODEC_STRING.match(text)
        if match is None:
            raise schema.refuse("codec", f"must be a name with @rate and h, @ptime and i, not {text!r}")
        codec = _codec(match[1], "codec")
        rate = _rate(codec, int(match[2] or 8000), "codec")
        ptime = _ptime(int(match[3] or 20), "codec")
        call = self.new_action(session, params, "stream")
        StreamAction(self.core, call, params, tracks=TRACKS[track], codec=codec, rate=rate, ptime=ptime).open()
        return self.accepted(params, "Streaming")


CAPABILITIES: tuple[type[Requests], ...] = (
    _Verbs,
    InputVerbs,
    RecordVerbs,
    ConnectVerbs,
    QueueVerbs,
    ConferenceVerbs,
    EffectVerbs,
    HandVerbs,
    FaxVerbs,
    PayVerbs,
    AgentVerbs,
    MessageVerbs,
    CredentialVerbs,
)


def verbs_of(core: Core) -> dict[str, Verb]:
    """Return what the relay can do, by method."""
    verbs: dict[str, Verb] = {}
    for capability in CAPABILITIES:
        verbs.update(capability(core).table())
    return verbs
