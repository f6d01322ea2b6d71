"""Tapping: a copy of a call's audio as bare codec bytes, over RTP or a WebSocket (``calling.tap``)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from swsync.calling._base import CanStop, Completed, Listener, Verbs
from swsync.calling.listening import split_listen
from swsync.calling.media_address import TapTarget, check_tap_device, describe, receiver_of, tap_device, tell_source
from swsync.errors import MediaError, SwsyncError
from swsync.events import TapEvent
from swsync.states import TapDirection

__all__ = ["CallTap", "TapAction", "TapVerbs", "tap_direction"]


class TapAction(CanStop[TapEvent]):
    """A running tap. ``wait()`` gives its ``TapEvent``; ``wait_started()`` returns when audio is on its way.

    A tap whose destination SignalWire cannot reach ends without having started: ``wait_started()`` then raises
    ``ActionFailed`` that names the address.
    """

    _verb = "tap"
    _event_type = "calling.call.tap"
    _started_states = frozenset({"tapping"})
    _ends_with_call = True
    _must_start = True

    @property
    def source_device(self) -> dict[str, Any]:
        """Where SignalWire sends from, as it answered: ``{"type": "rtp", "params": {"addr": ..., "port": ...}}``."""
        device = self.reply.get("source_device")
        return dict(device) if isinstance(device, dict) else {}

    @property
    def device(self) -> dict[str, Any]:
        """Where the audio goes, as the last event said."""
        return dict(getattr(self._last_event, "device", None) or {})

    @property
    def call_id(self) -> str:
        """The call that is tapped."""
        return self.call.call_id

    @property
    def node_id(self) -> str:
        """The RELAY node of the call that is tapped."""
        return self.call.node_id

    @property
    def has_ended(self) -> bool:
        """The Node SDK's name of ``is_done``."""
        return self.is_done

    def ended(self, timeout: float | None = None) -> TapAction:
        """Wait for the end and give the tap, as the Node SDK does."""
        self.wait(timeout)
        return self


CallTap = TapAction
"""The Node SDK's name."""


def tap_direction(direction: str) -> str:
    """The wire's word for a direction; ``hear``, which some pages say for ``listen``, is understood.

    Raises:
        ValueError: None of them.
    """
    word = {"hear": "listen"}.get(str(direction), str(direction))
    if word not in {str(known) for known in TapDirection}:
        raise ValueError(f"direction must be listen (what the party hears), speak (what it says) or both, not {word!r}")
    return word


class TapVerbs(Verbs):
    """The verbs that tap."""

    def tap(
        self,
        tap: Mapping[str, Any] | None = None,
        device: Mapping[str, Any] | TapTarget | None = None,
        *,
        audio: Mapping[str, Any] | None = None,
        listen: Mapping[str, Callable[..., Any]] | None = None,
        status_url: str | None = None,
        control_id: str | None = None,
        on_started: Listener | None = None,
        on_ended: Listener | None = None,
        on_completed: Completed | None = None,
    ) -> TapAction:
        """Have the call's audio copied to a receiver.

        Args:
            tap: ``{"type": "audio", "params": {"direction": "both"}}``; sent as it is. Or leave it and give ``audio``.
            device: Where to: ``{"type": "ws", "params": {"uri": ..., "codec": ..., "rate": ...}}``,
                ``{"type": "rtp", "params": {"addr": ..., "port": ..., "codec": ..., "ptime": ...}}``, the same
                without ``params``, or a receiver of ``swsync.media``, whose ``end()`` the end of the tap calls.
            audio: ``{"direction": ...}``, as the Node SDK writes it.
            listen: ``{"on_started": f, "on_ended": g}``, as the Node SDK writes it.
            status_url: A webhook for its states.
            control_id: A name for the action; made when not given.
            on_started: Called with the action when audio is on its way.
            on_ended: Called with the action when it is over.
            on_completed: Called with its last event.

        Raises:
            ConfigurationError: An address that SignalWire could not reach.
            MediaError: The receiver has ended, or nothing tells it from another one of its shared port.
            ValueError: A direction that there is not.
        """
        if (tap is None) == (audio is None):
            raise TypeError("tap() takes either tap= or audio=")
        if audio is not None:
            tap = {"type": "audio", "params": {**audio, "direction": tap_direction(audio.get("direction", ""))}}
        where = tap_device(device)
        check_tap_device(where, self.session.is_local_host)
        listeners = {"on_started": on_started, "on_ended": on_ended, **split_listen(listen)}
        receiver = receiver_of(device)
        handle = {**listeners, "address": describe(where), "receiver": receiver}
        action = self._begin(TapAction, "tap", control_id, on_completed, handle,
                             tap=tap, device=where, status_url=status_url)  # fmt: skip
        try:
            tell_source(receiver, action.source_device, self.session.is_local_host)
        except MediaError:  # it has been closed, or cannot be told from another one of its port
            with contextlib.suppress(SwsyncError):
                action.stop()
            raise
        return action

    def tap_audio(
        self,
        *,
        direction: str,
        device: Mapping[str, Any] | TapTarget,
        status_url: str | None = None,
        control_id: str | None = None,
        on_started: Listener | None = None,
        on_ended: Listener | None = None,
        listen: Mapping[str, Callable[..., Any]] | None = None,
        on_completed: Completed | None = None,
    ) -> TapAction:
        """Have one side of the call, or both mixed, copied to a receiver.

        Args:
            direction: ``speak`` (what the party says), ``listen`` (what it hears; also ``hear``) or ``both``.
            device: As for ``tap``.
            status_url: A webhook for its states.
            control_id: A name for the action; made when not given.
            on_started: Called with the action when audio is on its way.
            on_ended: Called with the action when it is over.
            listen: ``{"on_started": f, "on_ended": g}``, as the Node SDK writes it.
            on_completed: Called with its last event.
        """
        return self.tap(audio={"direction": direction}, device=device, status_url=status_url, control_id=control_id,
                        on_started=on_started, on_ended=on_ended, listen=listen,
                        on_completed=on_completed)  # fmt: skip
