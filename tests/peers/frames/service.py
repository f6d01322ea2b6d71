"""The server: it answers every method as RELAY does, tells what comes of it, and takes every frame down."""

from __future__ import annotations

import json
from typing import Any

from tests.scripted_server import SILENT, Link, ScriptedServer

__all__ = ["AGAIN", "BETWEEN", "CALL", "Recorder", "Recording"]

CALL = "call:"
"""A context whose name begins so is offered a call as soon as somebody receives it."""

BETWEEN = "between"
"""Where the frames go that belong to no use."""

AGAIN = "again"
"""Who receives this context from the start is told to connect again, and then offered a call."""

STATES = {
    "play": ("playing", "finished"),
    "record": ("recording", "finished"),
    "tap": ("tapping", "finished"),
    "stream": ("streaming", "finished"),
    "transcribe": ("transcribing", "finished"),
    "collect": ("collecting", "finished"),
    "pay": ("", "finished"),
    "fax": ("", "finished"),
    "detect": ("", "finished"),
    "send_digits": ("finished", ""),
}
EVENTS = {"play_and_collect": "collect", "send_fax": "fax", "receive_fax": "fax"}
"""Whose events have another name than the method."""


class Recording:
    """What one client sent.

    Attributes:
        connects: Its ``signalwire.connect`` frames.
        uses: By context: the frames between receiving and unreceiving it, both included; all others under BETWEEN.
        answers: What it sent back: (what it was asked, its reply).
        links: Its links.
    """

    def __init__(self) -> None:
        self.connects: list[dict[str, Any]] = []
        self.uses: dict[str, list[dict[str, Any]]] = {}
        self.answers: list[tuple[str, dict[str, Any]]] = []
        self.links: list[Link] = []
        self.current = BETWEEN


class Recorder(ScriptedServer):
    """Serves any number of clients at once, and keeps what each sent apart by the project that it names.

    Attributes:
        recordings: By project.
    """

    def __init__(self) -> None:
        super().__init__()
        self.recordings: dict[str, Recording] = {}
        self._of: dict[Link, Recording] = {}
        self._asked: dict[tuple[Link, Any], str] = {}
        # By link and call: what runs, as (method, control_id).
        self._calls: dict[tuple[Link, str], list[tuple[str, str]]] = {}
        self.answers |= {
            "signalwire.receive": self.receive,
            "signalwire.unreceive": self.unreceive,
            "calling.dial": self.dial,
            "calling.connect": self.connect,
            "calling.end": self.end,
            "messaging.send": self.message,
            **{f"calling.{method}": self.start for method in [*STATES, *EVENTS]},
            **{f"calling.{method}.stop": self.stop for method in [*STATES, *EVENTS]},
            **{f"calling.{method}.{control}": self.control
               for method in ("play", "record") for control in ("pause", "resume")},
        }  # fmt: skip

    def handle(self, link: Link, text: str) -> None:
        """Take a frame down, then answer it."""
        frame = json.loads(text)
        recording = self._of.get(link)
        if frame.get("method") == "signalwire.connect":
            project = frame["params"]["authentication"]["project"]
            recording = self._of[link] = self.recordings.setdefault(project, Recording())
            recording.connects.append(frame)
            recording.links.append(link)
        elif recording is not None and "method" not in frame:
            recording.answers.append((asked := self._asked.get((link, frame["id"]), "signalwire.event"), frame))
            if asked == "signalwire.disconnect":
                link.end()
        elif recording is not None:
            contexts = [name for name in frame["params"].get("contexts", []) if ":" in name]
            if frame["method"] == "signalwire.receive" and contexts:
                recording.current = contexts[0]
            recording.uses.setdefault(recording.current, []).append(frame)
            if frame["method"] == "signalwire.unreceive" and contexts:
                recording.current = BETWEEN
        super().handle(link, text)

    def asks(self, link: Link, method: str, params: dict[str, Any]) -> None:
        """Send a request of the server's own, and know its answer."""
        number = f"asked-{next(self.numbers)}"
        self._asked[link, number] = method
        link.request(method, params, number)

    # The session.

    def welcome(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        """Ping whoever connects; tell it to connect again, once, if it receives ``AGAIN``, and then offer it a call."""
        link.reply(frame, {"protocol": self.protocol, "identity": "someone", "authorization": {}})
        self.asks(link, "signalwire.ping", {"timestamp": 1.5})
        if AGAIN in frame["params"].get("contexts", ()):
            if "protocol" in frame["params"]:
                link.offer(AGAIN, AGAIN)
            else:
                link.event("signalwire.authorization.state", authorization_state="state:tag")
                self.asks(link, "signalwire.disconnect", {})
        return SILENT

    def receive(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, {"code": "200", "message": "Receiving events"})
        for context in frame["params"]["contexts"]:
            if context.startswith(CALL):
                self._calls[link, context] = []
                link.offer(context, context, tag="", segment_id="segment-1", project_id="project-1")
        return SILENT

    def unreceive(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        """The calls of a context end with it, what runs on them first."""
        link.reply(frame, {"code": "200", "message": "Unreceiving events"})
        for context in frame["params"]["contexts"]:
            if (link, context) in self._calls:
                self.hang_up(link, context)
        return SILENT

    # Calls.

    def hang_up(self, link: Link, call_id: str, reason: str = "hangup") -> None:
        for method, control_id in self._calls.pop((link, call_id), []):
            self.tell(link, call_id, method, control_id, 1)
        link.state(call_id, "ended", end_reason=reason, direction="inbound")

    def end(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, {"code": "200", "message": "Disconnecting call"})
        if (link, frame["params"]["call_id"]) in self._calls:
            self.hang_up(link, frame["params"]["call_id"], frame["params"]["reason"])
        return SILENT

    def dial(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        """Nobody answers but the first device of the last step."""
        link.reply(frame, {"code": "200", "message": "Dialing"})
        tag, steps = frame["params"]["tag"], frame["params"]["devices"]
        for number, step in enumerate(steps):
            legs = [f"{self._of[link].current} leg {number}-{index}" for index in range(len(step))]
            winner = legs[0] if step is steps[-1] else ""
            for leg, device in zip(legs, step, strict=True):
                link.state(leg, "ringing", tag=tag, direction="outbound", device=device)
            for leg in legs:
                if leg != winner:
                    link.state(leg, "ended", tag=tag, direction="outbound", end_reason="noAnswer")
        self._calls[link, winner] = []
        link.state(winner, "answered", tag=tag, direction="outbound", device=steps[-1][0])
        call = {"call_id": winner, "node_id": "n", "tag": tag, "device": steps[-1][0], "dial_winner": True}
        link.event("calling.call.dial", tag=tag, dial_state="answered", node_id="n", call=call)
        return SILENT

    def connect(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, {"code": "200", "message": "connecting"})
        names = {"call_id": frame["params"]["call_id"], "node_id": "n"}
        peer = {"call_id": f"peer of {names['call_id']}", "node_id": "n"}
        link.event("calling.call.connect", connect_state="connecting", **names)
        link.event("calling.call.connect", connect_state="connected", peer=peer, **names)
        return SILENT

    # What runs on a call.

    def tell(self, link: Link, call_id: str, method: str, control_id: str, which: int) -> None:
        """Send the event of a beginning (0) or an end (1)."""
        kind = EVENTS.get(method, method)
        state = STATES[kind][which]
        more: dict[str, Any] = {"state": state}
        if kind == "detect":
            more = {"detect": {"type": "fax", "params": {"event": state}}}
        elif kind == "fax":
            more = {"state": state, "fax": {"type": state, "params": {"pages": 1}}}
        if state:
            link.event(f"calling.call.{kind}", call_id=call_id, node_id="n", control_id=control_id, **more)

    def start(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        params, method = frame["params"], frame["method"].partition(".")[2]
        link.reply(frame, {"code": "200", "message": "OK", "call_id": params["call_id"]})
        self.tell(link, params["call_id"], method, params["control_id"], 0)
        if (link, params["call_id"]) in self._calls:
            self._calls[link, params["call_id"]].append((method, params["control_id"]))
        return SILENT

    def stop(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        params = frame["params"]
        link.reply(frame, {"code": "200", "message": "OK"})
        running = (frame["method"].split(".")[1], params["control_id"])
        if running in self._calls[link, params["call_id"]]:
            self._calls[link, params["call_id"]].remove(running)
            self.tell(link, params["call_id"], *running, 1)
        return SILENT

    def control(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        params, (_, kind, control) = frame["params"], frame["method"].split(".")
        link.reply(frame, {"code": "200", "message": "OK"})
        link.event(
            f"calling.call.{kind}", call_id=params["call_id"], node_id="n", control_id=params["control_id"],
            state="paused" if control == "pause" else STATES[kind][0],
        )  # fmt: skip
        return SILENT

    # Messages.

    def message(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        name = f"message of {self._of[link].current}"
        link.reply(frame, {"code": "200", "message": "Message accepted", "message_id": name})
        for state in ("queued", "sent", "delivered"):
            link.event("messaging.state", message_id=name, message_state=state, direction="outbound", **frame["params"])
        return SILENT
