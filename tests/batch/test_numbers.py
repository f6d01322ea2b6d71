"""Cells as people write them: a number in E.164, or a reason why not. Never a crash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swsync.batch.cells import close_cell, open_cell
from swsync.batch.numbers import E164, as_e164, check_prefixes
from swsync.errors import ConfigurationError

ANY = ("+",)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("+12025550100", "+12025550100"),
        ("+1 (202) 555-0100", "+12025550100"),
        ("202.555.0100", "+12025550100"),
        ("  2025550100\t", "+12025550100"),
        ("00442079460000", "+442079460000"),
        ("٢٠٢٥٥٥٠١٠٠", "+12025550100"),
        ("\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff10\uff10", "+12025550100"),
        ("\u202f+1\u00a0202\u00a05550100", "+12025550100"),
        ("'+12025550100", "+12025550100"),
    ],
)
def test_a_number_becomes_e164(cell: str, expected: str) -> None:
    """Whatever people put between the digits."""
    assert expected == as_e164(cell, "US", ANY).e164


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("911", "emergency"),
        ("9-1-1", "emergency"),
        ("٩١١", "emergency"),
        ("112", "emergency"),
        ("999", "emergency"),
        ("+1911", "emergency"),
        ("00112", "emergency"),
        ("202-555-0100 ext. 5", "extension"),
        ("+12025550100;ext=5", "not_a_number"),
        ("+19005550100", "premium"),
        ("+449098790000", "premium"),
        ("+1202555010", "invalid"),
        ("=1+1", "not_a_number"),
        ("+1202\x005550100", "not_a_number"),
        ("+12025550100\n+12025550101", "not_a_number"),
        ("call me", "not_a_number"),
        ("1" * 500, "not_a_number"),
    ],
)
def test_what_must_not_be_dialed_has_a_reason(cell: str, reason: str) -> None:
    """Emergency numbers are refused in every script and spelling."""
    assert reason == as_e164(cell, "US", ANY).reason


def test_only_listed_prefixes_are_dialed() -> None:
    """And none means nobody, with how to set them."""
    assert "prefix" == as_e164("+442079460000", None, ("+1202",)).reason
    with pytest.raises(ConfigurationError, match=r"prefixes=\["):
        check_prefixes([])
    with pytest.raises(ConfigurationError, match=r"\+1202"):
        check_prefixes(["1202"])


@given(st.text(max_size=40))
def test_no_cell_is_a_crash(cell: str) -> None:
    """It is E.164, or there is a reason."""
    found = as_e164(cell, "US", ("+1202",))

    assert bool(found.reason) or E164.fullmatch(found.e164)


@given(st.text(alphabet=st.sampled_from("'=+-@\t\r\n a1\uff1d|%")))
def test_a_cell_comes_back_as_it_was_and_is_no_formula(text: str) -> None:
    """Whatever it begins with."""
    closed = close_cell(text)

    assert text == open_cell(closed)
    assert E164.fullmatch(text) or not closed.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "|", "%"))


def test_a_telephone_number_is_not_closed() -> None:
    """Byte for byte."""
    assert "+12025550100" == close_cell("+12025550100")
