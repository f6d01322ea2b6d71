"""The text of a tap that names its format, and samples split between messages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swsync.media.mediaformat import MediaFormat
from swsync.media.tapmessages import SampleJoiner, parse_header
from swsync.states import Codec

PCMU = MediaFormat(Codec.PCMU, 8000)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("audio/mulaw;rate=8000", PCMU),
        ("audio/x-mulaw", PCMU),
        ("audio/basic", PCMU),
        ("audio/alaw;rate=8000", MediaFormat(Codec.PCMA, 8000)),
        ("audio/l16;rate=16000", MediaFormat(Codec.L16, 16000)),
        ("AUDIO/L16; Rate=24000; channels=1", MediaFormat(Codec.L16, 24000)),
        ("audio/mulaw;rate=;x", PCMU),
        ("audio/opus;rate=48000", None),
        ("audio/mulaw;rate=9", None),
        ("audio/l16;rate=16000;channels=2", None),
        ("text/plain", None),
        ("", None),
    ],
)
def test_both_forms(content_type: str, expected: MediaFormat | None) -> None:
    """The JSON form and the bare form mean the same; what could not be announces nothing."""
    assert expected == parse_header(json.dumps({"content-type": content_type}))
    assert expected == parse_header(json.dumps({"event": "start", "Content-Type": content_type}))
    assert expected == parse_header(f"content-type:{content_type}")
    assert expected == parse_header(f"\r\nContent-Type: {content_type}\r\n")


@pytest.mark.parametrize(
    "text", ["", "start", "{}", "{", "{]", '{"content-type": 1}', '{"a": "content-type:audio/mulaw"}', "[" * 5000]
)
def test_other_text(text: str) -> None:
    """Any other text means nothing."""
    assert parse_header(text) is None


@given(st.text())
def test_any_text(text: str) -> None:
    """No text raises."""
    parse_header(text)
    parse_header("{" + text)
    parse_header("content-type:" + text)


@given(st.binary(max_size=200), st.lists(st.integers(0, 30), max_size=20), st.sampled_from([1, 2]))
def test_any_split(data: bytes, cuts: list[int], size: int) -> None:
    """However the octets are cut into messages, the same whole samples come out."""
    joiner = SampleJoiner(size)
    out = b""
    left = data
    for cut in [*cuts, len(data)]:
        piece, left = left[:cut], left[cut:]
        whole = bytes(joiner.join(piece))
        assert len(whole) % size == 0
        out += whole
    assert data[: len(data) - len(data) % size] == out
    assert len(data) % size == joiner.pending
