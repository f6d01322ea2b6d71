"""Whole jobs against the local relay, in virtual time."""

from __future__ import annotations

import html
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import swsync
from swsync.batch import (
    NO_NOTICE,
    Batch,
    Job,
    OpenTelemetryObserver,
    PrometheusObserver,
    SqliteLedger,
    announce,
    record,
    survey,
)
from swsync.clock import VirtualClock
from swsync.errors import ConfigurationError, LedgerError

OPEN: dict[str, Any] = {
    "from_number": "+12025550199",
    "prefixes": ["+1202"],
    "consent_waived_by": "the tests",
    "default_zone": "UTC",
    "start": "00:00",
    "end": "24:00",
    "rate": 20.0,
}

MakeBatch = Callable[..., Batch]


@pytest.fixture
def relay(clock: VirtualClock) -> Iterator[swsync.LocalRelay]:
    with clock.thread(), swsync.LocalRelay(clock=clock) as relay:
        yield relay


@pytest.fixture
def make(relay: swsync.LocalRelay, tmp_path: Path) -> Iterator[MakeBatch]:
    """Batches on one ledger, with numbers loaded."""
    made: list[Batch] = []

    def make(numbers: list[str], script: Any = None, name: str = "j", **options: Any) -> Batch:
        batch = Batch(
            name, tmp_path / "ledger.db", script or announce("Hello"), settings=relay.settings, **{**OPEN, **options}
        )
        made.append(batch)
        batch.load([{"number": number, "name": f"n{i}"} for i, number in enumerate(numbers)])
        return batch

    yield make
    for batch in made:
        batch.close()


def rung(relay: swsync.LocalRelay) -> Counter[str]:
    """How often each number was dialed, by the relay's journal."""
    return Counter(
        device["params"]["to_number"]
        for entry in relay.journal.requests("calling.dial")
        for step in entry.params["devices"]
        for device in step
    )


def outcomes(batch: Batch) -> dict[str, str]:
    return {result.number[-2:]: result.outcome for result in batch.results()}


def test_every_row_is_dialed_once_and_has_an_outcome(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """People, machines, busy lines and bad ones."""
    numbers = [f"+120255501{i}" for i in range(41, 54)]
    batch = make(numbers)

    summary = batch.run()

    assert dict.fromkeys(numbers, 1) == rung(relay)
    assert {"done": 13} == summary.statuses
    expected = {"41": "busy", "42": "noAnswer", "43": "decline", "44": "not_found", "49": "voicemail", "53": "error"}
    found = outcomes(batch)
    assert expected == {name: found[name] for name in expected}
    assert 13 == summary.calls


def test_a_job_that_ran_dials_nobody_when_it_runs_again(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """A scheduler may run it as often as it likes, and load the list each time."""
    make(["+12025550148", "+12025550141"]).run()

    make(["+12025550148", "+12025550141"]).run()

    assert {"+12025550148": 1, "+12025550141": 1} == rung(relay)


def test_a_machine_gets_the_message_after_its_beep_and_a_person_at_once(
    relay: swsync.LocalRelay, make: MakeBatch
) -> None:
    """Nobody waits in silence for a verdict; evidence and times are in the result."""
    batch = make(["+12025550148", "+12025550149"])
    batch.run()

    person, machine = batch.results()
    assert ("human", "HUMAN") == (person.outcome, person.facts.detection["answer"])
    assert ("voicemail", True) == (machine.outcome, machine.facts.detection["beep"])
    assert ["MACHINE", "READY"] == [event["event"] for event in machine.facts.detection["evidence"]]
    assert person.facts.first_audio_at - person.facts.answered_at < 1.0
    assert (True, False) == (person.facts.is_human, person.facts.is_abandoned)


def test_what_is_sent_bounds_the_call(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """Ring timeout and cap, in seconds, go with the device: also a leg that is never seen comes to an end."""
    make(["+12025550148"], ring_timeout=20, max_duration=90).run()

    (dial,) = relay.journal.requests("calling.dial")
    params = dial.params["devices"][0][0]["params"]
    assert (20, 90) == (params["timeout"], params["max_duration"])


def test_a_call_that_is_longer_than_its_cap_is_ended_from_here(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """Should the service not do it: here a script holds on to the call, and the cap is cut from the frame."""

    def hold_on(call: swsync.Call, row: Any) -> dict[str, Any]:
        call.wait_for_ended(timeout=1000)
        return {}

    batch = make(["+12025550100"], hold_on, max_duration=60)
    batch._client = lambda session: _without_cap(relay)  # type: ignore[method-assign]
    batch.run()

    (result,) = batch.results()
    assert 60 < result.facts.talk_seconds < 70


def _without_cap(relay: swsync.LocalRelay) -> swsync.RelayClient:
    client = swsync.RelayClient(**relay.settings)
    dial = client.dial

    def uncapped(devices: Any, **options: Any) -> swsync.Call:
        for step in devices:
            for device in step:
                device.params.pop("max_duration")
        return dial(devices, **options)

    client.dial = uncapped  # type: ignore[method-assign]
    return client


def test_the_pace_is_even(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """Two a second, no burst at the start and none when it goes on after a pause."""
    make([f"+1202556{i:04d}" for i in range(10)], lambda call, row: {}, rate=2.0).run()
    relay.clock.sleep(30)
    make([f"+1202557{i:04d}" for i in range(5)], lambda call, row: {}, rate=2.0).run()

    times = [entry.time for entry in relay.journal.requests("calling.dial")]
    assert 15 == len(times)
    assert min(b - a for a, b in itertools.pairwise(times)) >= 0.48


def test_dialing_halts_while_the_service_queues(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """More than two seconds from a dial to its first leg: nothing is dialed until that has shown itself."""
    relay.faults.delay("calling.call.state", 9.0, match={"call_state": "created"}, times=1)
    relay.faults.delay("calling.call.state", 9.0, match={"call_state": "ringing"}, times=1)
    relay.faults.delay("calling.call.state", 9.0, match={"call_state": "answered"}, times=1)
    relay.faults.delay("calling.call.dial", 9.0, times=1)
    batch = make([f"+1202556{i:04d}" for i in range(12)], lambda call, row: {}, rate=1.0)

    summary = batch.run()

    assert summary.progress is not None
    assert 1 == summary.progress.halts
    times = [entry.time for entry in relay.journal.requests("calling.dial")]
    assert max(b - a for a, b in itertools.pairwise(times)) > 5.0


def test_retries_wait_their_time_and_end(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """By outcome, with a not-before time, as often as allowed."""
    batch = make(["+12025550141"], retry={"busy": 100}, attempts=5, max_attempts=3)
    batch.run()

    times = [entry.time for entry in relay.journal.requests("calling.dial")]
    assert 3 == len(times)
    assert all(b - a >= 100 for a, b in itertools.pairwise(times))
    assert "busy" == outcomes(batch)["41"]


def test_payment_required_pauses_and_nobody_is_used_up(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """402: the rows go back, and the next run says why it does not begin."""
    relay.faults.refuse("calling.dial", code="402", message="Payment required", times=0)
    batch = make([f"+1202556{i:04d}" for i in range(5)])
    summary = batch.run()

    assert ("paused", {"pending": 5}, 0) == (summary.state, summary.statuses, summary.calls)
    assert "payment required" in summary.reason
    with pytest.raises(swsync.ConfigurationError, match="payment required"):
        batch.run()
    relay.faults.clear()
    batch.resume()
    assert {"done": 5} == batch.run().statuses


def test_ten_alike_in_a_row_are_no_coincidence(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """The line is at fault, not these people: their rows go back."""
    relay.faults.refuse("calling.dial", code="500", message="no route", times=0)
    batch = make([f"+1202556{i:04d}" for i in range(15)], concurrency=1)
    summary = batch.run()

    assert ("paused", {"pending": 15}) == (summary.state, summary.statuses)
    assert "10 dials in a row failed at once" in summary.reason


def test_an_opt_out_is_committed_before_the_call_ends_and_holds_in_every_job(
    relay: swsync.LocalRelay, make: MakeBatch
) -> None:
    """The key is pressed while something is played; the number is never dialed again."""
    relay.callee("+12025560001", speech=b"", presses=["9"])
    seen: list[bool] = []
    batch = make(["+12025560001"], announce("A long message. " * 20, detect=False))
    add = batch.ledger.add_do_not_call

    def watched(numbers: Any, reason: str) -> int:
        seen.append(all(call.state == "answered" for call in relay.calls))
        return add(numbers, reason)

    batch.ledger.add_do_not_call = watched  # type: ignore[method-assign]
    batch.run()
    again = make(["+12025560001"], name="k", attempts=9)
    again.run()

    assert "opted_out" == next(batch.results()).outcome
    assert seen[0]
    assert ("skipped", "do_not_call") == (next(again.results()).status, next(again.results()).outcome)
    assert {"+12025560001": 1} == rung(relay)


def test_a_survey_by_keys(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """Answers under their names; the opt-out key is an opt-out there too."""
    relay.callee("+12025560001", speech=b"", presses=["1", "2"])
    relay.callee("+12025560002", speech=b"", presses=["9"])
    script = survey({"colour": "One for red, two for blue.", "size": "One for small."})
    batch = make(["+12025560001", "+12025560002"], script)
    batch.run()

    first, second = batch.results()
    assert ("completed", {"colour": "1", "size": "2"}, "12") == (first.outcome, first.facts.data, first.facts.digits)
    assert "opted_out" == second.outcome
    assert batch.ledger.is_do_not_call("+12025560002")


def test_a_script_that_fails_is_an_outcome(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """The call is over, and the row has not been lost with it."""

    def broken(call: swsync.Call, row: Any) -> dict[str, Any]:
        raise KeyError("name")

    batch = make(["+12025550148"], broken)
    batch.run()

    assert ("script_error", "KeyError: 'name'") == (next(batch.results()).outcome, next(batch.results()).facts.error)
    assert all(call.state == "ended" for call in relay.calls)


@pytest.mark.parametrize(
    ("method", "outcome"), [("calling.play", "play_failed"), ("calling.detect", "detection_failed")]
)
def test_what_the_service_cannot_do_is_an_outcome_of_its_own(
    relay: swsync.LocalRelay, make: MakeBatch, method: str, outcome: str
) -> None:
    """Not the person's."""
    relay.faults.refuse(method, code="500", message="out of order", times=0)
    batch = make(["+12025550148"])
    batch.run()

    assert outcome == next(batch.results()).outcome


def test_caps_stop_the_job_with_what_is_in_flight(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """The cost is passed by no more than that."""
    batch = make([f"+1202556{i:04d}" for i in range(20)], max_cost=2.0, cost_per_minute=1.0, concurrency=2, rate=1.0)
    summary = batch.run()

    assert "paused" == summary.state
    assert "cost cap" in summary.reason
    assert 2.0 <= summary.cost <= 4.0
    assert 20 == sum(summary.statuses.values())


def test_nobody_is_called_outside_their_hours(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """Each row in its own zone; what is not due within ``wait`` stays pending."""
    batch = make(["+12025560001"], start="08:00", end="09:00", default_zone="Asia/Dubai", wait=10.0)
    summary = batch.run()

    assert {"pending": 1} == summary.statuses
    assert summary.next_due is not None
    assert {} == rung(relay)
    later = make(["+12025560002"], name="k", start="04:20", end="09:00", default_zone="Asia/Dubai", wait=3600.0)
    assert {"done": 1} == later.run().statuses
    assert 1200 <= relay.journal.requests("calling.dial")[0].time < 1210


def test_hours_may_end_while_a_dial_waits_for_its_turn(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """It is not sent then, and does not count as an attempt."""
    batch = make(["+12025560001", "+12025560002"], rate=0.01, start="00:00", end="00:02", wait=10.0)

    assert {"done": 1, "pending": 1} == batch.run().statuses
    assert [1] == list(rung(relay).values())


def test_preflight_calls_nobody(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """It says what would be skipped and why, the cost, and the calls at once that the rate needs."""
    batch = make(["+12025560001", "+12025560002", "911", "+442079460000"], cost_per_minute=0.5, rate=1.0)
    batch.do_not_call(["+12025560002"])
    found = batch.preflight()

    assert (1, {"do_not_call": 1, "emergency": 1, "prefix": 1}) == (found.due, found.skipped)
    assert (0.5, 60, 10) == (found.cost, found.concurrency, found.allowed)
    assert "emergency" in str(found)
    assert 0 == len(relay.journal.requests("calling.dial"))


def test_what_is_recorded_is_announced_first(relay: swsync.LocalRelay, make: MakeBatch, tmp_path: Path) -> None:
    """The notice is heard before the recording begins; its time, the file and its quality are in the result."""
    (tmp_path / "wavs").mkdir()
    batch = make(
        ["+12025550148"], announce("Hello", detect=False), recordings=str(tmp_path / "wavs"),
        recording_notice="This call is recorded.",
    )  # fmt: skip
    batch.run()

    (result,) = batch.results()
    facts = result.facts
    assert facts.answered_at < facts.notice_at < facts.ended_at
    assert Path(facts.recording).is_file()
    assert Path(facts.recording).name == f"1-1-{result.tag[:8]}.wav"  # of this ledger, and of no other one
    assert {"said", "heard"} == set(facts.quality)
    plays = relay.journal.requests("calling.play")
    assert "This call is recorded." == plays[0].params["play"][0]["params"]["text"]


def test_a_script_that_records_in_secret_pauses_the_job(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """One call, not a thousand."""

    def spy(call: swsync.Call, row: Any) -> dict[str, Any]:
        call.record().wait_started(timeout=10)
        return {}

    summary = make([f"+1202556{i:04d}" for i in range(5)], spy, rate=0.1).run()

    assert ("paused", 1) == (summary.state, summary.calls)
    assert "recording_notice" in summary.reason


def test_legs_that_a_script_connects_take_their_turn(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """And devices in turn cannot be paced."""
    refused: list[str] = []

    def bridge(call: swsync.Call, row: Any) -> dict[str, Any]:
        device = swsync.devices.phone("+12025550155", "+12025550199")
        try:
            call.connect([[device], [device]])
        except ValueError as error:
            refused.append(str(error))
        call.connect([[device]]).wait_connected(timeout=30)
        return {}

    make(["+12025560001", "+12025560002"], bridge, rate=0.1).run()

    starts = sorted(e.time for m in ("calling.dial", "calling.connect") for e in relay.journal.requests(m))
    assert (2, 4) == (len(refused), len(starts))
    assert min(b - a for a, b in itertools.pairwise(starts)) >= 9.9


def test_a_report_has_pictures_and_no_numbers(relay: swsync.LocalRelay, make: MakeBatch, tmp_path: Path) -> None:
    """One page, nothing from elsewhere; a job's name is no markup."""
    batch = make(["+12025550148", "+12025550149", "+12025550141"], name="<b>j</b>")
    batch.run()
    batch.report(tmp_path / "report.html")

    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "&lt;b&gt;j" in page
    assert "<b>" not in page
    assert "202555" not in page


def test_observers_are_told_and_harm_nobody(relay: swsync.LocalRelay, make: MakeBatch, tmp_path: Path) -> None:
    """Prometheus and OpenTelemetry count the same; one that fails is logged."""
    import prometheus_client
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    class Broken:
        def count(self, name: str, labels: Any) -> None:
            raise RuntimeError("no")

        def span(self, *_: Any) -> None:
            raise SystemExit("no")

    spans, registry = InMemorySpanExporter(), prometheus_client.CollectorRegistry()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    batch = make(["+12025550148", "+12025550141"])
    PrometheusObserver(registry)  # of a batch before
    batch._observers = (Broken(), PrometheusObserver(registry), OpenTelemetryObserver(tracer_provider=provider))
    batch.run()

    assert 2.0 == registry.get_sample_value("swsync_batch_events_total", {"event": "dialed", "outcome": ""})
    assert 1.0 == registry.get_sample_value("swsync_batch_events_total", {"event": "finished", "outcome": "busy"})
    assert ["busy", "human"] == sorted(span.attributes["outcome"] for span in spans.get_finished_spans())
    assert 2 == len(rung(relay))
    provider.shutdown()


def test_outcomes_without_end_are_no_series_without_end() -> None:
    """A script may name one for each row."""
    import prometheus_client

    registry = prometheus_client.CollectorRegistry()
    for number in range(1000):
        PrometheusObserver(registry).count("finished", {"outcome": f"order {number}"})
    samples = [each for metric in registry.collect() for each in metric.samples if each.name.endswith("events_total")]

    assert (101, 1000.0) == (len(samples), sum(each.value for each in samples))
    assert 900.0 == registry.get_sample_value("swsync_batch_events_total", {"event": "finished", "outcome": "other"})


class Mute(Exception):
    """Says nothing, and fails at that."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def fail(error: BaseException) -> Callable[..., Any]:
    def script(call: swsync.Call, row: Any) -> Any:
        raise error

    return script


@pytest.mark.parametrize(
    ("script", "outcome", "words"),
    [
        (lambda call, row: "ok", "script_error", "a script returns a dict or None, not str"),
        (lambda call, row: {"x": {(1, 2): 3}}, "script_error", "keys must be"),
        (lambda call, row: {"x": object()}, "answered", ""),
        (lambda call, row: {"outcome": "\ud800\0\n" + "x" * 100}, "\ufffd" * 3 + "x" * 61, ""),
        (fail(SystemExit(3)), "script_error", "SystemExit: 3"),
        (fail(Mute()), "script_error", "Mute"),
        (fail(ValueError("\udcff")), "script_error", "ValueError"),
    ],
)
def test_whatever_a_script_does_its_row_has_a_result(
    relay: swsync.LocalRelay, make: MakeBatch, tmp_path: Path, script: Any, outcome: str, words: str
) -> None:
    """The run goes on, and everything can be exported and reported."""
    batch = make(["+12025550148", "+12025550160"], script)

    assert {"done": 2} == batch.run().statuses

    first = next(batch.results())
    assert outcome == first.outcome
    assert words in first.facts.error
    batch.export(tmp_path / "out.csv")
    batch.report(tmp_path / "report.html")


@pytest.mark.parametrize("outcome", ["$\\frac{$", "_hidden", "$", "<script>"])
def test_a_report_of_hostile_words(relay: swsync.LocalRelay, make: MakeBatch, tmp_path: Path, outcome: str) -> None:
    """Nothing in them is computed, hidden or run."""
    batch = make(["+12025550148"], lambda call, row: {"outcome": outcome})
    batch.run()

    batch.report(tmp_path / "report.html")

    page = (tmp_path / "report.html").read_text()
    assert f"<td>{html.escape(outcome)}</td>" in page
    assert "<script>" not in page


def test_nobody_is_rung_for_a_text_that_cannot_be_said(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """A column that the list does not have stops the job before the first ring; a text that is none, before that."""
    summary = make(["+12025550148", "+12025550160"], announce("Hello {nam}")).run()

    assert ("paused", 0, {"pending": 2}) == (summary.state, summary.calls, summary.statuses)
    assert "no column 'nam'" in summary.reason
    with pytest.raises(ConfigurationError, match="brace"):
        announce("Hello {name")
    for empty in (lambda: announce(" "), lambda: survey({}), lambda: survey({"q": ""}), lambda: record("")):
        with pytest.raises(ConfigurationError, match="nothing to say"):
            empty()


def test_nobody_is_rung_for_a_recording_that_cannot_be_written(
    relay: swsync.LocalRelay, make: MakeBatch, tmp_path: Path
) -> None:
    """The directory has to be there."""
    batch = make(["+12025550148"], recordings=str(tmp_path / "none"), recording_notice=NO_NOTICE)

    with pytest.raises(ConfigurationError, match="is no directory"):
        batch.run()
    with pytest.raises(ConfigurationError, match="would not be kept"):
        make(["+12025550148"], record("Speak now."), name="k").run()

    assert not rung(relay)


@pytest.mark.parametrize(
    "options",
    [
        {"retry": 5},
        {"retry": {"busy": "600"}},
        {"retry": {"busy": -1}},
        {"wait": "900"},
        {"wait": float("nan")},
        {"region": "USA"},
        {"default_zone": "Europe/Berln"},
        {"from_number": 12025550199},
        {"start": 9},
        {"opt_out": None},
        {"rate": None},
        {"prefixes": 1202},
        {"days": [1]},
        {"number": ["phone"]},
        {"default_zone": 5},
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(options: dict[str, Any]) -> None:
    """And not by the first call that comes to use them."""
    with pytest.raises(ConfigurationError):
        Job(**{**OPEN, **options})


def test_a_ledger_that_becomes_read_only_ends_the_run_and_nobody_is_rung_twice(
    relay: swsync.LocalRelay, make: MakeBatch, clock: VirtualClock
) -> None:
    """Nobody else is dialed; whom it had dialed is unknown to the next run."""
    batch = make([f"+1202556{i:04d}" for i in range(30)], lambda call, row: close_the_ledger())
    ledger = batch.ledger
    assert isinstance(ledger, SqliteLedger)

    def turn(switch: str) -> None:
        with ledger._lock:
            for connection in ledger._connections.values():
                connection.execute(f"PRAGMA query_only = {switch}")

    def close_the_ledger() -> dict[str, Any]:
        turn("ON")
        return {}

    with pytest.raises(LedgerError, match="it must be writable for this user"):
        batch.run()
    in_flight = dict(rung(relay))
    assert 1 <= len(in_flight) <= 10
    turn("OFF")
    clock.sleep(ledger.lease_seconds + 1)

    make([], lambda call, row: {}).run()

    unknown = {result.number for result in batch.results("unknown")}
    assert {1} == set(rung(relay).values())
    assert {f"+1202556{i:04d}" for i in range(30)} == unknown | set(rung(relay))
    assert set(in_flight) <= unknown  # and perhaps one that waited for its turn


def test_who_opts_out_while_a_dial_waits_for_its_turn_is_not_rung(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """At six calls a minute the next one waits for ten seconds; the list is looked at once more then."""

    def opt_out_for_the_other(call: swsync.Call, row: Any) -> dict[str, Any]:
        batch.do_not_call(["+12025550160"])
        return {}

    batch = make(["+12025550148", "+12025550160"], opt_out_for_the_other, rate=0.1)
    summary = batch.run()

    assert {"+12025550148": 1} == rung(relay)
    assert ({"answered": 1, "do_not_call": 1}, 1) == (summary.outcomes, summary.calls)


def test_a_job_that_is_cancelled_while_a_dial_waits_for_its_turn_dials_nobody(
    relay: swsync.LocalRelay, make: MakeBatch
) -> None:
    """The one that waits is spared like the others."""
    batch = make(
        ["+12025550148", "+12025550160", "+12025550161"], lambda call, row: {"spared": batch.cancel()}, rate=0.1
    )
    summary = batch.run()

    assert {"+12025550148": 1} == rung(relay)
    assert {"cancelled": 2, "done": 1} == summary.statuses
