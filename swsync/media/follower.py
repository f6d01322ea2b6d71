"""Whoever follows a live track and passes it on in packets: to another RTP address, or into a pcap.

The packets are made anew from the audio, with the codec and the timestamps that it had. What never came is missing
there too: its sequence numbers are left out.
"""

from __future__ import annotations

import logging
import os
import random
import threading
from typing import TYPE_CHECKING, Any

from swsync.clock import RealClock
from swsync.errors import MediaError
from swsync.media.pcap import PcapWriter
from swsync.media.rtp import packetize
from swsync.media.sender import LAPSE, LARGEST, PAYLOAD_TYPES, RtpSender
from swsync.media.wav import keep_draining, stop_draining

if TYPE_CHECKING:
    from pathlib import Path

    from swsync.clock import Clock
    from swsync.media.track import Track

__all__ = ["Forward", "PcapRecording"]

logger = logging.getLogger(__name__)

BEHIND = 0.1  # seconds: reordered packets are in place by then
LEAD = 0.3  # seconds: the writer's thread looks five times a second, and what it brings lasts until it looks again
PTIME = 20
FINISH_TIME = 5.0  # seconds that the end of a forward waits for what is queued

_random = random.SystemRandom()


class _Follower:
    """Takes what has come of a track, in order, as audio and gaps. The writer's thread calls ``drain``."""

    def __init__(self, track: Track, *, from_oldest: bool) -> None:
        self.track = track
        self.overruns = 0  # samples that were overwritten before they were passed on
        self._pid = os.getpid()
        self._ptime = PTIME if track.rate * PTIME // 500 <= LARGEST else PTIME // 2  # L16 of OPUS has 48,000 a second
        self._samples = track.rate * self._ptime // 1000  # of a packet
        self._reader = track.reader(from_oldest=from_oldest)
        track.hurry()  # how old the newest audio is says whether the sender pauses
        self._lock = threading.Lock()  # held while draining
        self._closed = False  # guarded by _lock
        self._error: MediaError | None = None  # guarded by _lock

    @property
    def clock(self) -> Clock:
        """Of the track."""
        return self.track.clock

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._closed

    def _audio(self, position: int, pcm: memoryview) -> None:
        """Pass on samples; the last packet of a row may be short."""
        raise NotImplementedError

    def _gap(self, samples: int, is_missing: bool) -> None:
        """Nothing came for so long: packets were lost, or the sender paused."""
        raise NotImplementedError

    def _finish(self) -> None:
        """All that came was passed on."""

    def _has_room(self) -> bool:
        return True

    def _is_done(self) -> bool:
        return True

    def drain(self) -> None:
        """Pass on what has come; at the end of the track, close."""
        with self._lock:
            if self._closed:
                return
            try:
                self._pass_on(is_final=False)
                is_over = self.track.ended and self._is_done()
            except MediaError as error:
                logger.error("%s", error)
                self._error, is_over = error, True
        if is_over:
            self._end()

    def _pass_on(self, is_final: bool) -> None:
        assert self._lock.locked()
        state = self.track.report()
        is_final = is_final or bool(state.ended)
        # When nothing comes, the last of it is not kept back until something does: that would be after the pause.
        is_quiet = self.track.clock.now() - state.last_arrival / 1e9 >= BEHIND
        until = int(state.head) - (0 if is_final or is_quiet else int(BEHIND * self.track.rate))
        while state.started and (is_final or self._has_room()):
            left = until - self._reader.position if self._reader.begin() else 0
            count = min(left, self.track.rate)
            if not is_final:
                count -= count % self._samples  # whole packets
            if count <= 0:
                return
            block = self._reader.take(count, until)
            self.overruns += block.skipped
            if not len(block.samples):
                return
            self._pass_block(block)

    def _pass_block(self, block: Any) -> None:
        at = block.position
        if block.skipped:
            self._gap(block.skipped, True)
        for span in block.spans:
            if span.position > at:
                self._audio(at, block.samples[at - block.position : span.position - block.position])
            self._gap(span.samples, span.is_missing)
            at = span.position + span.samples
        if at < block.position + len(block.samples):
            self._audio(at, block.samples[at - block.position :])

    def close(self) -> None:
        """Pass on what has come, and end. Idempotent.

        Raises:
            MediaError: It failed, now or before.
        """
        if os.getpid() != self._pid:
            return
        with self._lock:
            if not self._closed and self._error is None:
                self._pass_on(is_final=True)
        self._end()
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def _end(self) -> None:
        stop_draining(self)
        with self._lock:
            already, self._closed = self._closed, True
        if not already:
            self._finish()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


class Forward(_Follower):
    """Sends a track on to another RTP address, about half a second later; ``receiver.forward`` makes it.

    Attributes:
        sender: The ``RtpSender`` that it uses, with its statistics.
        overruns: Samples that were overwritten before they were passed on.
    """

    def __init__(self, track: Track, host: str, port: int, **options: Any) -> None:
        if not isinstance(track.clock, RealClock):
            raise MediaError("forwarding takes the machine's time: on a virtual clock there is nobody to pace it")
        super().__init__(track, from_oldest=False)
        self.sender = RtpSender(
            host, port, track.codec, self._ptime, rate=track.rate, lead=LEAD, clock=track.clock, **options
        )
        self._rest = 0  # samples that do not fill a packet yet
        self._lasts_until = track.clock.now()  # what was passed on
        self._ahead = 0.0  # seconds that the sender's media clock has gone on by itself and that no gap accounts for
        keep_draining(self)

    def _audio(self, position: int, pcm: memoryview) -> None:
        self.sender.send(pcm, flush=False, wait=False)
        self._rest = (self._rest + len(pcm)) % self._samples
        self._ahead = 0.0
        self._lasts_until = self.clock.now() + self.sender.level

    def _gap(self, samples: int, is_missing: bool) -> None:
        padding = -self._rest % self._samples  # what fills up the last packet is a part of the gap
        self._rest = 0
        lost = round(samples / self._samples) if is_missing else 0
        seconds = max(0, samples - padding) / self.track.rate
        idle = self.clock.now() - self._lasts_until
        if idle > LAPSE:
            self._ahead = idle + LEAD
        done = min(seconds, self._ahead)  # a long gap comes in pieces
        self._ahead -= done
        self.sender.pause(seconds - done, lost=min(lost, 2**16 - 1))
        self._lasts_until = self.clock.now() + self.sender.level

    def _has_room(self) -> bool:
        return self.sender.level < 2.0

    def _is_done(self) -> bool:
        return self.sender.level <= 0

    def _finish(self) -> None:
        try:
            self.sender.drain(FINISH_TIME)
        except (MediaError, TimeoutError) as error:
            logger.warning("the forward of track %s ended early: %s", self.track.name, error)
        finally:
            self.sender.close()


class PcapRecording(_Follower):
    """Writes a track into a pcap that Wireshark plays; ``receiver.record_pcap`` makes it.

    Attributes:
        overruns: Samples that were overwritten before they were written.
    """

    def __init__(
        self, track: Track, path: str | os.PathLike[str], source: tuple[str, int], destination: tuple[str, int]
    ) -> None:
        super().__init__(track, from_oldest=True)
        self._ends = source, destination
        self._ssrc, self._sequence = _random.getrandbits(32), _random.getrandbits(16)
        self._marker = True
        self._offset = track.clock.time() - track.clock.now()
        self._writer = PcapWriter(path)
        keep_draining(self)

    @property
    def path(self) -> Path:
        """Of the finished file."""
        return self._writer.path

    @property
    def packets(self) -> int:
        """Written so far."""
        return self._writer.packets

    def _audio(self, position: int, pcm: memoryview) -> None:
        track, state = self.track, self.track.report()
        number = PAYLOAD_TYPES[track.codec]
        for at in range(0, len(pcm), self._samples):
            (datagram,) = packetize(
                pcm[at : at + self._samples], track.codec, self._ptime, self._sequence, (position + at) % 2**32,
                self._ssrc, marker=self._marker, payload_type=number, rate=track.rate,
            )  # fmt: skip
            sent = state.anchor / 1e9 + (position + at - state.origin) / track.rate
            self._writer.write(datagram, max(0.0, sent + self._offset), *self._ends)
            self._sequence = (self._sequence + 1) % 2**16
            self._marker = False

    def _gap(self, samples: int, is_missing: bool) -> None:
        if is_missing:
            self._sequence = (self._sequence + round(samples / self._samples)) % 2**16
        else:
            self._marker = True

    def _finish(self) -> None:
        try:
            self._writer.close()
        except MediaError as error:
            logger.error("%s", error)
