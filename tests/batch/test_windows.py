"""Calling hours in each row's own zone, across both clock changes."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swsync.batch.windows import Hours, zone_of
from swsync.errors import ConfigurationError

NEW_YORK = ZoneInfo("America/New_York")
RING = 30.0


def at(text: str, zone: ZoneInfo = NEW_YORK, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


@pytest.mark.parametrize(
    ("moment", "allowed"),
    [
        ("2026-06-01T08:59:59", False),
        ("2026-06-01T09:00:00", True),
        ("2026-06-01T19:59:30", True),  # the last start: it has rung out at eight
        ("2026-06-01T19:59:31", False),
        ("2026-06-01T20:00:00", False),
        ("2026-03-08T09:00:00", True),  # clocks went forward in the night
        ("2026-11-01T19:59:31", False),  # and back in this one
    ],
)
def test_the_hours_of_a_day(moment: str, allowed: bool) -> None:
    """From the first second to the end less the ringing, on days of 23, 24 and 25 hours."""
    assert allowed is Hours("09:00", "20:00").allows(at(moment), NEW_YORK, RING)


def test_the_hour_that_is_skipped_and_the_one_that_comes_twice() -> None:
    """In spring 02:30 does not exist; in autumn 01:30 does twice, and both times count."""
    hours = Hours("01:00", "03:00")
    before, after = at("2026-03-08T01:59:00"), at("2026-03-08T03:00:00")
    assert 60 == after - before
    assert hours.allows(before, NEW_YORK, RING)
    assert not hours.allows(before + 31, NEW_YORK, RING)  # it would ring into 03:00:01
    assert all(hours.allows(at("2026-11-01T01:30:00", fold=fold), NEW_YORK, RING) for fold in (0, 1))


def test_an_opening_in_the_skipped_hour_moves_behind_it() -> None:
    """02:30 to 05:00 begins at 03:00 on that day, not an hour early."""
    start = Hours("02:30", "05:00").next_start(at("2026-03-08T01:00:00"), NEW_YORK, RING)

    assert Hours("02:30", "05:00").allows(start, NEW_YORK, RING)
    assert "03:00" <= datetime.fromtimestamp(start, NEW_YORK).strftime("%H:%M") <= "03:30"


def test_days_of_the_week() -> None:
    """A Saturday evening waits for Monday."""
    hours = Hours("09:00", "17:00", ("mon", "tue", "wed", "thu", "fri"))

    assert at("2026-06-08T09:00:00") == hours.next_start(at("2026-06-06T10:00:00"), NEW_YORK, RING)


ZONES = ("America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC")


@given(
    moment=st.integers(min_value=int(at("2026-01-01T00:00:00")), max_value=int(at("2027-12-31T00:00:00"))),
    name=st.sampled_from(ZONES),
)
def test_every_next_start_is_allowed_and_none_is_missed_by_more_than_a_step(moment: int, name: str) -> None:
    """By the wall clock of each zone, looked at minute by minute around the answer."""
    zone, hours = ZoneInfo(name), Hours("09:00", "20:00")

    start = hours.next_start(float(moment), zone, RING)

    wall = [datetime.fromtimestamp(t, timezone.utc).astimezone(zone) for t in (start, start + RING)]
    assert start >= moment
    assert all("09:00:00" <= t.strftime("%H:%M:%S") <= "20:00:00" for t in wall)
    assert start == moment or not hours.allows(start - 60, zone, RING)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Olympus",
        "../../etc/passwd",
        "/etc/localtime",
        "America",
        "\0",
        "x" * 300,
        "localtime",
        "Factory",
        "right/UTC",
    ],
)
def test_an_unknown_zone_is_none(name: str) -> None:
    """So the row is not dialed."""
    assert zone_of(name) is None


@pytest.mark.parametrize(("start", "end"), [("20:00", "09:00"), ("9", "20:00"), ("09:00", "09:00"), ("25:00", "26:00")])
def test_hours_that_cannot_be(start: str, end: str) -> None:
    """A sentence, before anybody is called."""
    with pytest.raises(ConfigurationError):
        Hours(start, end)


def test_hours_that_are_shorter_than_the_ringing() -> None:
    """Nobody waits for ever for an opening that cannot come."""
    with pytest.raises(ConfigurationError, match="no room"):
        Hours("09:00", "09:01").next_start(0.0, NEW_YORK, 120.0)


def test_a_clock_change_may_skip_the_only_hours_of_a_week() -> None:
    """Two to half past two on Sundays: there is no such time on 29 March 2026 in Berlin. The next Sunday has it."""
    zone = ZoneInfo("Europe/Berlin")
    friday = datetime(2026, 3, 27, 15, 39, tzinfo=zone).timestamp()

    found = Hours("02:00", "02:30", ("sun",)).next_start(friday, zone, 30.0)

    assert datetime(2026, 4, 5, 2, 0, tzinfo=zone).timestamp() == found
