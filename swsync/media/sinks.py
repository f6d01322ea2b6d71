"""Sinks other than files: arrays, callbacks and pipes; and several sinks as one."""

from __future__ import annotations

import array
import collections
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from swsync.callbacks import FAILURES, check_callback
from swsync.clock import REAL
from swsync.errors import ConfigurationError, MediaError
from swsync.media.sink import Sink
from swsync.media.soundfiles import SoundFileSink, is_for_soundfile
from swsync.media.wav import WavWriter, wav_header

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    Target: TypeAlias = "str | os.PathLike[str] | Sink | Callable[[memoryview], object] | Sequence[Any] | Any"

__all__ = ["ArraySink", "CallbackSink", "FileSink", "Sinks"]

logger = logging.getLogger(__name__)

THREAD_NAME = "swsync-sink"
PATIENCE = 5.0  # seconds that the end waits for a callback or a pipe to take what is left


class ArraySink(Sink):
    """Keeps a recording in memory, for NumPy (extra ``numpy``).

    Args:
        max_seconds: How much it holds; more is an error of the recording.
    """

    def __init__(self, max_seconds: float = 3600.0) -> None:
        self.rate, self.channels = 8000, 1
        self._max_seconds = max_seconds
        self._parts = bytearray()

    def begin(self, rate: int, channels: int) -> None:
        self.rate, self.channels = rate, channels

    def write(self, samples: Any) -> None:
        data = memoryview(samples).cast("B")
        if len(self._parts) + len(data) > self._max_seconds * self.rate * self.channels * 2:
            raise MediaError(f"the array holds {self._max_seconds:g} s: set max_seconds=")
        self._parts += data

    @property
    def samples(self) -> Any:
        """A copy: int16 of shape ``(frames,)``, or ``(frames, 2)`` with left said and right heard.

        Raises:
            MediaError: NumPy is not installed.
        """
        try:
            import numpy as np
        except ImportError:
            raise MediaError("arrays need NumPy: pip install 'swsync[numpy]'") from None
        flat = np.frombuffer(bytes(self._parts), dtype=np.int16)
        return flat if self.channels == 1 else flat.reshape(-1, self.channels)


class _OwnThread(Sink):
    """A sink that may have to wait: its thread takes what is queued, in order.

    Attributes:
        dropped: Frames that found the queue full.
    """

    def __init__(self, buffer: float) -> None:
        if not 0.1 <= buffer <= 3600:
            raise ConfigurationError(f"buffer must be 0.1 to 3600 s, not {buffer!r}")
        self.rate, self.channels, self.dropped = 8000, 1, 0
        self._buffer = buffer
        self._changed = REAL.condition()
        self._queue: collections.deque[bytes] = collections.deque()  # guarded by _changed, as all below
        self._queued = 0  # octets
        self._error: BaseException | None = None
        self._has_begun = self._is_ending = self._is_over = False
        self._thread = 0  # its thread's; written before it takes anything

    def take(self, samples: bytes) -> None:
        """Handle a block, on the sink's own thread."""
        raise NotImplementedError

    def begin(self, rate: int, channels: int) -> None:
        with self._changed:
            self.rate, self.channels = rate, channels
            self._has_begun = True
        REAL.start(self._run, THREAD_NAME)

    def write(self, samples: Any) -> None:
        data = bytes(memoryview(samples).cast("B"))
        frame = 2 * self.channels
        with self._changed:
            if self._error is not None:
                raise self._failure()
            if self._queued + len(data) > self._buffer * self.rate * frame:
                if not self.dropped:
                    logger.warning("%r is too slow: audio is dropped", self)
                self.dropped += len(data) // frame
                return
            self._queue.append(data)
            self._queued += len(data)
            self._changed.notify_all()

    def _failure(self) -> MediaError:
        return MediaError(f"{self!r} has failed: {self._error}")

    def _run(self) -> None:
        self._thread = threading.get_ident()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._is_ending)
                if not self._queue:
                    self._is_over = True
                    self._changed.notify_all()
                    return
                data = self._queue.popleft()
            try:
                self.take(data)
            except FAILURES as error:
                logger.exception("%r has failed", self)
                with self._changed:
                    self._error, self._is_over = error, True
                    self._queue.clear()
                    self._changed.notify_all()
                return
            with self._changed:
                self._queued -= len(data)

    def close(self) -> None:
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()
            if self._thread == threading.get_ident():
                return  # the function itself has ended the recording; it is given the rest when it returns
            if self._has_begun:
                self._changed.wait_for(lambda: self._is_over, PATIENCE)
            error, is_late = self._error, self._has_begun and not self._is_over
            left, self._queued = self._queued // (2 * self.channels), 0
            self._queue.clear()
        if error is not None:
            raise self._failure()
        if is_late:
            self.dropped += left
            raise MediaError(f"{self!r} did not take the last {left / self.rate:.1f} s within {PATIENCE:g} s")


class CallbackSink(_OwnThread):
    """Calls a function with each block of samples, as a memoryview of format ``h``, on a thread of its own.

    Args:
        function: What it raises ends this sink, and is an error of the recording.
        buffer: Seconds of audio that may wait for it; more is dropped and counted.
    """

    def __init__(self, function: Callable[[memoryview], object], buffer: float = 60.0) -> None:
        check_callback("the function of a recording", function)
        super().__init__(buffer)
        self._function = function

    def take(self, samples: bytes) -> None:
        self._function(memoryview(samples).cast("h"))

    def __repr__(self) -> str:
        return f"<CallbackSink {getattr(self._function, '__name__', self._function)!r}>"


class FileSink(_OwnThread):
    """Writes to an open binary file, a pipe or the standard output of a program, on a thread of its own.

    The file is flushed after each block, and stays open.

    Args:
        file: Anything with ``write(bytes)``.
        container: ``raw`` for int16 little-endian alone; ``wav`` with a header in front, whose sizes are unknown.
        buffer: Seconds of audio that may wait for it; more is dropped and counted.
    """

    def __init__(self, file: Any, container: str = "raw", buffer: float = 60.0) -> None:
        super().__init__(buffer)
        if container not in ("raw", "wav"):
            raise ConfigurationError(f"container must be raw or wav, not {container!r}")
        self._file = file
        self._head = container == "wav"

    def take(self, samples: bytes) -> None:
        if self._head:
            self._head = False
            self._put(wav_header("L16", self.rate, self.channels, None))
        if sys.byteorder == "big":
            swapped = array.array("h", samples)
            swapped.byteswap()
            samples = swapped.tobytes()
        self._put(samples)
        if hasattr(self._file, "flush"):
            self._file.flush()

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = self._file.write(view)  # an unbuffered file may take a part of it
            view = view[len(view) if written is None else written :]

    def __repr__(self) -> str:
        return f"<FileSink {getattr(self._file, 'name', self._file)!r}>"


class Sinks:
    """All sinks of one recording as one. One that fails ends; the recording goes on as long as one is left.

    Args:
        target: A path (WAV, or what its suffix says through soundfile), a sink, a function, an open binary file, or a
            sequence of them.
        channels: 1 or 2.

    Raises:
        MediaError: One cannot be made; then none is.
        ConfigurationError: There is none, or one is nothing that can be written to.
    """

    def __init__(self, target: Target, channels: int) -> None:
        self.rate, self.frames = 8000, 0
        self._channels, self._has_begun = channels, False
        self._sinks: list[Sink] = []
        self._failed: dict[Sink, MediaError] = {}
        try:
            for each in target if isinstance(target, (list, tuple)) else [target]:
                self._sinks.append(_sink(each, channels))
            if not self._sinks:
                raise ConfigurationError("a recording needs a path or another sink")
        except BaseException:
            self.discard()
            raise
        files = [sink.path for sink in self._sinks if sink.path is not None]
        self.path = files[0] if files else None

    def __str__(self) -> str:
        return ", ".join(str(sink.path or sink) for sink in self._sinks)

    @property
    def seconds(self) -> float:
        """Length of what was written so far."""
        return self.frames / self.rate

    def write(self, samples: array.array[int]) -> None:
        """Give samples to every sink that has not failed.

        Raises:
            MediaError: None is left.
        """
        for sink in self._sinks:
            if sink in self._failed:
                continue
            try:
                if not self._has_begun:
                    sink.begin(self.rate, self._channels)
                sink.write(samples)
            except FAILURES as error:
                self._fail(sink, _failure(sink, error))
        self._has_begun = True
        if len(self._failed) < len(self._sinks):
            self.frames += len(samples) // self._channels
        else:
            # What fitted is in the file.
            self.frames = getattr(self._sinks[0], "frames", self.frames)
            raise next(iter(self._failed.values()))

    def _fail(self, sink: Sink, error: MediaError) -> None:
        if sink not in self._failed:
            logger.error("%s; what was recorded before is in it", error)
            self._failed[sink] = error
        try:
            sink.close()
        except FAILURES as another:
            logger.debug("%s", _failure(sink, another))

    def close(self) -> None:
        """Finish all of them; a file without samples takes nobody's place.

        Raises:
            MediaError: One has failed, now or before.
        """
        for sink in self._sinks:
            try:
                if not self.frames and sink.path is not None and sink.path.exists():
                    sink.discard()
                else:
                    sink.close()
            except FAILURES as error:
                if sink not in self._failed:
                    self._failed[sink] = _failure(sink, error)
                    logger.error("%s", self._failed[sink])
        if self._failed:
            raise next(iter(self._failed.values()))

    def discard(self) -> None:
        """Give the recording up."""
        for sink in self._sinks:
            try:
                sink.discard()
            except FAILURES as error:
                logger.debug("%s", _failure(sink, error))


def _failure(sink: Sink, error: BaseException) -> MediaError:
    """What a sink of the user's raised, as what a sink may raise."""
    if isinstance(error, MediaError):
        return error
    logger.debug("a %s has failed", type(sink).__name__, exc_info=error)
    try:
        return MediaError(f"{sink!r} has failed: {type(error).__name__}: {error}")
    except FAILURES:  # its __repr__ and __str__ are somebody else's code too
        return MediaError(f"a {type(sink).__name__} has failed: {type(error).__name__}")


def _sink(target: Any, channels: int) -> Sink:
    if isinstance(target, Sink):
        return target
    if isinstance(target, (str, os.PathLike)):
        return SoundFileSink(target) if is_for_soundfile(target) else WavWriter(target, channels)
    if callable(target):
        return CallbackSink(target)
    if hasattr(target, "write"):
        return FileSink(target)
    raise ConfigurationError(f"{target!r} is no path, sink, function or binary file to record to")
