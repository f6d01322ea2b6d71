"""What moves in a notebook: a call's card that follows the call, a level meter, a bar for a recording.

    from swsync import notebook

    notebook.live(call)                                 # the card, until the call ends
    meter = notebook.LevelMeter("heard")
    for frame in receiver.frames(timeout=5):
        meter.add(frame.samples)
    notebook.progress(action, capture)                  # waits like action.wait(), with a bar

What does not move needs nothing of this: a call, an action, a recording, a batch and a journal show themselves as the
last value of a cell. Needs the extra ``notebook``. None of it is a loop: cells run from top to bottom, and Ctrl-C
(interrupt the kernel) ends any wait.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from swsync.clock import REAL
from swsync.errors import ConfigurationError, MediaError
from swsync.views.markup import Markup, card, escape

if TYPE_CHECKING:
    from swsync.call import Call
    from swsync.calling._action import Action
    from swsync.calling.capture import CallCapture

__all__ = ["LevelMeter", "live", "progress"]

EVERY = 0.1  # seconds between two pictures of what moves
FLOOR = -60.0  # dBov, the left end of a meter
LOUD, FULL = -12.0, -3.0  # dBov, where a meter turns yellow and red
FALL = 20.0  # dB a second by which the peak's mark falls


def _display(value: str, handle: Any = None) -> Any:
    """Show a view, or put it where an earlier one is; returns the handle for that, None where nothing can be shown."""
    try:
        import IPython
    except ImportError:
        raise ConfigurationError("notebooks need more packages: pip install 'swsync[notebook]'") from None
    if IPython.get_ipython() is None:
        return None
    page: Any = IPython.display
    if handle is not None:
        handle.update(page.HTML(value))
        return handle
    return page.display(page.HTML(value), display_id=True)


def live(call: Call, limit: int = 1000) -> None:
    """Show the card of a call, and keep it up to date until the call ends. Returns at once.

    Args:
        call: The call; its events are kept from now on (``call.keep_events``).
        limit: How many events are kept.

    Raises:
        ConfigurationError: IPython is not installed.
    """
    log = call.keep_events(limit)
    seen = log.count
    handle = _display(call._repr_html_())
    if handle is not None:
        REAL.start(_follow, f"swsync-notebook-{call.call_id}", (call, handle, seen))


def _follow(call: Call, handle: Any, seen: int) -> None:
    """Show the card again whenever something has happened; on a thread of its own, which ends with the call."""
    log, is_over = call.keep_events(), False

    def has_changed() -> bool:
        return log.count != seen or call._over is not None

    while not is_over:
        with call._condition:
            call._condition.wait_for(has_changed)
            is_over = call._over is not None
        seen = log.count
        _display(call._repr_html_(), handle)
        REAL.sleep(EVERY)  # many events are one picture


class LevelMeter:
    """A bar that shows how loud something is, and a mark at its last peak. Not for use by two threads at once.

    Args:
        label: What it is the level of.

    Attributes:
        level: RMS of the last tenth of a second in dBov (ITU-T G.100.1: 0 is a full-scale square wave).
        peak: The largest sample of the last moments in dBov; falls by 20 dB a second.
    """

    def __init__(self, label: str = "level") -> None:
        self.label = label
        self.level = self.peak = FLOOR
        self._block = bytearray()
        self._handle: Any = None
        self._shown = -1.0

    def add(self, samples: Any, rate: int = 8000) -> None:
        """Take the next samples: a buffer of int16, such as a frame's. The bar moves ten times a second of them.

        Raises:
            MediaError: No sound has that many samples a second.
        """
        if not 1000 <= rate <= 192_000:
            raise MediaError(f"rate is from 1000 to 192000 samples a second, not {rate!r}")
        self._block += memoryview(samples).cast("B")
        size = 2 * int(EVERY * rate)
        while len(self._block) >= size:
            self._measure(bytes(self._block[:size]), rate)
            del self._block[:size]

    def _measure(self, block: bytes, rate: int) -> None:
        from swsync.media.meter import Meter
        from swsync.media.quality import ReceiverStats

        meter = Meter()
        meter.add(block, rate)
        quality = meter.quality(ReceiverStats(), is_concealed=False)
        self.level = max(FLOOR, quality.rms_dbov)
        self.peak = max(FLOOR, quality.peak_dbov, self.peak - FALL * EVERY)
        if REAL.now() - self._shown >= EVERY / 2:  # what waited in a buffer comes faster than it can be shown
            self._shown = REAL.now()
            self._handle = _display(self._repr_html_(), self._handle)

    def _repr_html_(self) -> str:
        colour = "#a33b2f" if self.peak >= FULL else "#c9a227" if self.level >= LOUD else "#2f6f4f"
        bar, mark = _share(self.level), _share(self.peak)
        ground = "position:relative;height:14px;background:var(--jp-layout-color2,#eee)"
        at = f"position:absolute;top:0;left:{mark:.1f}%;width:2px;height:14px;background:#888"
        return card(
            Markup(f"{escape(self.label)}&ensp;{self.level:.0f} dBov"),
            Markup(
                f'<div style="{ground}"><div style="width:{bar:.1f}%;height:14px;background:{colour}"></div>'
                f'<div style="{at}"></div></div>'
            ),
        )


def _share(level: float) -> float:
    """Where a level stands between the floor and full scale, in percent."""
    return 100 * (1 - max(FLOOR, min(0.0, level)) / FLOOR)


def progress(action: Action[Any], capture: CallCapture, seconds: float | None = None) -> Any:
    """Wait for an action like ``action.wait()``, while a bar (tqdm) shows how long the recording is.

    Args:
        action: What is waited for.
        capture: The recording.
        seconds: How long it will be, if that is known.

    Returns:
        The event that ended the action.

    Raises:
        CallEnded: The call ended without it, as ``wait()`` has it.
        ConfigurationError: tqdm is not installed.
    """
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ConfigurationError("the progress bar needs tqdm: pip install 'swsync[notebook]'") from None
    form = None if seconds else "{desc}: {n:.1f} s"
    with tqdm(total=seconds, desc="recorded", unit="s", bar_format=form) as bar:
        while not action.is_done:
            with contextlib.suppress(TimeoutError):
                action.wait(EVERY)
            bar.update(round(min(capture.duration, seconds or capture.duration) - bar.n, 2))
    return action.wait()
