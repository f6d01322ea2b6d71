"""Joining a call to others: connect, disconnect, transfer, refer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from swsync import devices
from swsync.calling._base import Action, Completed, Verbs
from swsync.calling._completion import Afterwards
from swsync.calling.media_address import StreamTarget, check_stream_url, receiver_of
from swsync.devices import Device, Media, arrange, as_wire, check_devices, check_media, phone, sip
from swsync.errors import CallEnded, ConnectFailed, ProtocolError
from swsync.events import ConnectEvent, RelayEvent

if TYPE_CHECKING:
    from swsync.call import Call

__all__ = ["ConnectAction", "ConnectVerbs"]


class ConnectAction(Action[ConnectEvent]):
    """A connect under way, or the bridge it made. ``wait()`` returns when it is over, well or not."""

    call: ConnectVerbs
    _verb = "connect"
    _event_type = "calling.call.connect"
    _started_states = frozenset({"connected"})
    _terminal_states = frozenset({"disconnected", "failed"})
    _ends_with_call = True
    _is_named_on_wire = False
    _names_no_peer = False  # guarded by the call's condition

    def wait_connected(self, timeout: float | None = None) -> Call:
        """Wait until somebody answers and is bridged to the call.

        Returns:
            The peer.

        Raises:
            ConnectFailed: Nobody did; ``reason`` is RELAY's.
            CallEnded: The call ended first.
            TimeoutError: Not yet; it goes on.
        """
        self._check_process()
        with self._condition:
            self._condition.wait_for(lambda: self._peer_is_known() or self._is_settled, timeout)
            peer = self.call._peer
            if self._is_started and peer is not None:
                return peer
            if self._is_started and self._names_no_peer:
                raise ProtocolError("RELAY reported the connection without naming the peer")
            self._raise_unless_connected(self._outcome(timeout))
        raise ConnectFailed("disconnected")

    def wait_disconnected(self, timeout: float | None = None) -> ConnectEvent:
        """Wait until the two are apart again, or the call has ended.

        Raises:
            ConnectFailed: They were never together.
            CallEnded: The call ended before they were together.
            TimeoutError: They talk on.
        """
        event = self.wait(timeout)
        self._raise_unless_connected(event)
        return event

    def _raise_unless_connected(self, event: RelayEvent) -> None:
        if self._state == "failed":
            raise ConnectFailed(getattr(event, "failed_reason", "") or "unknown")
        if event.synthetic and not self._is_started:
            raise CallEnded(self.call._end_reason, self._last_event)

    def _peer_is_known(self) -> bool:
        """Whether the peer that the event named is a Call by now, or it named none; requires _condition."""
        return self._is_started and (self.call._peer is not None or self._names_no_peer)

    def _observe(self, event: RelayEvent, afterwards: Afterwards) -> bool:
        if isinstance(event, ConnectEvent) and event.connect_state == "connected":
            self._names_no_peer = not event.peer.get("call_id")
        return super()._observe(event, afterwards)

    def _state_of(self, event: RelayEvent) -> str:
        return str(getattr(event, "connect_state", ""))

    def _synthetic_end(self) -> ConnectEvent:
        params = {"call_id": self.call.call_id, "node_id": self.call.node_id, "connect_state": "disconnected"}
        payload = {"event_type": self._event_type, "timestamp": self.call.session.clock.time(), "params": params}
        return attrs.evolve(ConnectEvent.from_payload(payload), synthetic=True)


class ConnectVerbs(Verbs):
    """The verbs that join a call to others."""

    _peer: Call | None

    def connect(
        self,
        devices: Sequence[Sequence[Device | Mapping[str, Any]]],
        *,
        ringback: Sequence[Media | Mapping[str, Any]] | None = None,
        tag: str | None = None,
        max_duration: int | None = None,
        max_price_per_minute: float | None = None,
        status_url: str | None = None,
        on_completed: Completed | None = None,
    ) -> ConnectAction:
        """Dial others and bridge whoever answers first to this call.

        Args:
            devices: Lists of devices: those of one list ring together, the lists one after the other.
            ringback: What this call hears meanwhile, as for ``play``.
            tag: A name for the attempt.
            max_duration: The longest they may talk, in minutes.
            max_price_per_minute: The most it may cost.
            status_url: A webhook for its states.
            on_completed: Called with the event that ended it.

        Returns:
            A handle, at RELAY's reply; ``wait_connected()`` gives the peer, ``wait_disconnected()`` the end.

        Raises:
            ConfigurationError: A destination that this client must not reach, or a stream that SignalWire could not.
            ValueError: No devices, or a line break or NUL in a SIP header or name.
        """
        wire = arrange(devices)
        check_devices(wire)
        check_media(ringback)
        self.session.check_destinations(wire)
        self._check_streams(wire)
        with self._bridging():
            return self._begin(ConnectAction, "connect", None, on_completed, devices=wire, ringback=ringback, tag=tag,
                               max_duration=max_duration, max_price_per_minute=max_price_per_minute,
                               status_url=status_url)  # fmt: skip

    def _check_streams(self, wire: list[list[Any]]) -> None:
        for device in (device for group in wire for device in group):
            params = device.get("params") if isinstance(device, Mapping) and device.get("type") == "stream" else None
            if isinstance(params, Mapping) and "url" in params:
                check_stream_url(str(params["url"]), self.session.is_local_host)

    def connect_phone(
        self,
        to: str,
        from_number: str | None = None,
        *,
        timeout: int | None = None,
        ringback: Sequence[Media | Mapping[str, Any]] | None = None,
        max_duration: int | None = None,
        max_price_per_minute: float | None = None,
    ) -> ConnectAction:
        """Connect to one telephone number, which rings for ``timeout`` seconds; see ``connect``."""
        return self.connect([[phone(to, from_number, timeout=timeout)]], ringback=ringback, max_duration=max_duration,
                            max_price_per_minute=max_price_per_minute)  # fmt: skip

    def connect_sip(
        self,
        to: str,
        from_: str | None = None,
        *,
        timeout: int | None = None,
        headers: Sequence[Mapping[str, str]] | Mapping[str, str] | None = None,
        codecs: list[str] | None = None,
        webrtc_media: bool | None = None,
        ringback: Sequence[Media | Mapping[str, Any]] | None = None,
        max_duration: int | None = None,
        max_price_per_minute: float | None = None,
    ) -> ConnectAction:
        """Connect to one SIP endpoint; see ``connect`` and ``devices.sip``."""
        device = sip(to, from_, timeout=timeout, headers=headers, codecs=codecs, webrtc_media=webrtc_media)
        return self.connect([[device]], ringback=ringback, max_duration=max_duration,
                            max_price_per_minute=max_price_per_minute)  # fmt: skip

    def connect_stream(
        self,
        stream: str | StreamTarget,
        *,
        name: str | None = None,
        codec: str | None = None,
        realtime: bool | None = None,
        authorization_bearer_token: str | None = None,
        custom_parameters: Mapping[str, Any] | None = None,
        max_duration: int | None = None,
        on_completed: Completed | None = None,
    ) -> ConnectAction:
        """Connect to a program at a WebSocket: it receives what the party says, and sends what the party hears.

        A stream is no call: use ``wait_started`` of what is returned, not ``wait_connected``, which names a peer.

        Args:
            stream: A ``media.TwoWayStream``, whose ``end`` is called when it is over, or a ``wss://`` address.
            name: Shown in events.
            codec: Such as ``PCMU`` (the default) or ``L16@16000h``.
            realtime: Trades buffering for low delay.
            authorization_bearer_token: Sent to the receiver as ``Authorization: Bearer``.
            custom_parameters: Delivered in the ``start`` message.
            max_duration: The longest it may last, in minutes.
            on_completed: Called with the event that ended it.

        Raises:
            ConfigurationError: An address that SignalWire refuses or could not reach, or that this client must not.
            MediaError: The stream has ended already.
        """
        receiver = None if isinstance(stream, str) else receiver_of(stream)
        url = stream if receiver is None else receiver.url
        if not isinstance(url, str):
            raise TypeError(f"stream must be an address or a receiver that has .url, not {stream!r}")
        if receiver is not None and authorization_bearer_token is None:
            authorization_bearer_token = receiver.token
        check_stream_url(url, self.session.is_local_host)
        device = devices.stream(url, name=name, codec=codec, realtime=realtime, custom_parameters=custom_parameters,
                                authorization_bearer_token=authorization_bearer_token)  # fmt: skip
        if receiver is None:  # one of ours is no destination: it is this program
            self.session.check_destinations([[device]])
        with self._bridging():
            return self._begin(ConnectAction, "connect", None, on_completed, {"receiver": receiver},
                               devices=[[as_wire(device)]], max_duration=max_duration)  # fmt: skip

    def disconnect(self) -> dict[str, Any]:
        """Take the call and its peer apart; both live on."""
        return self.request("disconnect")

    def transfer(self, dest: str) -> dict[str, Any]:
        """Give the control of the call to another program; this client does not end it any more.

        Args:
            dest: An https address of SWML, SWML text, or ``context:<name>``.
        """
        with self._handing_to("transfer"):
            return self.request("transfer", dest=dest)

    def refer(self, device: Device | Mapping[str, Any], *, status_url: str | None = None) -> dict[str, Any]:
        """Ask the SIP endpoint of this call to call somebody else instead (REFER, RFC 3515).

        Args:
            device: ``devices.sip(to, headers=...)``, or ``{"type": "sip", "params": {"to": ...}}``, which may hold
                ``username`` and ``password``.
            status_url: A webhook for its states.

        Raises:
            ConfigurationError: A destination that this client must not reach.
            ValueError: A line break or NUL in a header or name.
        """
        steps = arrange(device)
        if len(steps) != 1 or len(steps[0]) != 1:
            raise ValueError("refer() names one device")
        wire = steps[0][0]
        check_devices(wire)
        return self.request("refer", device=wire, status_url=status_url)

    @contextlib.contextmanager
    def _bridging(self) -> Iterator[None]:
        """Send inside a connect, which will have a peer of its own; refused, the call keeps the one that it has."""
        with self._condition:
            before, self._peer = self._peer, None
        try:
            with self._handing_to("connect"):
                yield
        except BaseException:
            with self._condition:
                self._peer = self._peer or before
            raise
