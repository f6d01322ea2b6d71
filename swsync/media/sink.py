"""What a recording is written to: the base of all sinks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["Sink"]


class Sink:
    """Takes the samples of one recording: ``begin`` once, ``write`` any number of times, then ``close`` or ``discard``.

    All calls come from one thread at a time, which writes other recordings too: a sink that may have to wait has a
    thread of its own.
    """

    @property
    def path(self) -> Path | None:
        """Of the file that it makes, if it makes one."""
        return None

    def begin(self, rate: int, channels: int) -> None:
        """Say what will come: samples a second, and 1 or 2 channels. Not called if nothing comes."""

    def write(self, samples: Any) -> None:
        """Take samples: a buffer of int16 in the machine's order, interleaved if stereo, which is not kept.

        Raises:
            MediaError: It takes no more.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Nothing more will come. Idempotent.

        Raises:
            MediaError: What was written is not whole.
        """

    def discard(self) -> None:
        """The recording is given up: leave nothing behind, if that can be. Idempotent."""
        self.close()
