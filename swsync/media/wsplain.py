"""The plain messages of a media WebSocket, which C takes out of the octets (``csrc/wsmedia.c``).

Plain is a whole masked data frame with audio. Whatever else comes, ``Deframer`` reads; both place by the same function,
so a message means the same on both ways.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

from swsync._media import ffi, lib
from swsync.clock import RealClock

if TYPE_CHECKING:
    from swsync.clock import Clock
    from swsync.media.track import Track

__all__ = ["READ_SIZE", "Octets", "Plain", "Sweep", "refusal"]

READ_SIZE = 64 * 1024
FAR = 9e9  # seconds: later than any clock says

_REFUSALS = {
    lib.SW_WS_UNEXPECTED_TRACK: "unexpected_track",
    lib.SW_WS_HALF_SAMPLE: "half_sample",
    lib.SW_WS_NO_AUDIO: "no_audio",
    lib.SW_WS_REPLAYED: "replayed",
}


class Octets:
    """What one read gives, behind the beginning of a frame that the read before it left: one for all of a thread's."""

    def __init__(self) -> None:
        self.data = bytearray(lib.SW_WS_PLAIN + 16 + READ_SIZE)
        self.view = memoryview(self.data)
        self.c = ffi.from_buffer("uint8_t[]", self.data)
        self.taken = ffi.new("sw_ws_taken *")
        self.stop = ffi.new("sw_ws_stop *")


class Plain:
    """One socket's messages, from C to its tracks.

    All but ``report`` and ``place``'s codes belongs to the thread that reads the socket.

    Args:
        is_stream: JSON messages, else bare audio.
        max_size: Octets of the largest message.
        clock: Of arrival times.
    """

    def __init__(self, is_stream: bool, max_size: int, clock: Clock) -> None:
        octets = lib.sw_ws_octets()
        self._memory = ffi.new("uint8_t[]", octets)
        self.c = ffi.cast("sw_ws *", self._memory)
        lib.sw_ws_init(self.c, octets, lib.SW_WS_STREAM if is_stream else lib.SW_WS_TAP, max_size)
        self._now = clock.now
        self.speed = clock.speed if isinstance(clock, RealClock) else 0.0
        """Seconds of the clock in a second of the machine; 0 if it is virtual."""
        self._tracks: list[Track | None] = [None, None]  # kept alive as long as C knows them

    def take(self, octets: Octets, at: int, end: int) -> int:
        """Take the plain frames that the octets from ``at`` to ``end`` begin with; how many octets those were.

        ``octets.taken`` says what comes behind them. Whoever waits for the audio is woken.
        """
        done: int = lib.sw_ws_take(self.c, octets.c + at, end - at, int(self._now() * 1e9), octets.taken)
        lanes = octets.taken.lanes
        if lanes:
            for lane, track in enumerate(self._tracks):
                if track is not None and lanes & 1 << lane:
                    track.wake_readers()
        return done

    def feed(self, lane: int, track: Track) -> None:
        """Have audio placed in a track: a tap's lane is 0, a stream's inbound 0 and outbound 1."""
        self._tracks[lane] = track
        lib.sw_ws_lane(self.c, lane, track._c, track.rate, track.number)

    def start(self, stream_sid: str) -> None:
        """The stream has begun; one with an unusual name is read by ``json`` alone."""
        if stream_sid.isascii():
            lib.sw_ws_start(self.c, stream_sid.encode(), len(stream_sid))

    def carry(self, has_half_sample: bool) -> None:
        """Whether a tap's next message begins with the second half of a sample."""
        lib.sw_ws_carry(self.c, has_half_sample)

    def follow(self, number: int | None) -> None:
        """Count a sequence number."""
        lib.sw_ws_follow(self.c, -1 if number is None else number)

    def place(self, lane: int, chunk: int | None, timestamp: int | None, payload: bytes) -> str:
        """Place one media message of a stream; why it was not, or ""."""
        code: int = lib.sw_ws_place(
            self.c, lane, -1 if chunk is None else chunk, -1 if timestamp is None else timestamp,
            payload, len(payload), int(self._now() * 1e9),
        )  # fmt: skip
        if code != lib.SW_OK:
            return refusal(code)
        track = self._tracks[lane]
        if track is not None:
            track.wake_readers()
        return ""

    def sweep(self, descriptor: int) -> Any:
        """What lets C read the socket itself (``sw_ws_socket``)."""
        return ffi.new("sw_ws_socket *", {"ws": self.c, "fd": descriptor, "speed": self.speed})

    def report(self) -> Any:
        """The C core's counts (``sw_ws_state``)."""
        state = ffi.new("sw_ws_state *")
        lib.sw_ws_report(self.c, state)
        return state


def refusal(code: int) -> str:
    """A reason of C's as the name of its counter."""
    return _REFUSALS.get(code, "malformed")


class Sweep:
    """The sockets of which C reads what comes, many a call (``csrc/wsio.c``). Linux only."""

    possible = hasattr(select, "epoll")

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._sockets = ffi.new("sw_ws_socket *[]", 64)
        self._kept: dict[int, Any] = {}

    def fileno(self) -> int:
        """Readable when one of them is."""
        return self._epoll.fileno()

    def add(self, descriptor: int, socket: Any) -> None:
        """Have C read a socket from now on."""
        if descriptor >= len(self._sockets):
            larger = ffi.new("sw_ws_socket *[]", 2 * descriptor)
            for each, kept in self._kept.items():
                larger[each] = kept
            self._sockets = larger
        self._epoll.register(descriptor, select.EPOLLIN)
        self._sockets[descriptor] = self._kept[descriptor] = socket

    def remove(self, descriptor: int) -> None:
        """Have it leave a socket alone."""
        self._epoll.unregister(descriptor)
        self._sockets[descriptor] = ffi.NULL
        del self._kept[descriptor]

    def read(self, octets: Octets, now: float) -> Any:
        """Read every socket that has something; the one that has more than plain messages (``sw_ws_stop``), or None."""
        found = lib.sw_ws_sweep(
            self._epoll.fileno(), self._sockets, len(self._sockets), octets.c, READ_SIZE, int(now * 1e9), octets.stop
        )
        return octets.stop if found > 0 else None

    def keep_reading(self, octets: Octets, others: int, bell: int, tick: float, until: float) -> Any:
        """Read every socket that has something, now and each tick after, for as long as there is nothing else to do.

        Args:
            octets: Where what is read goes.
            others: Descriptor of an epoll of this one and of all else there is to see to.
            bell: Descriptor that becomes readable when somebody has something to do at once.
            tick: Seconds from one time to the next.
            until: When something else is to be done, by the machine's clock; infinite: nothing is known.

        Returns:
            As ``read``.
        """
        watch = ffi.new("sw_ws_watch *", (self._epoll.fileno(), others, bell, int(tick * 1e9)))
        end = int(min(until, FAR) * 1e9)
        found = lib.sw_ws_keep_sweeping(watch, self._sockets, len(self._sockets), octets.c, READ_SIZE, end, octets.stop)
        return octets.stop if found > 0 else None

    def close(self) -> None:
        self._epoll.close()
