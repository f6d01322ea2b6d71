"""The way back: whether SignalWire could bring audio to this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from swsync.commands.checks.finding import Finding, ok, warning, wrong
from swsync.errors import ConfigurationError, MediaError, SwsyncError

__all__ = ["look", "trial"]

PATIENCE = 3.0  # seconds for what is sent to oneself
TRIAL = 1.0  # seconds of audio that a trial wants
WAYS = {"stream": "a stream", "ws": "taps over WebSockets", "rtp": "taps over RTP"}
PAGE = "docs/nat.md says how"


def look(is_local: bool, timeout: float) -> Iterator[Finding]:
    """Where the audio of calls would be sent to, and whether that leads here as far as this machine can tell."""
    yield from _websocket(is_local, timeout)
    yield from _rtp(is_local)


def _websocket(is_local: bool, timeout: float) -> Iterator[Finding]:
    from swsync import media
    from swsync.calling.media_address import check_stream_url

    name = "media WebSocket"
    try:
        receiver = media.StreamReceiver()
    except (ConfigurationError, MediaError) as error:
        yield wrong(name, str(error), "mend SWSYNC_BIND_HOST, SWSYNC_MEDIA_PORT or SWSYNC_MEDIA_URL")
        return
    with receiver:
        base = receiver.url.rpartition("/stream/")[0]
        try:
            check_stream_url(receiver.url, is_local)
        except ConfigurationError as error:
            yield warning(name, str(error), f"without it record over RTP, or not at all; {PAGE}")
            return
        if os.environ.get("SWSYNC_MEDIA_URL") and not os.environ.get("SWSYNC_MEDIA_PORT"):
            yield warning(name, "SWSYNC_MEDIA_URL is set and SWSYNC_MEDIA_PORT is not: the port is another each time",
                          "set SWSYNC_MEDIA_PORT to the port that the proxy passes calls on to")  # fmt: skip
        fault = _knock(receiver, timeout)
        if fault:
            yield warning(name, f"{base} does not lead here, seen from this machine: {fault}",
                          f"unless it can be reached from outside only, look at the proxy; {PAGE}")  # fmt: skip
        else:
            yield ok(name, f"{base} leads here{' (this machine only)' if '://127.' in base else ''}")


def _knock(receiver: Any, timeout: float) -> str:
    """Connect to a receiver by its public address; what went wrong, or ""."""
    import ssl

    import websocket

    options: dict[str, Any] = {}
    if receiver.url.startswith("wss:"):
        context = ssl.create_default_context()
        if os.environ.get("SIGNALWIRE_RELAY_CA_FILE"):
            context.load_verify_locations(cafile=os.environ["SIGNALWIRE_RELAY_CA_FILE"])
        options = {"sslopt": {"context": context}}
    try:
        ws: Any = websocket.create_connection(
            receiver.url,
            timeout=timeout,
            header=[f"Authorization: Bearer {receiver.token}"],
            redirect_limit=0,
            **options,
        )
    except Exception as error:  # websocket-client lets OSError, ssl, value and its own errors through
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    ws.shutdown()
    return ""


def _rtp(is_local: bool) -> Iterator[Finding]:
    from swsync import media
    from swsync.calling.media_address import check_tap_device

    name = "media RTP"
    try:
        receiver = media.RtpReceiver()
    except (ConfigurationError, MediaError) as error:
        yield wrong(name, str(error), "mend SWSYNC_BIND_HOST or SWSYNC_RTP_PORTS")
        return
    with receiver:
        try:
            device = receiver.device
            check_tap_device(device, is_local)
        except ConfigurationError as error:
            yield warning(name, str(error), f"without it record over WebSockets; {PAGE}")
            return
        address = device["params"]["addr"]
        try:
            with media.RtpSender(address, device["params"]["port"], rtcp="none") as sender:
                sender.send(bytes(2 * 1600))
            has_come = receiver.wait_audio(PATIENCE)
        except MediaError as error:
            yield warning(name, f"cannot send to {address}: {error}", f"look at SWSYNC_PUBLIC_HOST; {PAGE}")
            return
        if has_come:
            yield ok(name, f"{address} leads here{' (this machine only)' if address.startswith('127.') else ''}")
        else:
            yield warning(name, f"what this machine sends to {address} does not come back",
                          "many routers do not: --call NUMBER tells for certain; else open the ports of "
                          f"SWSYNC_RTP_PORTS for UDP; {PAGE}")  # fmt: skip


def trial(client: Any, to: str, from_number: str) -> Iterator[Finding]:
    """Call a number and take a second of audio each way: the only proof."""
    from swsync import media

    try:
        call = client.dial_phone(to=to, from_number=from_number, timeout=30)
    except (SwsyncError, TimeoutError) as error:
        yield wrong("call", str(error), "look at the numbers: the second one must be yours")
        return
    with call:
        yield ok("call", f"{to} has answered")
        for via, text in WAYS.items():
            name = f"audio, {via}"
            try:
                with call.capture(media.CallbackSink(len), via=via) as capture:
                    capture.wait_duration(TRIAL, timeout=PATIENCE + 2 * TRIAL)
                yield ok(name, f"{text} brought {capture.duration:.1f} s")
            except (SwsyncError, TimeoutError) as error:
                yield warning(name, f"{text}: {error}", f"use another way, or mend the address; {PAGE}")
