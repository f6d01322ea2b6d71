"""A receiver's UDP sockets, and their place in the engine."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING

from swsync.clock import RealClock
from swsync.media import engine, pump
from swsync.media.ports import bind_rtcp, bind_udp, give_back, had

if TYPE_CHECKING:
    from swsync.media.rtpstream import RtpStream
    from swsync.media.track import Track

__all__ = ["SocketLine"]


class SocketLine:
    """A port for the audio, and the one above it for RTCP if that is to be had.

    Args:
        host: Address to bind.
        port: 0 takes a random even one.

    Raises:
        MediaError: The address cannot be bound.
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket = bind_udp(host, port)
        self._rtcp_socket = bind_rtcp(self._socket)
        self.port: int = self._socket.getsockname()[1]
        self.rtcp_port = self.port + 1 if self._rtcp_socket else None
        self.is_ipv6 = self._socket.family == socket.AF_INET6
        self._stream: RtpStream | None = None
        self._follows = False  # set by who follows first; twice does no harm

    def attach(self, stream: RtpStream, track: Track) -> None:
        """Receive from now on."""
        stream.refuse(had(self.port))
        speed = track.clock.speed if isinstance(track.clock, RealClock) else 1.0
        rtcp = self._rtcp_socket.fileno() if self._rtcp_socket else -1
        self._link = engine.Link(stream, self._socket.fileno(), rtcp, speed)
        track._on_hurry = partial(engine.hurry, self._link)
        engine.attach(self._link)
        self._stream = stream

    def follow(self) -> None:
        """Have the stream's fetchers called when there is something."""
        if self._stream is not None and not self._follows:
            self._follows = True
            self._stream.track.hurry()
            pump.subscribe(self._stream.fetch)

    def attend(self) -> None:
        """Take up what the stream was told to expect."""
        engine.attend(self._link)

    def detach(self) -> None:
        """Take what the sockets still hold, and nothing more."""
        engine.detach(self._link)
        if self._follows and self._stream is not None:
            pump.unsubscribe(self._stream.fetch)
        if self._stream is not None:
            self._stream.fetch()

    def close(self) -> None:
        """Give the ports back."""
        if self._stream is not None:
            give_back(self.port, self._stream.had())
        self._socket.close()
        if self._rtcp_socket:
            self._rtcp_socket.close()
