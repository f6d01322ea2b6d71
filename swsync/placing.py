"""Calls that a client places: ``dial`` and its short forms. What becomes of a dial is in ``swsync.dialing``."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from swsync.clientparts import ClientParts

if TYPE_CHECKING:
    from swsync.call import Call
    from swsync.devices import Device
    from swsync.dialing import Dial

__all__ = ["PlacingCalls"]

Listeners = Mapping[str, Callable[[Any], Any]]
One: TypeAlias = "Device | Mapping[str, Any]"
Devices: TypeAlias = "Sequence[Sequence[One] | One] | One"


def _preparing(listen: Listeners | None) -> Callable[[Call], object] | None:
    """What registers listeners with each leg, on the I/O thread: whatever is wrong with them is said here."""
    if listen is None:
        return None
    from swsync.calling.listening import read_listeners

    read_listeners(listen)
    return lambda leg: leg.listen(listen)


class PlacingCalls(ClientParts):
    """The methods that dial. What devices and calls need is imported with the first dial."""

    def dial(
        self,
        devices: Devices,
        *,
        tag: str | None = None,
        max_duration: int | None = None,
        dial_timeout: float | None = None,
        region: str | None = None,
        max_price_per_minute: float | None = None,
        node_id: str | None = None,
        listen: Listeners | None = None,
        wait_for_link: bool = True,
        gate: Callable[[], None] | None = None,
    ) -> Call:
        """Dial, and wait until somebody answers.

        Args:
            devices: RELAY's list of lists, the outer in turn and the inner at once; a list of devices is rung in turn.
                Values of ``swsync.devices`` or dicts.
            tag: A name for this dial; a new one by default.
            max_duration: The longest the call may last, in minutes.
            dial_timeout: Seconds to wait; None is the sum of the ring timeouts and 15.
            region: Where to place it.
            max_price_per_minute: Refuse dearer routes.
            node_id: The RELAY node to use.
            listen: Listeners for each leg from its first event, as ``Call.listen`` takes them.
            wait_for_link: Whether it is sent later when there is no link now; else that is a ``RequestTimeout``.
            gate: Called when all is ready, at once before it is sent. It may wait; if it raises, nothing is sent.

        Returns:
            The call that was answered. No other leg of this dial is left on.

        Raises:
            DialFailed: Nobody answered; ``.reason`` is busy, noAnswer, decline, timeout ...
            DialUnknown: It was sent, and what became of it cannot be known. It is not dialed again.
            RelayError: RELAY refused it.
            ConfigurationError: A destination that ``allowed_destinations`` does not cover.
            ValueError: No devices, a forged SIP header, or a tag in use.
        """
        self._check_open()
        importlib.import_module("swsync.call")  # here, not on the I/O thread with the first leg
        from swsync.devices import arrange, check_devices, compact
        from swsync.dialing import SLACK, Dial, ring_time

        steps = arrange(devices)
        check_devices(steps)
        self._router.check_destinations(steps)
        ring = ring_time(steps)
        prepare = _preparing(listen)
        dial = Dial(self._router, tag or str(uuid.uuid4()), ring, prepare)
        params = compact(
            {
                "tag": dial.tag,
                "devices": steps,
                "max_duration": max_duration or None,
                "region": region,
                "max_price_per_minute": max_price_per_minute,
                "node_id": node_id,
            }
        )
        if gate is not None:
            gate()
        self._add(dial)
        return dial.run(params, ring + SLACK if dial_timeout is None else dial_timeout, wait_for_link)

    def begin(
        self,
        device: One,
        *,
        tag: str | None = None,
        max_duration: int | None = None,
        region: str | None = None,
        node_id: str | None = None,
        listen: Listeners | None = None,
    ) -> Call:
        """Place a call to one device and return at RELAY's reply, before it rings: the deprecated ``calling.begin``.

        ``call.wait_for_answered()`` waits for the answer. ``dial`` does that itself, and can ring several devices.

        Args:
            device: Whom to ring: a value of ``swsync.devices`` or a dict.
            tag: A name for this dial; a new one by default.
            max_duration: The longest the call may last, in minutes.
            region: Where to place it.
            node_id: The RELAY node to use.
            listen: Listeners for the call from its first event, as ``Call.listen`` takes them.

        Returns:
            The call, ``created`` or further. It belongs to this client as one that was dialed does.

        Raises:
            RelayError: RELAY refused it. ``OutcomeUnknown``: it said nothing, and the call is ended on first sight.
            ConfigurationError: A destination that ``allowed_destinations`` does not cover.
            ValueError: No device, or more than one; a forged SIP header; a tag in use.
        """
        self._check_open()
        importlib.import_module("swsync.call")  # here, not on the I/O thread with the first leg
        from swsync.devices import arrange, check_devices, compact
        from swsync.dialing import Dial, ring_time

        steps = arrange(device)
        if len(steps) != 1 or len(steps[0]) != 1:
            raise ValueError("begin() rings one device; dial() rings several")
        check_devices(steps)
        self._router.check_destinations(steps)
        prepare = _preparing(listen)
        dial = Dial(self._router, tag or str(uuid.uuid4()), ring_time(steps), prepare)
        self._add(dial)
        params = {"device": steps[0][0], "tag": dial.tag, "max_duration": max_duration, "region": region,
                  "node_id": node_id}  # fmt: skip
        return dial.begin(compact(params))

    def _add(self, dial: Dial) -> None:
        """Have a dial known before it is sent: ``close()`` sees it, or it is seen here that the client closes."""
        self._router.add_dial(dial)
        try:
            self._check_open()
        except BaseException:
            self._router.drop_dial(dial)
            raise

    def end_dial(self, tag: str, ring: float = 30.0) -> None:
        """End every leg of a dial, now and on first sight, whoever dialed it: an earlier process, for one.

        Args:
            tag: Its name.
            ring: Seconds that its devices ring at most; legs are looked out for 150 s longer, for a silent
                link is noticed late.
        """
        self._check_open()
        from swsync.dialing import Dial

        dial = Dial(self._router, tag, ring)
        self._router.add_dial(dial)
        dial.give_up()

    def dial_phone(
        self,
        to: str,
        from_number: str | None = None,
        *,
        timeout: int | None = None,
        max_duration: int | None = None,
        call_state_url: str | None = None,
        call_state_events: list[str] | None = None,
        confirm: str | None = None,
        region: str | None = None,
        max_price_per_minute: float | None = None,
        node_id: str | None = None,
        tag: str | None = None,
        dial_timeout: float | None = None,
        listen: Listeners | None = None,
    ) -> Call:
        """Dial one telephone number, and wait until it is answered; see ``dial`` for what it returns and raises.

        Args:
            to: The number to ring, E.164.
            from_number: The number that is shown, E.164.
            timeout: Seconds to ring; the service's default is 30.
            max_duration: The longest the call may last, in seconds.
            call_state_url: A webhook for the call's states.
            call_state_events: Which states it is told.
            confirm: What whoever answers is asked first.
            region: Where to place it.
            max_price_per_minute: Refuse dearer routes.
            node_id: The RELAY node to use.
            tag: A name for this dial.
            dial_timeout: Seconds to wait; None is the ring timeout and 15.
            listen: Listeners for the call from its first event.
        """
        from swsync.devices import phone

        device = phone(to, from_number, timeout=timeout, max_duration=max_duration, call_state_url=call_state_url,
                       call_state_events=call_state_events, confirm=confirm)  # fmt: skip
        return self.dial([[device]], tag=tag, dial_timeout=dial_timeout, region=region,
                         max_price_per_minute=max_price_per_minute, node_id=node_id, listen=listen)  # fmt: skip

    def dial_sip(
        self,
        to: str,
        from_: str | None = None,
        *,
        from_name: str | None = None,
        headers: Sequence[Mapping[str, str]] | Mapping[str, str] | None = None,
        codecs: list[str] | None = None,
        webrtc_media: bool | None = None,
        session_timeout: int | None = None,
        timeout: int | None = None,
        max_duration: int | None = None,
        call_state_url: str | None = None,
        call_state_events: list[str] | None = None,
        confirm: str | None = None,
        region: str | None = None,
        max_price_per_minute: float | None = None,
        node_id: str | None = None,
        tag: str | None = None,
        dial_timeout: float | None = None,
        listen: Listeners | None = None,
    ) -> Call:
        """Dial one SIP endpoint, and wait until it is answered; see ``dial``, ``dial_phone`` and ``devices.sip``."""
        from swsync.devices import sip

        device = sip(to, from_, from_name=from_name, headers=headers, codecs=codecs, webrtc_media=webrtc_media,
                     session_timeout=session_timeout, timeout=timeout, max_duration=max_duration,
                     call_state_url=call_state_url, call_state_events=call_state_events, confirm=confirm)  # fmt: skip
        return self.dial([[device]], tag=tag, dial_timeout=dial_timeout, region=region,
                         max_price_per_minute=max_price_per_minute, node_id=node_id, listen=listen)  # fmt: skip
