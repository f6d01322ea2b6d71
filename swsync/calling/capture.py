"""``call.capture``: both sides of a call in one stereo WAV on this machine.

This is where calls and media meet: it makes receivers, asks the call for a stream or for two taps to them, records what
comes, and takes everything down again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from swsync.calling.media_address import tell_source
from swsync.errors import CallEnded, MediaError, OutcomeUnknown, SwsyncError
from swsync.media.recorded import Recorded

if TYPE_CHECKING:
    from pathlib import Path

    from swsync.call import Call
    from swsync.calling._base import Action
    from swsync.media.capture import Capture
    from swsync.media.quality import Alignment, LostSpan, Quality, Skew
    from swsync.media.receiver import Receiver
    from swsync.media.sinks import Target
    from swsync.media.track import Track

__all__ = ["CallCapture", "CaptureVerbs"]

logger = logging.getLogger(__name__)

WAYS = ("stream", "rtp", "ws")
DRIFTS = ("keep", "correct")
BUFFER = 14.0  # seconds that each side's ring holds: a disk may be slow for so long; thousands of captures fit memory
FINISH_TIMEOUT = 3.0  # seconds that the end waits for all `finished` events together
LINGER = 0.2  # seconds after `finished` in which the last audio may still be on its way
SIDES = {"speak": "said", "listen": "heard"}  # tap direction -> side of the recording
TRACKS = {"inbound": "said", "outbound": "heard"}  # stream track -> side of the recording


class CallCapture(Recorded):
    """A recording of a call, as a context manager: it begins at ``with`` and is a finished file at the end of it.

    Attributes:
        call: The call.
        path: Of the file; until the end it is ``path.part``. Of several the first, once it has begun.
        via: ``stream``, ``rtp`` or ``ws``.
        actions: The stream, or the two taps, once it has begun.
    """

    def __init__(self, call: Call, path: Target, via: str, codec: str, timeout: float, *, drift: str) -> None:
        if via not in WAYS:
            raise ValueError(f"via must be one of {', '.join(WAYS)}, not {via!r}")
        if drift not in DRIFTS:
            raise ValueError(f"drift must be one of {', '.join(DRIFTS)}, not {drift!r}")
        self.call = call
        from pathlib import Path  # with what it needs, the largest import of this package

        self._to = path
        self.path: Path | None = Path(path) if isinstance(path, (str, os.PathLike)) else None
        self.via = via
        self.actions: Sequence[Action[Any]] = ()
        self._codec = codec
        self._timeout = timeout
        self._drift = drift
        self._receivers: dict[str, Receiver] = {}  # written before anybody else has this object
        self._recording: Capture | None = None  # the same
        self._told: set[str] = set()  # directions whose tap has been answered; only ever grows
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._is_closed = False  # guarded by _lock

    def __repr__(self) -> str:
        return f"<CallCapture {self.path or self._to} via {self.via}>"

    # What is known

    @property
    def duration(self) -> float:
        """Seconds recorded so far; after the end, seconds in the file."""
        return self._recording.duration if self._recording else 0.0

    @property
    def quality(self) -> Mapping[str, Quality]:
        """Of each side, ``said`` and ``heard``, while it runs too: packets, loss, jitter, levels, talk time."""
        return self._recording.quality if self._recording else {}

    @property
    def alignment(self) -> Alignment | None:
        """How the two sides were laid beside each other."""
        return self._recording.alignment if self._recording else None

    @property
    def skew(self) -> Skew | None:
        """How the clock of what is heard runs against that of what is said, and what was corrected of it."""
        return self._recording.skew if self._recording else None

    @property
    def lost_spans(self) -> list[LostSpan]:
        """What is silent in the file because it had not come when it was due."""
        return self._recording.lost_spans if self._recording else []

    @property
    def late_spans(self) -> list[LostSpan]:
        """What is silent in the file because it came when the file had gone on without it."""
        return self._recording.late_spans if self._recording else []

    @property
    def paused(self) -> bool:
        """Whether ``pause`` holds."""
        return self._recording is not None and self._recording.paused

    def pause(self, behavior: str = "silence") -> None:
        """From now on keep nothing of what is said and heard, until ``resume``: somebody reads out a card's number.

        It gets into no file or other sink, no statistics of levels and no buffer.

        Args:
            behavior: ``silence`` has the file be silent for so long; ``skip`` leaves the time out.

        Raises:
            ValueError: There is no such behavior.
            MediaError: It has not begun.
        """
        if self._recording is None:
            raise MediaError("the capture has not begun: use it in with")
        self._recording.pause(behavior)

    def resume(self) -> None:
        """Go on, 0.2 s from now: what was said before stays out, however late it comes.

        Raises:
            MediaError: It has not begun.
        """
        if self._recording is None:
            raise MediaError("the capture has not begun: use it in with")
        self._recording.resume()

    @property
    def closed(self) -> bool:
        """Whether the file is finished."""
        return self._recording is not None and self._recording.closed

    def wait_duration(self, seconds: float, timeout: float | None = None) -> None:
        """Wait until that much is recorded, or nothing more will come: the call has ended, for one.

        Raises:
            TimeoutError: It is not, in time.
            MediaError: It has not begun.
        """
        if self._recording is None:
            raise MediaError("the capture has not begun: use it in with")
        # A datagram socket does not hear of the end: the actions do.
        self._recording.wait_duration(seconds, timeout, is_over=lambda: all(action.is_done for action in self.actions))

    # Its life

    def __enter__(self) -> CallCapture:
        """Start everything, and wait until the service says that audio is on its way.

        Raises:
            MediaError: The file cannot be written; nothing was asked of the call. Or this one has been entered before.
            ConfigurationError: SignalWire could not reach this machine; nothing was asked of the call.
            ActionFailed: SignalWire did not reach it.
            CallGone, CallEnded: The call is over.
            TimeoutError: It did not start in time. Whatever had been started is stopped again.
        """
        from swsync.media.capture import Capture

        if self._recording is not None:
            raise MediaError("a capture records once: make the next one with call.capture()")
        clock = self.call.session.clock
        with contextlib.ExitStack() as undo:
            self._receivers = self._make_receivers(undo)
            recording = Capture(self._to, **self._sides(), clock=clock, drift=self._drift)
            self.path = recording.path
            undo.callback(recording.discard)
            self.actions = self._start(undo)
            deadline = clock.now() + self._timeout
            for action in self.actions:
                action.wait_started(max(0.0, deadline - clock.now()))
            self._recording = recording
            undo.pop_all()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        try:
            self.close()
        except SwsyncError:
            if error is None:
                raise
            # What the user's code raised says more.
            logger.warning("%s could not be finished well", self, exc_info=True)

    def close(self) -> None:
        """Stop the stream or the taps, wait for the last audio, and finish the file. Idempotent.

        Raises:
            MediaError: No audio came at all, or the file could not be written.
        """
        if self._recording is None or os.getpid() != self._pid:
            return  # not begun, or a forked child, which leaves everything to its parent
        with self._lock:
            already, self._is_closed = self._is_closed, True
        if already:
            return
        try:
            _stop(self.actions)
            self._linger()
        finally:
            # Whatever happens above, Ctrl-C too: the file gets its last samples and its name.
            with contextlib.ExitStack() as end:
                for receiver in self._receivers.values():
                    end.callback(receiver.close)
                end.callback(self._recording.close)
                for receiver in self._receivers.values():
                    receiver.end()
                self._await_ends()

    def _linger(self) -> None:
        """RELAY's word that a tap is over can be faster than the last datagrams."""
        if self.via == "rtp":
            self.call.session.clock.sleep(LINGER)

    def _await_ends(self) -> None:
        """Wait until the receivers have read what was under way: the far side closes its socket, or they give up."""
        clock = self.call.session.clock
        deadline = clock.now() + FINISH_TIMEOUT
        for receiver in self._receivers.values():
            for track in receiver.tracks.values():
                while not track.ended and clock.now() < deadline:
                    clock.sleep(0.01)

    # How the sides come

    def _make_receivers(self, undo: contextlib.ExitStack) -> dict[str, Receiver]:
        from swsync.media.udp import RtpReceiver
        from swsync.media.wsstream import StreamReceiver
        from swsync.media.wstap import TapReceiver

        clock = self.call.session.clock
        receivers: dict[str, Receiver] = {}
        if self.via == "stream":
            receivers["both"] = undo.enter_context(StreamReceiver(clock=clock, buffer=BUFFER))
            return receivers
        for direction in SIDES:
            if self.via == "rtp":
                receivers[direction] = undo.enter_context(RtpReceiver(codec=self._codec, buffer=BUFFER, clock=clock))
            else:
                receivers[direction] = undo.enter_context(TapReceiver(codec=self._codec, buffer=BUFFER, clock=clock))
        return receivers

    def _start(self, undo: contextlib.ExitStack) -> list[Action[Any]]:
        """Ask the call for the audio. The devices go as plain data: these receivers end when the capture does."""
        actions: list[Action[Any]] = []
        undo.callback(_post_stops, actions)  # there is no file to finish: whoever presses Ctrl-C waits for nothing
        for direction, receiver in self._receivers.items():
            if self.via == "stream":
                stream: Any = receiver
                start = partial(self.call.stream, stream.url, track="both_tracks", codec=self._codec,
                                authorization_bearer_token=stream.token)  # fmt: skip
                actions.append(self._begin("stream", start))
            else:
                tap: Any = self._begin("tap", partial(self.call.tap_audio, direction=direction, device=receiver.device))
                actions.append(tap)
                tell_source(receiver, tap.source_device, self.call.session.is_local_host)
                self._told.add(direction)
        return actions

    def _begin(self, verb: str, start: Callable[..., Action[Any]]) -> Action[Any]:
        """Start an action. Where nobody knows whether it began (Ctrl-C, a lost reply) it is stopped in any case."""
        control_id = str(uuid.uuid4())
        try:
            return start(control_id=control_id)
        except BaseException as error:
            if isinstance(error, OutcomeUnknown) or not isinstance(error, SwsyncError):
                _post_stop(self.call, verb, control_id)
            raise

    def _sides(self) -> dict[str, Any]:
        """Where the recording finds each side's track; those of WebSockets are made by the first media."""

        if self.via == "stream":
            return {side: partial(_track, self._receivers["both"], name) for name, side in TRACKS.items()}
        return {side: partial(self._tapped, direction) for direction, side in SIDES.items()}

    def _tapped(self, direction: str) -> Track | None:
        """The track of a tap, once it is known who sends: what a stranger sent before that is not recorded."""
        return _track(self._receivers[direction], None) if direction in self._told else None


def _track(receiver: Receiver, name: str | None) -> Track | None:
    """A receiver's track of that name, or the only one it has; None while there is none."""
    tracks = receiver.tracks
    return next(iter(tracks.values()), None) if name is None else tracks.get(name)


def _stop(actions: Sequence[Action[Any]]) -> None:
    """Stop actions and wait for their ends, for so long as makes sense; never raises what RELAY says."""
    running = _post_stops(actions)
    if not running:
        return
    clock = running[0].call.session.clock
    deadline = clock.now() + FINISH_TIMEOUT
    for action in running:
        try:
            action.wait(max(0.0, deadline - clock.now()))
        except (CallEnded, TimeoutError) as error:
            logger.warning("%r was not reported as finished: %s", action, error)
        except SwsyncError as error:
            logger.debug("%r: %s", action, error)


def _post_stops(actions: Sequence[Action[Any]]) -> list[Action[Any]]:
    """Have those stopped that still run, and return them."""
    running = [action for action in actions if not action.is_done]
    for action in running:
        _post_stop(action.call, action._verb, action.control_id)
    return running


def _post_stop(call: Any, verb: str, control_id: str) -> None:
    """Have an action stopped, without waiting for an answer."""
    params = {"node_id": call.node_id, "call_id": call.call_id, "control_id": control_id}
    with contextlib.suppress(SwsyncError):
        call.session.post(f"calling.{verb}.stop", params)


class CaptureVerbs:
    """The verb that records on this machine."""

    def capture(
        self, path: Target, *, via: str = "stream", codec: str = "PCMU", timeout: float = 10.0, drift: str = "keep"
    ) -> CallCapture:
        """Record both sides of the call into a stereo WAV on this machine: left is said, right is heard.

            with call.capture("call.wav") as capture:
                call.play_tts("Hello").wait()
            print(capture.duration, capture.quality)

        It begins when ``with`` is entered, which returns when the service says that audio is on its way, and stops at
        the end of the block. The file is valid at every moment, whatever breaks: call, link, or code inside.

        Args:
            path: Of the WAV; an existing file is replaced at the end. The suffix may name another format (``.flac``,
                ``.opus`` ...; extra ``soundfile``). A sink (``media.ArraySink`` ...), a function that is called with
                blocks of samples, an open binary file, or a list of several of these may stand in its place.
            via: ``stream`` (one WebSocket with both sides labelled), ``rtp`` or ``ws`` (two taps).
            codec: ``PCMU`` or ``PCMA``; L16 too where the far side knows it.
            timeout: Seconds for audio to be announced.
            drift: ``keep`` leaves both sides as they came, bit for bit, and tells ``skew``; ``correct`` lets what was
                heard follow what was said, by silence put in or taken out where it is silent.

        Returns:
            A context manager. What this machine is called from outside is told by the settings ``SWSYNC_MEDIA_URL``
            (``stream``, ``ws``), or ``SWSYNC_PUBLIC_HOST`` and ``SWSYNC_RTP_PORTS`` (``rtp``).

        Raises:
            MediaError: On entry, the file cannot be written; at the end, no audio has come, or the file is damaged.
            ConfigurationError: On entry, SignalWire could not reach this machine.
            ActionFailed: On entry, SignalWire did not reach it.
            TimeoutError: On entry, no audio was announced in time.
        """
        call: Any = self
        return CallCapture(call, path, via, codec, timeout, drift=drift)
