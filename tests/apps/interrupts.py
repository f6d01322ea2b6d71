"""Every public wait on the main thread, ended by a real SIGINT while it waits.

``PYTHONPATH=tests python tests/apps/interrupts.py`` prints one line of JSON a wait: what it did (``interrupted``), and
how many seconds after the signal. ``test_interrupts.py`` runs it, and finds out by the signatures whether a wait is
missing here.
"""

from __future__ import annotations

import array
import json
import socket
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from interrupting import interrupted_when_blocked

import swsync
from swsync import media
from swsync.calling.capture import CallCapture
from swsync.localrelay.call import LocalCall
from swsync.media.wstwoway import Mark

LONG = 600.0  # seconds that nothing here waits for
PACKAGE = str(Path(swsync.__file__).parent)
NUMBER, CALLER = "+12025550100", "+12025550199"
SILENCE = array.array("h", bytes(16_000))  # a second


class World:
    """A relay, a client of it that is used again and again, and what a wait needs; closed behind it."""

    def __init__(self, relay: swsync.LocalRelay, directory: Path) -> None:
        self.relay, self.directory = relay, directory
        self.relay.callee("+12025550111", answers_after=LONG)  # rings and rings
        for number in (NUMBER, "+12025550122"):
            self.relay.callee(number, answers_after=0.0)
        self.begin(ExitStack())

    def begin(self, stack: ExitStack) -> None:
        """Another wait begins, whose things this stack closes."""
        self.stack = stack
        self._call: swsync.Call | None = None
        if not hasattr(self, "client") or self.client.closed:
            self.client = swsync.RelayClient(**self.relay.settings, request_timeout=LONG).connect()
        stack.callback(self._end_call)

    def _end_call(self) -> None:
        if self._call is not None and not self.client.closed:
            self._call.hangup()

    @property
    def call(self) -> swsync.Call:
        """A call with somebody; the same one for one wait."""
        if self._call is None:
            self._call = self.client.dial_phone(NUMBER, CALLER)
        return self._call

    def keeps(self, resource: Any) -> Any:
        """Close it in the end."""
        return self.stack.enter_context(resource)

    def without_reply(self, method: str) -> None:
        """RELAY does not answer this any more."""
        self.relay.faults.drop(method, of="reply", times=0)

    def without_news_of_the_end(self) -> None:
        """Nobody says that a call has ended."""
        self.without_reply("calling.end")
        self.relay.faults.drop("calling.call.state", times=0)

    def offered(self) -> swsync.Call:
        """A call that has come in."""
        self.client.receive(["office"])
        self.relay.place_call("office")
        return self.client.next_call(30)

    def bridged(self) -> Any:
        """Two people who talk, as a ConnectAction."""
        bridge = self.call.connect_phone("+12025550122", CALLER)
        bridge.wait_connected(30)
        return bridge

    def black_hole(self) -> swsync.RelayClient:
        """A client of a server that accepts connections and says nothing."""
        sock = self.keeps(socket.create_server(("127.0.0.1", 0)))
        host = f"ws://127.0.0.1:{sock.getsockname()[1]}"
        client = swsync.RelayClient("p", "t", host=host, connect_timeout=LONG)
        self.stack.callback(client.close)
        return client

    def capture(self) -> Any:
        return self.keeps(self.call.capture(self.directory / "x.wav"))

    def tap(self) -> Any:
        return self.call.tap_audio(direction="both", device=self.keeps(media.RtpReceiver()))

    def sender(self, buffer: float) -> media.RtpSender:
        """It sends in real time what its buffer of so many seconds holds."""
        sender = media.RtpSender("127.0.0.1", self.keeps(media.RtpReceiver()).port, buffer=buffer)
        self.stack.callback(sender.close)  # does not wait until all is heard, as the end of its with would
        return sender

    def two_way(self) -> media.TwoWayStream:
        """A stream under way to somebody who hears it in real time."""
        stream = self.keeps(media.TwoWayStream())
        self.call.connect_stream(stream)
        stream.wait_started(30)
        return stream


def long_send(sender: Any) -> Callable[[], None]:
    def send() -> None:
        for _ in range(1000):
            sender.send(SILENCE)

    return send


def far_mark(stream: media.TwoWayStream) -> Mark:
    """A mark behind forty seconds of silence."""
    stream.send(bytes(640_000))
    return stream.mark("far")


def last(*steps: Any) -> Any:
    """What the last of some steps gives."""
    return steps[-1]


def ringing(world: World) -> swsync.Call:
    """A call of ours that nobody answers, as its listeners know it."""
    before = {call.call_id for call in world.client.calls}
    dial = threading.Thread(
        target=lambda: swallow(lambda: world.client.dial_phone("+12025550111", CALLER, timeout=600)), daemon=True
    )
    dial.start()
    while not (calls := [call for call in world.client.calls if call.call_id not in before]):
        time.sleep(0.02)
    return calls[0]


def swallow(function: Callable[[], Any]) -> None:
    try:
        function()
    except (swsync.SwsyncError, TimeoutError):
        pass


# What is waited for: (class or module, name) of each wait that is shown, and what gives the wait itself.
Wait = Callable[[], Any]
WAITS: dict[tuple[Any, str], Callable[[World], Wait]] = {
    (swsync.RelayClient, "connect"): lambda w: w.black_hole().connect,
    (swsync.RelayClient, "execute"): lambda w: last(
        w.without_reply("calling.end"), lambda: w.client.execute("calling.end", {}, timeout=LONG)
    ),
    (swsync.RelayClient, "dial"): lambda w: lambda: w.client.dial([[swsync.devices.phone("+12025550111", CALLER)]]),
    (swsync.RelayClient, "dial_phone"): lambda w: lambda: w.client.dial_phone("+12025550111", CALLER, timeout=600),
    (swsync.RelayClient, "dial_sip"): lambda w: last(
        w.without_reply("calling.dial"), lambda: w.client.dial_sip("sip:a@example.com", CALLER, timeout=600)
    ),
    (swsync.RelayClient, "next_call"): lambda w: w.client.next_call,
    (swsync.RelayClient, "run"): lambda w: w.client.run,
    (swsync.RelayClient, "drain"): lambda w: last(w.call, lambda: w.client.drain(LONG)),
    (swsync.RelayClient, "close"): lambda w: last(w.call, w.without_news_of_the_end(), lambda: w.client.close(LONG)),
    (swsync.Message, "wait"): lambda w: last(
        w.relay.faults.drop("messaging.state", times=0),
        w.client.send_message(to_number=NUMBER, from_number=CALLER, body="x").wait,
    ),
    (swsync.Call, "answer"): lambda w: last(w.without_reply("calling.answer"), w.offered().answer),
    (swsync.Call, "hangup"): lambda w: last(w.call, w.without_reply("calling.end"), w.call.hangup),
    (swsync.Call, "wait_for"): lambda w: last(w.call, lambda: w.call.wait_for("calling.call.play")),
    (swsync.Call, "wait_for_answered"): lambda w: ringing(w).wait_for_answered,
    (swsync.Call, "wait_for_ending"): lambda w: w.call.wait_for_ending,
    (swsync.Call, "wait_for_ended"): lambda w: w.call.wait_for_ended,
    (swsync.PlayAction, "wait"): lambda w: w.call.play_silence(LONG).wait,
    (swsync.PlayAction, "wait_started"): lambda w: last(
        w.relay.faults.drop("calling.call.play", times=0), w.call.play_silence(LONG).wait_started
    ),
    (swsync.ConnectAction, "wait_connected"): lambda w: w.call.connect_phone("+12025550111", CALLER).wait_connected,
    (swsync.ConnectAction, "wait_disconnected"): lambda w: w.bridged().wait_disconnected,
    (swsync.DetectAction, "detection"): lambda w: last(
        w.relay.faults.drop("calling.call.detect", times=0), w.call.detect_answering_machine(timeout=LONG).detection
    ),
    (swsync.RecordAction, "download"): lambda w: last(
        record := w.call.record(), lambda: record.download(w.directory / "r.wav", timeout=LONG)
    ),
    (swsync.TapAction, "ended"): lambda w: w.tap().ended,
    (swsync, "wait"): lambda w: last(play := w.call.play_silence(LONG), lambda: swsync.wait([play])),
    (swsync, "as_completed"): lambda w: last(
        play := w.call.play_silence(LONG), lambda: list(swsync.as_completed([play]))
    ),
    (swsync.Call, "capture"): lambda w: last(  # which waits when its with is entered
        w.relay.faults.drop("calling.call.tap", times=0),
        w.call.capture(w.directory / "y.wav", via="rtp", timeout=LONG).__enter__,
    ),
    (CallCapture, "wait_duration"): lambda w: last(capture := w.capture(), lambda: capture.wait_duration(LONG)),
    (media.RtpReceiver, "read"): lambda w: last(rx := w.keeps(media.RtpReceiver()), lambda: rx.read(8000)),
    (media.RtpReceiver, "frames"): lambda w: last(rx := w.keeps(media.RtpReceiver()), lambda: next(rx.frames())),
    (media.RtpReceiver, "wait_audio"): lambda w: w.keeps(media.RtpReceiver()).wait_audio,
    (media.RtpReceiver, "digits"): lambda w: last(rx := w.keeps(media.RtpReceiver()), lambda: next(rx.digits())),
    (media.StreamReceiver, "wait_started"): lambda w: w.keeps(media.StreamReceiver()).wait_started,
    (media.TwoWayStream, "wait_started"): lambda w: w.keeps(media.TwoWayStream()).wait_started,
    (media.TwoWayStream, "send"): lambda w: long_send(w.two_way()),
    (Mark, "wait"): lambda w: far_mark(w.two_way()).wait,
    (media.RtpSender, "send"): lambda w: long_send(w.sender(0.5)),
    (media.RtpSender, "drain"): lambda w: last(
        sender := w.sender(60), sender.send(SILENCE * 40, wait=False), sender.drain
    ),
    (swsync.LocalRelay, "place_call"): lambda w: lambda: w.relay.place_call("nobody", timeout=LONG),
    (swsync.LocalRelay, "wait_for_subscriber"): lambda w: lambda: w.relay.wait_for_subscriber("nobody", LONG),
    (LocalCall, "wait_for"): lambda w: last(w.call, lambda: w.relay.calls[-1].wait_for("ending", timeout=LONG)),
}


def try_one(world: World, make: Callable[[World], Wait]) -> dict[str, Any]:
    """What a wait did when it was interrupted, and after how many seconds; its client is of use afterwards."""
    with ExitStack() as stack:
        world.begin(stack)
        wait = make(world)
        with interrupted_when_blocked() as moment:
            try:
                wait()
                what = "returned"
            except KeyboardInterrupt as error:
                files = {frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)}
                what = "interrupted" if any(PACKAGE in file for file in files) else "interrupted before it waited"
            seconds = time.monotonic() - moment[0] if moment else None
        world.relay.faults.clear()
        if not world.client.closed:
            world.client.receive(["still-there"])
    return {"what": what, "seconds": seconds and round(seconds, 3)}


def main() -> None:
    with TemporaryDirectory() as directory, swsync.LocalRelay() as relay:
        world = World(relay, Path(directory))
        for (owner, name), make in WAITS.items():
            result = try_one(world, make)
            print(json.dumps({"wait": f"{owner.__name__}.{name}", **result}), flush=True)
        world.client.close()


if __name__ == "__main__":
    main()
