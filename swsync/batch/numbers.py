"""Telephone numbers as people write them, to E.164 (ITU-T) or to the reason why not, by libphonenumber."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import attrs

from swsync.errors import ConfigurationError

__all__ = ["Number", "as_e164", "check_prefixes", "check_region"]

E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
LONGEST = 64  # characters; more is no number


@attrs.frozen
class Number:
    """What a cell came to: ``e164``, or "" and ``reason``."""

    e164: str = ""
    reason: str = ""


@functools.cache
def _library() -> Any:
    try:
        import phonenumbers
    except ImportError:
        raise ConfigurationError("batch jobs need phonenumbers: pip install 'swsync[batch]'") from None
    return phonenumbers


@functools.cache
def _emergency_numbers() -> frozenset[str]:
    """The numbers under which help is called, of all countries: they are refused from everywhere."""
    from phonenumbers import SUPPORTED_SHORT_REGIONS, shortnumberinfo

    candidates = [str(number) for number in range(1000)] + ["0" + str(n) for n in range(1000)]
    return frozenset(
        number
        for region in SUPPORTED_SHORT_REGIONS
        for number in candidates
        if shortnumberinfo.is_emergency_number(number, region)
    ) | {"000", "110", "112", "118", "119", "911", "988", "999"}


def check_prefixes(prefixes: Sequence[str]) -> tuple[str, ...]:
    """Check the prefixes that may be dialed.

    Raises:
        ConfigurationError: None, or one that is no beginning of an E.164 number.
    """
    if isinstance(prefixes, str):
        prefixes = [prefixes]
    found = tuple(prefixes)
    if not found:
        raise ConfigurationError(
            "name the prefixes that may be dialed, such as prefixes=['+1202', '+44']: without any, nobody is called"
        )
    for prefix in found:
        if not re.fullmatch(r"\+[1-9]\d{0,14}", prefix, re.ASCII):
            raise ConfigurationError(f"a prefix is + and digits, such as '+1202', not {prefix!r}")
    return found


def check_region(region: str | None) -> str | None:
    """Check a country; "us" is "US", and none at all is None.

    Raises:
        ConfigurationError: libphonenumber knows none of that name: every number would be none.
    """
    if not region:
        return None
    found = str(region).upper()
    if found not in _library().SUPPORTED_REGIONS:
        raise ConfigurationError(f"region is a country as ISO 3166 has it, such as 'US' or 'DE', not {region!r}")
    return found


def as_e164(text: str, region: str | None, prefixes: Sequence[str]) -> Number:
    """Turn what stands in a cell into a number that may be dialed.

    Args:
        text: With or without spaces, dashes, brackets, ``00`` or Unicode digits.
        region: The country (ISO 3166) of numbers written without one, or None.
        prefixes: What may be dialed.

    Returns:
        The number, or why not: ``empty``, ``not_a_number``, ``extension``, ``emergency``, ``invalid``, ``premium`` or
        ``prefix``.
    """
    library = _library()
    cell = "".join(" " if unicodedata.category(c) == "Zs" else c for c in text[: LONGEST + 1])
    cell = cell.strip().lstrip("\ufeff").lstrip("'")
    if not cell:
        return Number(reason="empty")
    if len(cell) > LONGEST or not all(c.isprintable() for c in cell) or re.search(r"[=@;|&]", cell):
        return Number(reason="not_a_number")
    digits = "".join(str(ord_digit) for c in cell if (ord_digit := _digit(c)) is not None)
    if len(digits) <= 6:
        # However it is dressed up: 911, 00 112, +1 911.
        bare = {digits, digits.removeprefix("00"), digits.removeprefix("1"), digits.removeprefix("001")}
        return Number(reason="emergency" if bare & _emergency_numbers() else "not_a_number")
    if digits.startswith("00") and not cell.startswith(("+", "\uff0b")):
        cell = "+" + digits[2:]
    try:
        number = library.parse(cell, region)
    except library.NumberParseException:
        return Number(reason="not_a_number")
    if number.extension:
        return Number(reason="extension")
    if str(number.national_number) in _emergency_numbers():
        return Number(reason="emergency")
    if not library.is_valid_number(number):
        return Number(reason="invalid")
    kinds = library.PhoneNumberType
    if library.number_type(number) in (kinds.PREMIUM_RATE, kinds.SHARED_COST):
        return Number(reason="premium")
    e164 = str(library.format_number(number, library.PhoneNumberFormat.E164))
    if not E164.fullmatch(e164):
        return Number(reason="invalid")
    return Number(e164) if e164.startswith(tuple(prefixes)) else Number(e164, "prefix")


def _digit(character: str) -> int | None:
    """The value of a decimal digit of any script."""
    try:
        return int(character) if character.isdecimal() else None
    except ValueError:
        return None
