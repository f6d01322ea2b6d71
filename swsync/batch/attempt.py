"""One attempt: from a committed intent to a committed result. A blocking function, for any thread of any worker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from swsync import devices
from swsync.batch.job import NO_NOTICE, Job
from swsync.batch.ledger import Intent, Lease, Ledger, Row, Status
from swsync.batch.pacer import Pacer
from swsync.batch.results import Facts
from swsync.batch.returned import in_words, plain, word
from swsync.batch.watch import Watch
from swsync.callbacks import FAILURES
from swsync.clock import Clock
from swsync.errors import (
    AuthenticationFailed,
    CallEnded,
    CallGone,
    ConnectionClosed,
    ConnectionFailed,
    DialFailed,
    Fenced,
    LedgerError,
    MediaError,
    OutcomeUnknown,
    RelayError,
    RequestTimeout,
)

if TYPE_CHECKING:
    from swsync.call import Call
    from swsync.client import RelayClient

__all__ = ["Attempt", "Ended", "Script"]

logger = logging.getLogger(__name__)

IMMEDIATE = 2.0  # seconds in which a failure says more about the account or the line than about the person
WRITTEN_DOWN = 0.5  # seconds at most that somebody who answered waits for the call to be written down
CATCH_UP = 30.0  # seconds at most that a call waits for what was heard on it to be committed
SYSTEMIC = {401: "refused credentials", 402: "payment required", 403: "not allowed"}


class Script(Protocol):
    """What is done on an answered call; its dict goes into the result, ``outcome`` in it names the outcome."""

    def __call__(self, call: Call, row: Row, /) -> Mapping[str, Any] | None: ...


class _NotItsTurn(Exception):
    """It may not be sent any more."""


@attrs.frozen(kw_only=True)
class Ended:
    """How an attempt ended.

    Attributes:
        outcome: One word.
        facts: What is known.
        status: ``DONE`` or ``UNKNOWN``; ``PENDING`` if it certainly rang nobody and is to be withdrawn.
        systemic: Why nothing else should be dialed, or "".
        is_immediate: It failed at once.
    """

    outcome: str
    facts: Facts
    status: Status = Status.DONE
    systemic: str = ""
    is_immediate: bool = False


class Attempt:
    """How the rows of one job are dialed.

    Args:
        ledger: Where it is committed.
        lease: The owner's.
        job: The settings.
        script: What is done once somebody answers.
        client: A connected client.
        pacer: For legs that a script connects to.
        clock: The ledger's time.
        keep: Runs a ledger operation until the ledger takes it.
    """

    def __init__(
        self,
        ledger: Ledger,
        lease: Lease,
        *,
        job: Job,
        script: Script,
        client: RelayClient,
        pacer: Pacer,
        clock: Clock,
        keep: Callable[[Callable[[], Any]], Any] | None = None,
    ) -> None:
        self._ledger = ledger
        self._lease = lease
        self._job = job
        self._script = script
        self._client = client
        self._pacer = pacer
        self._clock = clock
        self._keep = keep or (lambda operation: operation())

    def run(
        self,
        intent: Intent,
        wait_turn: Callable[[], bool],
        on_answer: Callable[[Call], None] = lambda call: None,
    ) -> Ended | None:
        """Wait for the turn, dial, run the script, and say how it ended.

        Args:
            intent: What was committed.
            wait_turn: Returns when it may be sent; False if it may not: then nothing was, and the result is None.
            on_answer: Called with the call once somebody answers.

        Raises:
            Fenced: The lease has run out; nothing was sent.
        """
        from swsync import call, dialing  # noqa: F401 -- loaded before the turn, so that the first dial is not late

        watch = Watch(self._clock, self._job.opt_out, self._seen(intent), self._opt_out(intent))
        device = self._device(intent.row)
        sent = 0.0

        def gate() -> None:
            nonlocal sent
            if not wait_turn():
                raise _NotItsTurn
            sent, watch.facts.sent_at = self._clock.now(), self._clock.time()
            self._pacer.sent(intent.tag)
            self._lease.check()

        try:
            answered = self._client.dial(
                [[device]], tag=intent.tag, listen=watch.listeners(), wait_for_link=False, gate=gate
            )
        except _NotItsTurn:
            return None
        except Fenced:
            raise
        except (RelayError, ConnectionFailed, ConnectionClosed) as error:
            return self._not_answered(error, watch, self._clock.now() - sent)
        finally:
            self._pacer.shown(intent.tag)
        on_answer(answered)
        outcome = self._talk(answered, intent.row, watch)
        facts = watch.close(self._job.cost_per_minute)
        return Ended(outcome=outcome, facts=facts, systemic=self._unannounced(watch))

    def _seen(self, intent: Intent) -> Callable[[Call, Facts], None]:
        def seen(call: Call, facts: Facts) -> None:
            facts.queue_seconds = round(self._pacer.shown(intent.tag) or 0.0, 3)
            state = self._client.session_state
            try:
                self._ledger.seen(self._lease, intent.tag, call.call_id, call.node_id, state)
            except LedgerError as error:
                # The cap that was sent with the dial bounds it.
                logger.warning("call %s could not be written down: %s", call.call_id, error)

        return seen

    def _opt_out(self, intent: Intent) -> Callable[[], None]:
        number = intent.row.number
        return lambda: self._keep(lambda: self._ledger.add_do_not_call([number], "opted out"))

    def _device(self, row: Row) -> devices.Device:
        job = self._job
        return devices.phone(
            row.number, job.from_number, timeout=int(job.ring_timeout), max_duration=int(job.max_duration)
        )

    def _not_answered(self, error: Exception, watch: Watch, took: float) -> Ended:
        facts = watch.close(self._job.cost_per_minute)
        facts.error = str(error)
        if isinstance(error, OutcomeUnknown):
            return Ended(outcome="unknown", facts=facts, status=Status.UNKNOWN)
        if isinstance(error, DialFailed):
            if error.reason == "closed":
                return Ended(outcome="interrupted", facts=facts, status=Status.UNKNOWN)
            return Ended(outcome=word(error.reason) or "error", facts=facts, is_immediate=took < IMMEDIATE)
        if isinstance(error, AuthenticationFailed):
            return Ended(outcome="refused", facts=facts, status=Status.PENDING, systemic=str(error))
        if isinstance(error, (RequestTimeout, ConnectionFailed, ConnectionClosed)):
            return Ended(outcome="not_sent", facts=facts, status=Status.PENDING)
        code, text = getattr(error, "code", -1), str(error)
        if code in SYSTEMIC or "from_number" in text or "from number" in text.lower():
            why = SYSTEMIC.get(code, "refused from-number")
            return Ended(outcome="refused", facts=facts, status=Status.PENDING, systemic=f"{why}: {text}")
        return Ended(outcome="refused", facts=facts, is_immediate=True)

    # Once somebody has answered

    def _talk(self, call: Call, row: Row, watch: Watch) -> str:
        """Run the script, and see to it that the call is over and an opt-out committed; returns the outcome."""
        facts = watch.facts
        try:
            with call:
                if call.state == "answered" and not facts.answered_at:
                    facts.answered_at = self._clock.time()
                self._catch_up(call, WRITTEN_DOWN)
                self._pace_connects(call)
                self._listen_for_opt_out(call, watch)
                try:
                    returned = self._run_script(call, row, watch)
                finally:
                    self._catch_up(call, CATCH_UP)
            data = plain(returned)
            named = word(data.pop("outcome", "") or "")
            facts.data, outcome = data, named or watch.failed or self._who_answered(watch)
        except (CallEnded, CallGone) as error:
            if getattr(error, "end_reason", "") in ("session_lost", "closed"):
                outcome = "interrupted"
            else:
                outcome = "max_duration" if call.end_reason == "max_duration" else "hung_up"
            facts.error = str(error)
        except MediaError as error:
            outcome, facts.error = "media_failed", str(error)
        except RelayError as error:
            outcome, facts.error = _failed_verb(error), str(error)
        except FAILURES as error:  # the user's code: the row must not be lost with it
            logger.exception("the script failed on row %d", row.id)
            outcome, facts.error = "script_error", in_words(error)
        self._wait_ended(call, facts)
        return "opted_out" if facts.opted_out else outcome

    def _wait_ended(self, call: Call, facts: Facts) -> None:
        try:
            call.wait_for_ended(timeout=5.0)
            facts.end_reason = call.end_reason
        except (TimeoutError, RelayError, ConnectionClosed):
            pass

    def _run_script(self, call: Call, row: Row, watch: Watch) -> Mapping[str, Any] | None:
        job = self._job
        if not job.recordings:
            return self._script(call, row)
        if job.recording_notice != NO_NOTICE:
            is_address = job.recording_notice.startswith(("http://", "https://"))
            (call.play_audio if is_address else call.play_tts)(job.recording_notice).wait(timeout=60)
            watch.facts.notice_at = self._clock.time()
        # With the tag: another ledger's row of the same number may be recorded in the same directory.
        path = Path(job.recordings) / f"{row.id}-{row.attempts + 1}-{call.tag[:8]}.wav"
        with call.capture(path) as capture:
            try:
                returned = self._script(call, row)
            finally:
                watch.facts.recording = str(path)
        watch.facts.quality = {side: _quality(stats) for side, stats in capture.quality.items()}
        return returned

    @staticmethod
    def _catch_up(call: Call, timeout: float) -> None:
        """Wait until what was heard so far is taken in: the call is written down, an opt-out is committed."""
        done = call.session.clock.condition()
        is_done = [False]

        def tell() -> None:
            with done:
                is_done[0] = True
                done.notify_all()

        call._call_back(tell)
        with done:
            done.wait_for(lambda: is_done[0], timeout)

    def _listen_for_opt_out(self, call: Call, watch: Watch) -> None:
        """Wait for the key, unless the script asks for keys itself: then its answers are looked at."""
        if not self._job.opt_out or getattr(self._script, "asks_for_digits", False):
            return

        def pressed(event: Any) -> None:
            if getattr(event, "event", "") == self._job.opt_out:
                watch.opted_out()
                call.hangup()

        call.detect_digit(digits=self._job.opt_out, timeout=float(self._job.max_duration), on_completed=pressed)

    def _pace_connects(self, call: Call) -> None:
        """Let each leg that the script connects to take its token, like every other call."""
        connect = call.connect

        def paced(steps: Any, *args: Any, **options: Any) -> Any:
            wire = devices.as_wire(steps)
            legs = wire if isinstance(wire, list) else [wire]
            if len(legs) > 1:
                raise ValueError("devices in turn cannot be paced: connect to one step of devices at a time")
            first = legs[0]
            if not self._pacer.wait_turn(self._lease, len(first) if isinstance(first, list) else 1):
                raise ConnectionClosed("the batch is stopping")
            return connect(steps, *args, **options)

        call.connect = paced  # type: ignore[method-assign, assignment]

    def _unannounced(self, watch: Watch) -> str:
        """Why a job that records without having said so must not go on."""
        if self._job.recording_notice or not watch.is_recorded:
            return ""
        return "the script records, taps or streams, and recording_notice= is not set: name it, or NO_NOTICE"

    def _who_answered(self, watch: Watch) -> str:
        answer = watch.facts.detection.get("answer", "")
        return {"MACHINE": "machine", "FAX": "fax", "HUMAN": "human"}.get(answer, "answered")


def _failed_verb(error: RelayError) -> str:
    """The outcome for a verb that RELAY refused or that came to nothing."""
    for verb, outcome in (
        ("detect", "detection_failed"),
        ("play", "play_failed"),
        ("record", "media_failed"),
        ("tap", "media_failed"),
        ("stream", "media_failed"),
    ):
        if f"calling.{verb}" in error.method:
            return outcome
    return "error"


def _quality(stats: Any) -> dict[str, Any]:
    return {
        "seconds": round(stats.seconds, 3),
        "packets": stats.packets,
        "lost": stats.packets_lost,
        "jitter_ms": round(stats.jitter_ms, 3),
    }
