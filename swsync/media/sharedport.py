"""One UDP port for the taps of many calls, told apart by who sends them, and where that is the same by their SSRC."""

from __future__ import annotations

import logging
import os
import socket
import threading
import weakref
from typing import TYPE_CHECKING

from swsync._media import lib
from swsync.clock import RealClock
from swsync.errors import ConfigurationError, MediaError, shown
from swsync.media import engine, pump
from swsync.media.ports import bind_udp, give_back, hosts

if TYPE_CHECKING:
    from swsync.media.rtpstream import RtpStream
    from swsync.media.track import Track
    from swsync.media.udp import RtpReceiver

__all__ = ["RtpPort"]

logger = logging.getLogger(__name__)

ROOM = 8 << 20  # octets that the kernel is asked to hold for all of them


class RtpPort:
    """A port that many receivers share: ``RtpReceiver(port=shared)``. For few open ports in a firewall, and many taps.

    What comes from an address goes to the receiver that expects it: by ``source=(address, port)``, or by its tap's
    ``source_device``, which ``call.tap(device=receiver)`` tells it. Until somebody does, it is held for a second,
    because audio may be quicker than the tap's reply; then it is dropped and counted as ``unmatched``. So it is of use
    only where SignalWire says where it sends from, and packets arrive from there. RTCP is read on this port only.

    Several taps may come from one address and port: then streams are told apart by SSRC. No packet says which tap it is
    of, so each must have had audio before the next is asked for (``receiver.wait_audio()``); a receiver that cannot be
    told from another one raises ``MediaError`` when it learns of its source.

    Args:
        host: As for ``RtpReceiver``.
        port: 0 takes a random even one.
        public_host: As for ``RtpReceiver``.
        public_port: As for ``RtpReceiver``.
        receivers: At most at a time, 65,536 or fewer.

    Raises:
        MediaError: The address cannot be bound.
        ConfigurationError: The number of receivers makes no sense.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int = 0,
        *,
        public_host: str | None = None,
        public_port: int | None = None,
        receivers: int = 8192,
    ) -> None:
        if not 1 <= receivers <= 65536:
            raise ConfigurationError(f"receivers must be 1 to 65536, not {shown(receivers)}")
        self.public_port = public_port
        self.host, self.public_host = hosts(host, public_host)
        self._socket = bind_udp(self.host, port)
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._closed = False  # guarded by _lock
        self._receivers: weakref.WeakSet[RtpReceiver] = weakref.WeakSet()  # guarded by _lock
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
            self.port: int = self._socket.getsockname()[1]
            self.is_ipv6 = self._socket.family == socket.AF_INET6
            self._link = engine.PortLink(self._socket.fileno(), receivers)
            engine.attach(self._link)
        except BaseException:
            self._socket.close()
            raise

    @property
    def unmatched(self) -> int:
        """Datagrams that nobody expected within a second."""
        return self._link.counter(lib.SW_SHARE_UNMATCHED)

    @property
    def datagrams(self) -> int:
        """All that came."""
        return self._link.counter(lib.SW_SHARE_DATAGRAMS)

    @property
    def kernel_drops(self) -> int:
        """Datagrams that the kernel dropped because the socket's buffer was full."""
        return self._link.counter(lib.SW_SHARE_KERNEL_DROPS)

    @property
    def refused(self) -> int:
        """Receivers that get nothing, because they could not be told from another one, or there were too many."""
        return self._link.counter(lib.SW_SHARE_REFUSED)

    def line(self, receiver: RtpReceiver) -> MemberLine:
        """What a receiver has here in place of a socket.

        Raises:
            MediaError: The port is closed, or belongs to the parent process.
        """
        if os.getpid() != self._pid:  # before the lock, which the fork may have stuck
            raise MediaError(f"{self!r} belongs to the parent process; make one after the fork")
        with self._lock:
            if self._closed:
                raise MediaError(f"{self!r} cannot take a receiver: make another one")
            self._receivers.add(receiver)
        return MemberLine(self, self._link)

    def refusal(self, code: int) -> MediaError:
        """What to raise for one of C's ``SW_JOIN_...``."""
        if code == lib.SW_JOIN_FULL:
            return MediaError(f"{self!r} has as many receivers as it may: make it with a larger receivers=")
        return MediaError(
            f"{self!r}: another receiver expects the same address and port, and had no audio when this one's address "
            "was told: nothing says whose audio is whose. Give each tap an RtpReceiver with a port of its own, or "
            "start one when the other has audio: wait_audio()"
        )

    def close(self) -> None:
        """End its receivers, and give the port back. Idempotent."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            already, self._closed = self._closed, True
            receivers = list(self._receivers)
        if already:
            return
        for receiver in receivers:
            receiver.close()
        engine.detach(self._link)
        give_back(self.port)
        self._socket.close()

    def __enter__(self) -> RtpPort:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RtpPort {self.host}:{self.port}{' closed' if self._closed else ''}>"


class MemberLine:
    """One receiver's part of a shared port."""

    rtcp_port: int | None = None

    def __init__(self, port: RtpPort, link: engine.PortLink) -> None:
        self.port = port.port
        self.is_ipv6 = port.is_ipv6
        self._shared = port
        self._port_link = link
        self._stream: RtpStream | None = None
        self._follows = False  # set by who follows first; twice does no harm

    def attach(self, stream: RtpStream, track: Track) -> None:
        """Receive from now on what comes from the address that is expected.

        Raises:
            MediaError: Another receiver expects the same.
        """
        speed = track.clock.speed if isinstance(track.clock, RealClock) else 1.0
        self._link = engine.Link(stream, -1, -1, speed, self._port_link)
        engine.attach(self._link)
        if stream.is_pinned:
            try:
                self.attend()
            except MediaError:
                engine.detach(self._link)
                raise
        self._stream = stream

    def follow(self) -> None:
        """Have the stream's fetchers called when there is something."""
        if self._stream is not None and not self._follows:
            self._follows = True
            pump.subscribe(self._stream.fetch)

    def ask(self) -> None:
        """From now on somebody may know the address, and send.

        Returns when the engine reckons with it: what is sent then is held for this receiver, and not taken for another
        stream of one that is there already.
        """
        lib.sw_socket_ask(self._link.c)
        if not lib.sw_socket_reckoned(self._link.c):
            engine.attend(self._link, lambda: lib.sw_socket_reckoned(self._link.c))

    def attend(self) -> None:
        """Take up what the stream was told to expect.

        Raises:
            MediaError: Another receiver expects the same.
        """
        engine.attend(self._link, lambda: lib.sw_socket_joined(self._link.c) != lib.SW_JOIN_WAITS)
        joined = lib.sw_socket_joined(self._link.c)
        if joined < 0:
            raise self._shared.refusal(joined)

    def detach(self) -> None:
        """Take what the port still holds for it, and nothing more."""
        if self._stream is None:
            return
        engine.detach(self._link)
        if self._follows:
            pump.unsubscribe(self._stream.fetch)
        self._stream.fetch()

    def close(self) -> None:
        """Nothing: the port stays."""
