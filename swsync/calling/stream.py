"""Streaming: a call's audio as labelled messages over one WebSocket (``calling.stream``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from swsync.calling._base import CanStop, Completed, Listener, Verbs
from swsync.calling.media_address import StreamTarget, check_stream_url, receiver_of
from swsync.events import StreamEvent

__all__ = ["TRACKS", "StreamAction", "StreamVerbs"]

TRACKS = ("inbound", "outbound", "both", "inbound_track", "outbound_track", "both_tracks")
"""What ``track`` may be. inbound is what the party says, outbound what it hears."""


class StreamAction(CanStop[StreamEvent]):
    """A running stream. ``wait()`` gives its ``StreamEvent``; ``wait_started()`` returns when audio is on its way."""

    _verb = "stream"
    _event_type = "calling.call.stream"
    _started_states = frozenset({"streaming"})
    _ends_with_call = True
    _must_start = True


class StreamVerbs(Verbs):
    """The verb that streams."""

    def stream(
        self,
        url: str | StreamTarget,
        *,
        name: str | None = None,
        codec: str | None = None,
        track: str | None = None,
        status_url: str | None = None,
        status_url_method: str | None = None,
        authorization_bearer_token: str | None = None,
        custom_parameters: Mapping[str, Any] | None = None,
        control_id: str | None = None,
        on_started: Listener | None = None,
        on_ended: Listener | None = None,
        on_completed: Completed | None = None,
    ) -> StreamAction:
        """Have the call's audio sent to a WebSocket.

        Args:
            url: A ``wss://`` address without a query, or a ``media.StreamReceiver``: then its address and its token
                are sent, and the end of the stream calls its ``end()``.
            name: Shown in events.
            codec: Such as ``PCMU``; the call's own when not given.
            track: ``inbound`` (the service's default), ``outbound`` or ``both``, or the same with ``_track(s)``.
            status_url: A webhook for its states.
            status_url_method: GET or POST.
            authorization_bearer_token: Sent to the receiver as ``Authorization: Bearer``.
            custom_parameters: Delivered in the ``start`` message.
            control_id: A name for the action; made when not given.
            on_started: Called with the action when audio is on its way.
            on_ended: Called with the action when it is over.
            on_completed: Called with its last event.

        Raises:
            ConfigurationError: An address that SignalWire refuses or could not reach.
            ValueError: A track that there is not.
        """
        if track is not None and track not in TRACKS:
            raise ValueError(f"track must be one of {', '.join(TRACKS)}, not {track!r}")
        receiver = None if isinstance(url, str) else receiver_of(url)
        address = url if receiver is None else receiver.url
        if not isinstance(address, str):
            raise TypeError(f"url must be an address or a receiver that has .url, not {url!r}")
        if receiver is not None and authorization_bearer_token is None:
            authorization_bearer_token = receiver.token
        check_stream_url(address, self.session.is_local_host)
        parts = urlsplit(address)
        handle = {"on_started": on_started, "on_ended": on_ended, "receiver": receiver,
                  "address": f"{parts.scheme}://{parts.netloc}"}  # fmt: skip
        return self._begin(StreamAction, "stream", control_id, on_completed, handle,
                           url=address, name=name, codec=codec, track=track, status_url=status_url,
                           status_url_method=status_url_method,
                           authorization_bearer_token=authorization_bearer_token,
                           custom_parameters=custom_parameters)  # fmt: skip
