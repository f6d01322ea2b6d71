"""What all receivers of audio have in common: their tracks, reading and recording them, and how they end."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from swsync.clock import REAL, seconds_of
from swsync.errors import MediaError
from swsync.media.playout import Frames, LiveReader, take_any
from swsync.media.track import Track
from swsync.media.trackwait import wait_any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from swsync.clock import Clock
    from swsync.media.capture import Capture
    from swsync.media.follower import Forward, PcapRecording
    from swsync.media.meter import TrackMeter
    from swsync.media.sinks import Target

__all__ = ["Receiver"]

R = TypeVar("R", bound="Receiver")


class Receiver:
    """The base of all receivers. Its tracks may be there from the start or come with the first media.

    Args:
        clock: Of all its times and waits.

    Attributes:
        min_delay: Seconds that ``frames`` and ``read`` stay behind at least, for late packets; 0 to 1.
        max_delay: At most; as long as ``min_delay`` fixes the delay. Both hold for readers that begin afterwards.
    """

    min_delay: float = 0.02
    max_delay: float = 0.4

    def __init__(self, *, clock: Clock = REAL) -> None:
        self._clock = clock
        self._pid = os.getpid()
        self._changed = clock.condition()
        self._tracks: dict[str, Track] = {}  # guarded by _changed; only ever grows
        self._forget: Callable[[], object] = int  # set before anybody else has this object; does nothing
        self._has_ended = False  # guarded by _changed
        self._closed = False  # guarded by _changed
        self._blocks: dict[str, LiveReader] = {}  # guarded by _changed; the places of read()
        self._overruns = 0  # guarded by _changed
        self._recordings: list[Capture] = []  # guarded by _changed
        self._followers: list[Forward | PcapRecording] = []  # guarded by _changed
        self._meters: dict[str, TrackMeter] = {}  # guarded by _changed; they end with their tracks

    # -- for subclasses

    def _add_track(self, *tracks: Track) -> None:
        """Make tracks known, all at once: whoever sees one of them sees the others. After ``end`` they end at once."""
        with self._changed:
            self._tracks.update({track.name: track for track in tracks})
            ended = self._has_ended
            self._changed.notify_all()
        for track in tracks if ended else ():
            track.end()

    def _announce(self, address: Hashable) -> None:
        """Let senders that live in the same scaled time ask how much has been taken."""
        receivers = getattr(self._clock, "receivers", None)
        if receivers is not None:
            receivers.close(address)  # who had the port before and was never closed
            receivers.open(address, self)
            self._forget = partial(receivers.close, address)

    @property
    def taken(self) -> int:
        """Packets or messages of audio that have been received, whatever became of them."""
        return sum(track.stats.packets for track in self.tracks.values())

    def _release(self) -> None:
        """Give back sockets and the like, once, after ``end``."""

    def _finish(self) -> None:
        """Take in what has arrived already; the tracks are ended after it."""

    def _check(self) -> None:
        """Raise in a forked child; before a lock, which the fork may have stuck."""
        if os.getpid() != self._pid:
            raise MediaError("this receiver belongs to the parent process; make one after the fork")

    # -- for users

    @property
    def device(self) -> dict[str, Any]:
        """What ``call.tap(device=...)`` is given so that the audio comes here."""
        raise MediaError(f"{type(self).__name__} is no device of a tap")

    @property
    def tracks(self) -> dict[str, Track]:
        """The tracks known so far, by name."""
        self._check()
        with self._changed:
            return dict(self._tracks)

    @property
    def closed(self) -> bool:
        """Whether its sockets were given back; what was received can still be read."""
        return self._closed

    @property
    def ended(self) -> bool:
        """Whether no more audio is expected: the end of its tap or stream, ``end`` or ``close``."""
        return self._has_ended

    @property
    def stats(self) -> Any:
        """``ReceiverStats`` of the track; with two tracks a dict of them by name."""
        tracks = self.tracks
        if len(tracks) == 1:
            return next(iter(tracks.values())).stats
        return {name: track.stats for name, track in tracks.items()}

    @property
    def quality(self) -> Any:
        """``Quality`` of the track (with two tracks a dict of them by name): its statistics, levels and talk time.

        The first look begins the measuring, with what the buffer holds.
        """
        self._check()
        from swsync.media.meter import TrackMeter

        found = {}
        for name, track in self.tracks.items():
            with self._changed:
                meter = self._meters.get(name)
            if meter is None:
                made = TrackMeter(track)
                with self._changed:
                    meter = self._meters.setdefault(name, made)
                if meter is not made:  # another thread was faster
                    made.close()
            found[name] = meter.quality()
        return next(iter(found.values())) if len(found) == 1 else found

    @property
    def overruns(self) -> int:
        """Samples that ``frames`` and ``read`` could not give, because they were asked for later than ``buffer``."""
        with self._changed:
            return self._overruns

    def wait_audio(self, timeout: float | None = None) -> bool:
        """Wait for the first audio; False if none came in time or before the end."""
        self._check()
        deadline = self._deadline(timeout)
        tracks = self._wait_tracks(timeout)
        if tracks:
            left = None if deadline is None else max(0.0, deadline - self._clock.now())
            wait_any([(track, -(2**62)) for track in tracks], left)
        return any(track.started for track in tracks)

    def _wait_tracks(self, timeout: float | None) -> list[Track]:
        with self._changed:
            self._changed.wait_for(lambda: self._tracks or self._has_ended, timeout)
            return list(self._tracks.values())

    def frames(
        self,
        timeout: float | None = None,
        *,
        track: str | None = None,
        min_delay: float | None = None,
        max_delay: float | None = None,
    ) -> Frames:
        """The audio in frames of 20 ms as it comes, from the oldest that is still held, until the end.

        With several tracks their frames alternate as they come. Each call has a place, a playout delay and a
        concealment of its own, in ``frames(...).readers``.

        Args:
            timeout: Seconds to wait for each frame.
            track: Only this one.
            min_delay: Instead of the receiver's.
            max_delay: Instead of the receiver's.

        Raises:
            TimeoutError: No frame came in time; the next call waits again.
            MediaError: There is no such track, or the limits of the delay make no sense.
        """
        least = self.min_delay if min_delay is None else min_delay
        most = self.max_delay if max_delay is None else max_delay
        return Frames(self, timeout, track, least, most)

    @property
    def readers(self) -> dict[str, LiveReader]:
        """The places of ``read``, by track: their playout delay and what they had to conceal."""
        with self._changed:
            return dict(self._blocks)

    def _wait_tracks_or_raise(self, timeout: float | None) -> list[Track]:
        tracks = self._wait_tracks(timeout)
        if not tracks and not self._has_ended:
            raise self._too_late(timeout)
        return tracks

    def _deadline(self, timeout: float | None) -> float | None:
        return None if timeout is None else self._clock.now() + seconds_of(timeout)

    @staticmethod
    def _too_late(timeout: float | None) -> TimeoutError:
        return TimeoutError(f"no audio within {timeout} s")

    def _count_overruns(self, samples: int) -> None:
        if samples:
            with self._changed:
                self._overruns += samples

    def read(self, n: int, track: str | None = None, *, timeout: float | None = None) -> memoryview:
        """The next ``n`` samples, as a memoryview of format ``h``; fewer only at the end.

        What never came is concealed, what the sender left out is silent; nothing is added or skipped. The place is one
        for all calls of ``read``, which are for one thread at a time.

        Args:
            n: Samples; may be more than the buffer holds.
            track: Which one; required if there are two.
            timeout: Seconds.

        Raises:
            TimeoutError: They did not come in time; the place has not moved.
            MediaError: There are several tracks and none was named, or the name is unknown.
            ValueError: ``n`` is below zero.
        """
        self._check()
        if n < 0:
            raise ValueError(f"n is a number of samples, not {n!r}")
        deadline = self._deadline(timeout)
        name = self._choose(self._wait_tracks_or_raise(timeout), track)
        if name is None:
            return memoryview(b"").cast("h")
        with self._changed:
            if name not in self._blocks:
                self._blocks[name] = LiveReader(self._tracks[name], self.min_delay, self.max_delay)
            reader = self._blocks[name]
        place, parts = reader.place(), bytearray()
        while len(parts) < 2 * n:
            # A second at a time: all of it at once may be more than the buffer holds.
            samples = min(n - len(parts) // 2, reader.track.rate)
            taken = take_any({reader: samples}, self._clock, deadline, may_skip=False)
            if taken is None:
                reader.go_back(place)
                raise self._too_late(timeout)
            self._count_overruns(reader.missed)
            if taken[1] is None:
                break
            parts += taken[1].samples
        return memoryview(parts).cast("h")

    @staticmethod
    def _choose(tracks: list[Track], name: str | None) -> str | None:
        names = [track.name for track in tracks]
        if name is None and len(names) > 1:
            raise MediaError(f"there are several tracks ({', '.join(names)}); name one with track=")
        if name is not None and names and name not in names:
            raise MediaError(f"there is no track {name!r}; there is {', '.join(names)}")
        return name or (names[0] if names else None)

    def save(self, to: Target) -> float:
        """Write what the buffer holds now into a WAV: one track mono, two stereo. Returns its seconds.

        Args:
            to: As for ``record``.

        Raises:
            MediaError: There is nothing to write, or it cannot be written there.
        """
        self._check()
        from swsync.media.capture import Capture

        saved = Capture(to, **self._sides(), clock=self._clock, is_live=False)
        saved.close()
        return saved.duration

    def record(self, to: Target) -> Capture:
        """Record what the buffer holds, and from now on, into a WAV.

        It is finished by ``close`` of what is returned, which tells what went wrong, or of this receiver.

        Args:
            to: A path; the suffix may name another format than WAV (extra ``soundfile``). Or another sink
                (``ArraySink`` ...), a function, an open binary file, or a list of several.

        Raises:
            MediaError: It cannot be written there.
        """
        self._check()
        from swsync.media.capture import Capture

        recording = Capture(to, **self._sides(), clock=self._clock)
        with self._changed:
            is_closed = self._closed
            if not is_closed:
                self._recordings = [*(other for other in self._recordings if not other.closed), recording]
        if is_closed:
            recording.finish()  # nothing more will come, and nobody would do it later
        return recording

    def forward(self, host: str, port: int, *, track: str | None = None, **options: Any) -> Forward:
        """Send a track on to another RTP address (a recorder, an analyser) from now on, about half a second later.

        The packets are made anew, with the same codec (L16 for OPUS and G.722) and timestamps that run as those that
        came; lost ones are missing there too. It ends with the track, with ``close`` of what is returned, or of this
        receiver.

        Args:
            host: Name or address.
            port: UDP port.
            track: Which one; required if there are two.
            options: As for ``RtpSender``: ``ssrc``, ``payload_type``, ``rtcp``, ``local_host``, ``local_port``.

        Raises:
            MediaError: There is no such track yet, or the address cannot be used.
        """
        from swsync.media.follower import Forward

        made = Forward(self._one(track), host, port, **options)
        self._keep(made)
        return made

    def record_pcap(self, path: str | os.PathLike[str], *, track: str | None = None) -> PcapRecording:
        """Write what the buffer holds of a track, and what comes, into a pcap that Wireshark plays.

        The packets are made anew from the audio, as for ``forward``, with the times at which they were due. It ends
        with the track, with ``close`` of what is returned, or of this receiver.

        Raises:
            MediaError: There is no such track yet, or the file cannot be made.
        """
        from swsync.media.follower import PcapRecording
        from swsync.media.pcap import is_address

        source = getattr(self, "source", None) or ("127.0.0.1", 40000)
        host, port = getattr(self, "host", "127.0.0.1"), getattr(self, "port", 5004)
        is_like_it = is_address(host) and (":" in source[0]) == (":" in host)
        made = PcapRecording(self._one(track), path, source, (host if is_like_it else source[0], port))
        self._keep(made)
        return made

    def _one(self, name: str | None) -> Track:
        """The track that is meant."""
        self._check()
        tracks = self.tracks
        chosen = self._choose(list(tracks.values()), name)
        if chosen not in tracks:
            raise MediaError("there is no track yet: wait_audio() first")
        return tracks[chosen]

    def _keep(self, follower: Forward | PcapRecording) -> None:
        with self._changed:
            self._followers = [*(other for other in self._followers if not other.closed), follower]

    def _sides(self) -> dict[str, Any]:
        """Which track is ``said`` and which ``heard`` (or functions that give them later)."""
        return dict(zip(("said", "heard"), self.tracks.values(), strict=False))

    def end(self, reason: str = "") -> None:
        """No more audio is expected: ``frames`` and ``read`` give what is there and end. Idempotent."""
        if os.getpid() != self._pid:
            return
        with self._changed:
            already, self._has_ended = self._has_ended, True
            tracks = list(self._tracks.values())
            self._changed.notify_all()
        try:
            if not already:
                self._finish()
        finally:
            for track in tracks:
                track.end(reason)

    def close(self) -> None:
        """End, finish what is being recorded, and give back sockets and threads. Idempotent.

        What was received can still be read and saved.
        """
        if os.getpid() != self._pid:
            return  # a forked child touches nothing of its parent's
        self.end("closed")
        with self._changed:
            already, self._closed = self._closed, True
            recordings, self._recordings = self._recordings, []
            followers, self._followers = self._followers, []
        try:
            self._forget()
            if not already:
                self._release()
        finally:
            for recording in recordings:
                recording.finish()
            for follower in followers:
                follower.close()

    def __enter__(self: R) -> R:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
