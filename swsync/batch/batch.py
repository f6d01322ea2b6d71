"""``Batch``: a list of numbers in, results out, nobody rung twice."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from swsync.batch.attempt import Script
from swsync.batch.guard import Guard
from swsync.batch.job import Job
from swsync.batch.ledger import Ledger, Loaded, Status
from swsync.batch.observing import Observer
from swsync.batch.opening import open_ledger
from swsync.batch.results import Result
from swsync.batch.runner import Progress, Runner
from swsync.callbacks import check_callback
from swsync.clock import REAL, Clock, VirtualClock
from swsync.errors import ConfigurationError

if TYPE_CHECKING:
    from swsync.batch.preflight import Preflight
    from swsync.batch.rowrunner import RowRunner
    from swsync.batch.workers import RowWorker
    from swsync.client import RelayClient

__all__ = ["Batch", "Summary"]

AnyRunner = TypeVar("AnyRunner", bound=Runner)
NO_SCRIPT = "there is nothing to do on a call: give Batch a script, such as batch.announce()"


@attrs.frozen(kw_only=True)
class Summary:
    """Where a job stands.

    Attributes:
        job: Its name.
        state: ``ready``, ``paused`` or ``cancelled``.
        reason: Why it is paused.
        statuses: How many rows there are of each status.
        outcomes: How many rows there are of each outcome, those that were skipped included.
        calls: Dials so far.
        minutes: Minutes of talk so far.
        cost: Money so far, by ``cost_per_minute``.
        abandoned: The share of the people who answered and heard nothing for two seconds.
        next_due: When the next row is due, seconds since 1970; None if none is pending.
        progress: What this run did; None if there was none.
        interrupted: Whether Ctrl-C stopped this run.
    """

    job: str
    state: str
    reason: str
    statuses: dict[str, int]
    outcomes: dict[str, int]
    calls: int
    minutes: float
    cost: float
    abandoned: float
    next_due: float | None
    progress: Progress | None = None
    interrupted: bool = False

    @property
    def standing(self) -> str:
        """``state`` as one says it: ``finished`` for a ready job of which no row is left to dial."""
        is_open = any(self.statuses.get(status) for status in (Status.PENDING, Status.CLAIMED, Status.DIALING))
        return "finished" if self.state == "ready" and self.statuses and not is_open else self.state

    def _repr_html_(self) -> str:
        from swsync.views.batches import summary_card

        return summary_card(self)


def _check_recordings(directory: str) -> None:
    """Raise if recordings cannot be written, before anybody is rung."""
    if directory and not (os.path.isdir(directory) and os.access(directory, os.W_OK | os.X_OK)):
        raise ConfigurationError(f"recordings={directory!r} is no directory that can be written: make it")


class Batch:
    """A job in a ledger.

    Args:
        name: Its name; the same name in the same ledger is the same job.
        ledger: A path, ``postgresql://user@host/database``, or a ``Ledger``.
        script: ``script(call, row) -> dict``, run on a thread of its own for each call that is answered.
        settings: What ``RelayClient`` takes; without it the credentials come from ``SIGNALWIRE_*``.
        job: The job's settings as a ``Job``; or give its fields as ``**options``. Without either, those of the ledger.
        observers: Who is told what happens.
        **options: Fields of ``Job``: ``from_number``, ``prefixes``, ``rate`` ...

    Raises:
        ConfigurationError: A setting is missing or cannot work.
        LedgerError: The ledger cannot be opened.
    """

    def __init__(
        self,
        name: str,
        ledger: Ledger | str | os.PathLike[str],
        script: Script | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        job: Job | None = None,
        observers: Sequence[Observer] = (),
        **options: Any,
    ) -> None:
        if script is not None and not callable(script):
            raise ConfigurationError(f"a script is a function script(call, row), not {script!r:.80}")
        if script is not None:
            try:
                check_callback("script", script)
            except TypeError as error:  # people would be rung, and hear nothing
                raise ConfigurationError(str(error)) from None
        if not name or not name.isprintable():
            raise ConfigurationError(f"a job needs a printable name, not {name!r}")
        self.name = name
        self._settings = dict(settings or {})
        clock = self._settings.get("clock")
        # A clock that is only faster has no time of day of its own: pace and leases keep the machine's.
        self._clock: Clock = clock if isinstance(clock, VirtualClock) else REAL
        if job is None and options:
            job = Job(**options)
        self._owns_ledger = not isinstance(ledger, Ledger)
        self.ledger: Ledger = ledger if isinstance(ledger, Ledger) else open_ledger(ledger, clock=self._clock)
        try:
            self.job = job or self._job_of_ledger()
            if job is not None:
                self.ledger.create(name, job.as_dict())
        except BaseException:
            self.close()
            raise
        self._script = script
        self._observers = tuple(observers)

    def _job_of_ledger(self) -> Job:
        found = self.ledger.jobs().get(self.name)
        if found is None:
            raise ConfigurationError(f"there is no job {self.name!r} in this ledger: give its settings")
        return Job.from_dict(found["settings"])

    def __repr__(self) -> str:
        return f"<Batch {self.name} in {self.ledger!r}>"

    def _repr_html_(self) -> str:
        from swsync.batch.report import pictures
        from swsync.views.batches import summary_card
        from swsync.views.markup import Markup, note

        try:
            return summary_card(self.status(), *map(Markup, pictures(self)))
        except ConfigurationError as error:
            return summary_card(self.status(), note(error))

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger, if this opened it."""
        if self._owns_ledger:
            self.ledger.close()

    # Before

    def load(self, source: str | os.PathLike[str] | Iterable[Mapping[str, str]]) -> Loaded:
        """Add rows: a CSV or Parquet file, or mappings of text by column. What was there already is only counted.

        Rows that must not be dialed (numbers, consent, zone) are added as ``skipped``, so that all are accounted for.
        """
        from swsync.batch.rows import read_rows, text_cells

        guard = Guard(self.job)
        cells: Iterator[Mapping[str, str]]
        cells = read_rows(source, self.job) if isinstance(source, (str, os.PathLike)) else map(text_cells, source)
        return self.ledger.load(self.name, (guard.admit(line) for line in cells))

    def preflight(self) -> Preflight:
        """Say what a run would do, skip and cost. Nobody is called."""
        from swsync.batch.preflight import preflight

        return preflight(self.ledger, self.name, self.job)

    def do_not_call(self, numbers: Iterable[str], reason: str = "listed") -> int:
        """Never dial these, in any job of this ledger; returns how many are new.

        Raises:
            ConfigurationError: One of them is no number: nothing is added, as it would be dialed all the same.
        """
        from swsync.batch.numbers import as_e164

        found = [as_e164(number, self.job.region, ("+",)) for number in numbers]
        if not all(number.e164 for number in found):
            bad = sum(not number.e164 for number in found)
            raise ConfigurationError(f"{bad} of {len(found)} entries of the do-not-call list are no telephone numbers")
        return self.ledger.add_do_not_call([number.e164 for number in found], reason)

    # During

    def _client(self, session: Mapping[str, str]) -> RelayClient:
        from swsync.client import RelayClient

        return RelayClient(**self._settings, session_state=session or None)

    def run(self, *, progress: bool = False) -> Summary:
        """Dial what is due, and return when nothing is left, or nothing is due for ``Job.wait`` seconds.

        Ctrl-C lets the calls that are on come to their end; a second one ends them now. Either way the next ``run``
        goes on where this one stopped.

        Args:
            progress: Whether a bar is shown (tqdm, in a terminal or a notebook).

        Raises:
            ConfigurationError: The job is paused or cancelled, or has no script.
            LedgerError: The ledger was out of reach for too long.
            ConnectionFailed: RELAY cannot be reached; ``AuthenticationFailed`` if it refuses the credentials.
        """
        if self._script is None:
            raise ConfigurationError(NO_SCRIPT)
        from swsync.batch.bar import Bar

        with self._client({}) as client:
            runner = self._runner(Runner, client)
            try:
                runner.start()
                with Bar(self, runner, shown=progress) as bar:
                    interrupted = self._wait(runner, bar)
            finally:
                runner.close()
        return attrs.evolve(self.status(runner.progress), interrupted=interrupted)

    @staticmethod
    def _wait(runner: Runner, bar: Any) -> bool:
        """Wait for its end; whether Ctrl-C has hastened it."""
        interrupted = False
        try:
            while not runner.wait(0.5):
                bar.update()
        except KeyboardInterrupt:
            interrupted = True
            runner.drain()
            bar.say("finishing the calls that are on; Ctrl-C again ends them")
            try:
                while not runner.wait(0.5):
                    bar.update()
            except KeyboardInterrupt:
                runner.abort()
                runner.wait(10.0)
        bar.update()
        return interrupted

    def due(self) -> Iterator[int]:
        """The ids of the rows that are pending and due: what a queue or a cluster carries to ``workers.dial``."""
        now = self.ledger.now()
        return (row["id"] for row in self.ledger.rows(self.name, Status.PENDING) if row["not_before"] <= now)

    def connect(self) -> RelayClient:
        """A connected client with the settings of this batch; closing it is yours."""
        return self._client({}).__enter__()

    def row_runner(self, client: RelayClient) -> RowRunner:
        """The engine of a process whose rows are named to it; it is not started."""
        from swsync.batch.rowrunner import RowRunner

        return self._runner(RowRunner, client)

    def _runner(self, kind: type[AnyRunner], client: RelayClient) -> AnyRunner:
        if self._script is None:
            raise ConfigurationError(NO_SCRIPT)
        if getattr(self._script, "needs_recordings", False) and not self.job.recordings:
            raise ConfigurationError("what they say would not be kept: name recordings= and recording_notice=")
        _check_recordings(self.job.recordings)
        return kind(
            self.ledger, self.name, job=self.job, script=self._script, client=client, connect=self._client,
            clock=self._clock, observers=self._observers,
        )  # fmt: skip

    def worker(self) -> RowWorker:
        """What dials single rows in other processes; it is pickled, and connects with the first row."""
        from swsync.batch.workers import RowWorker

        if self._script is None:
            raise ConfigurationError(NO_SCRIPT)
        ledger = self.ledger
        return RowWorker(self.name, ledger.place, self._script, settings=self._settings, lease=ledger.lease_seconds)

    # After

    def status(self, progress: Progress | None = None) -> Summary:
        """Where the job stands."""
        job = self.ledger.jobs()[self.name]
        statuses: dict[str, int] = {}
        outcomes: dict[str, int] = {}
        for (status, outcome), count in sorted(self.ledger.counts(self.name).items()):
            statuses[status] = statuses.get(status, 0) + count
            if outcome:
                outcomes[outcome] = outcomes.get(outcome, 0) + count
        return Summary(
            job=self.name,
            state=job["state"],
            reason=job["reason"],
            statuses=statuses,
            outcomes=outcomes,
            calls=job["calls"],
            minutes=job["seconds"] / 60,
            cost=job["cost"],
            abandoned=job["abandoned"] / job["humans"] if job["humans"] else 0.0,
            next_due=self.ledger.next_due(self.name),
            progress=progress,
        )

    def results(self, status: Status | str | None = None) -> Iterator[Result]:
        """Every row with what became of it, in the order of loading."""
        wanted = None if status is None else Status(status)
        return (Result.from_ledger(line) for line in self.ledger.rows(self.name, wanted))

    def resume(self) -> None:
        """Let a paused job go on with the next ``run``."""
        self.ledger.resume(self.name)

    def cancel(self) -> int:
        """Dial nothing more of it, for good; returns how many rows are spared."""
        return self.ledger.cancel(self.name)

    def retry(self, *outcomes: str, unknown: bool = False) -> tuple[int, int]:
        """Dial rows with these outcomes once more, and unknown ones if asked: these may have been rung.

        Returns:
            How many will be, and how many unknown ones not, as the process that dialed them is stopped, not dead.
        """
        return self.ledger.retry(self.name, outcomes=outcomes, unknown=unknown)

    def export(self, path: str | os.PathLike[str]) -> int:
        """Write all rows and results, as CSV or, by its name, Parquet; returns how many.

        Raises:
            ConfigurationError: It cannot be written there; or that is the ledger.
        """
        from swsync.batch.export import export

        self._spare_ledger(path)
        return export(self.results, path)

    def _spare_ledger(self, path: str | os.PathLike[str]) -> None:
        """Raise if a file would take the place of the ledger: who was rung would be forgotten, and rung again."""
        place = os.path.realpath(self.ledger.place)
        for name in (os.fspath(path), f"{os.fspath(path)}.part"):  # the second one until it is whole
            if os.path.realpath(name) in (place, place + "-wal", place + "-shm"):
                raise ConfigurationError(f"{name} is the ledger itself: name another file")

    def to_pandas(self) -> Any:
        """All rows and results as a ``pandas.DataFrame``."""
        from swsync.batch.export import to_pandas

        return to_pandas(self.results())

    def report(self, path: str | os.PathLike[str]) -> None:
        """Write one HTML page with pictures.

        Raises:
            ConfigurationError: It cannot be written there; that is the ledger; or matplotlib is not installed.
        """
        from swsync.batch.report import write_report

        self._spare_ledger(path)
        write_report(self, path)
