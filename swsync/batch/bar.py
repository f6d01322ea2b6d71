"""The progress of a run: one bar, in a terminal or a notebook."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

from swsync.errors import ConfigurationError

if TYPE_CHECKING:
    from swsync.batch.batch import Batch
    from swsync.batch.runner import Progress

__all__ = ["Bar"]


class HasProgress(Protocol):
    """What the bar looks at."""

    @property
    def progress(self) -> Progress: ...


class Bar:
    """Shows how many rows are done, how fast, what they came to and how long it takes; or nothing."""

    def __init__(self, batch: Batch, runner: HasProgress, *, shown: bool) -> None:
        self._runner = runner
        self._bar: Any = None
        self._done = 0
        if shown:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                raise ConfigurationError("the progress bar needs tqdm: pip install 'swsync[batch]'") from None
            statuses = batch.status().statuses
            total = sum(statuses.get(status, 0) for status in ("pending", "claimed", "dialing"))
            self._bar = tqdm(total=total, desc=batch.name, unit="call", dynamic_ncols=True)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self) -> None:
        """Show what there is now."""
        if self._bar is None:
            return
        progress = self._runner.progress
        done = sum(progress.outcomes.values())
        most = sorted(progress.outcomes.items(), key=lambda item: -item[1])[:4]
        self._bar.set_postfix({"on": progress.in_flight, **dict(most)}, refresh=False)
        self._bar.update(done - self._done)
        self._done = done

    def say(self, text: str) -> None:
        """Say something beside the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
