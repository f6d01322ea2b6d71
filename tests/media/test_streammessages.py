"""The messages of a media stream, read from literal text."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swsync.errors import CodecError, MediaError, PacketError
from swsync.media.mediaformat import MediaFormat
from swsync.media.streammessages import (
    ConnectedMessage,
    DtmfMessage,
    MarkMessage,
    MediaMessage,
    StartMessage,
    StopMessage,
    UnknownMessage,
    parse_message,
)
from swsync.states import Codec

START: dict[str, Any] = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "streamSid": "S",
        "accountSid": "A",
        "callSid": "C",
        "tracks": ["inbound", "outbound"],
        "customParameters": {"session_id": "abc123"},
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    },
}
MEDIA: dict[str, Any] = {
    "event": "media",
    "sequenceNumber": "4",
    "media": {"track": "inbound", "chunk": "2", "timestamp": "20", "payload": base64.b64encode(b"\xff\x00").decode()},
}


def changed(message: dict[str, Any], inner: str, **fields: Any) -> str:
    """The text of a message with fields of its inner object replaced."""
    return json.dumps({**message, inner: {**message[inner], **fields}})


def test_connected() -> None:
    """The first message names protocol and version."""
    text = '{"event":"connected","protocol":"Call","version":"0.2.0"}'
    assert ConnectedMessage(protocol="Call", version="0.2.0") == parse_message(text)


def test_start() -> None:
    """A start message tells stream, call, tracks, parameters and format."""
    start = parse_message(json.dumps(START))
    assert isinstance(start, StartMessage)
    assert ("S", "A", "C", 1) == (start.stream_sid, start.account_sid, start.call_sid, start.sequence_number)
    assert ("inbound", "outbound") == start.tracks
    assert {"session_id": "abc123"} == start.custom_parameters
    assert MediaFormat(Codec.PCMU, 8000) == start.media_format
    assert START["start"] == start.params


@pytest.mark.parametrize(
    ("encoding", "rate", "expected"),
    [
        ("audio/x-mulaw", 8000, MediaFormat(Codec.PCMU, 8000)),
        ("audio/x-alaw", "8000", MediaFormat(Codec.PCMA, 8000)),
        ("audio/x-L16", 16000, MediaFormat(Codec.L16, 16000)),
        ("audio/L16", 24000, MediaFormat(Codec.L16, 24000)),
        ("PCMU", None, MediaFormat(Codec.PCMU, 8000)),
    ],
)
def test_formats(encoding: str, rate: object, expected: MediaFormat) -> None:
    """Every documented encoding and rate is understood, as a number or as text."""
    start = parse_message(changed(START, "start", mediaFormat={"encoding": encoding, "sampleRate": rate}))
    assert isinstance(start, StartMessage)
    assert expected == start.media_format


@pytest.mark.parametrize(
    "layout",
    [
        {"encoding": "audio/opus", "sampleRate": 48000},
        {"encoding": "video/x-mulaw", "sampleRate": 8000},
        {"encoding": "audio/x-mulaw", "sampleRate": 11},
        {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 2},
    ],
)
def test_unknown_formats(layout: dict[str, Any]) -> None:
    """A format that cannot be decoded is a codec's error, told from a broken message."""
    with pytest.raises(CodecError):
        parse_message(changed(START, "start", mediaFormat=layout))


def test_media() -> None:
    """A media message gives the octets, the track and its place."""
    expected = MediaMessage(sequence_number=4, track="inbound", chunk=2, timestamp=20, payload=b"\xff\x00")
    assert expected == parse_message(json.dumps(MEDIA))


def test_media_with_the_least() -> None:
    """Audio alone is enough: the service's example has no streamSid, others may leave out more."""
    assert MediaMessage(payload=b"") == parse_message('{"event":"media","media":{"payload":""}}')


def test_numbers_may_be_numbers() -> None:
    """Counters are strings on the wire, and are read as numbers too."""
    media = parse_message(changed(MEDIA, "media", chunk=7, timestamp=140.0))
    assert isinstance(media, MediaMessage)
    assert (7, 140) == (media.chunk, media.timestamp)


def test_dtmf_mark_stop() -> None:
    """The small messages."""
    dtmf = '{"event":"dtmf","sequenceNumber":"9","dtmf":{"digit":"d","duration":120}}'
    assert DtmfMessage(sequence_number=9, digit="D", duration=120) == parse_message(dtmf)
    assert MarkMessage(stream_sid="S", name="m") == parse_message(
        '{"event":"mark","streamSid":"S","mark":{"name":"m"}}'
    )
    assert StopMessage(sequence_number=12) == parse_message('{"event":"stop","sequenceNumber":"12"}')


def test_unknown_event() -> None:
    """What a later version of the protocol adds is no error."""
    assert UnknownMessage(event="weather") == parse_message('{"event":"weather","weather":{"sun":1}}')


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "[]", "1", "null", '"start"', "{}", '{"event":null}', '{"event":1}', '{"event":""}',
        '{"event":"media"}', '{"event":"media","media":[]}', '{"event":"media","media":{}}',
        '{"event":"start","start":{}}', '{"event":"start","start":{"mediaFormat":[]}}',
        '{"event":"dtmf","dtmf":{}}', '{"event":"mark","mark":{"name":""}}', '{"event":"mark","mark":"x"}',
        '{"event":"stop","sequenceNumber":NaN}', '{"event":"stop","sequenceNumber":' + "9" * 5000 + "}",
        "[" * 60_000, '{"a":' * 60_000, '{"event":"' + "x" * 1000 + '"}',
    ],
)  # fmt: skip
def test_broken_messages(text: str) -> None:
    """Text that is no message of a stream is a PacketError, whatever it is."""
    with pytest.raises(PacketError):
        parse_message(text)


@pytest.mark.parametrize("payload", ["*", "QQ", "QQ=", "Q===", "QQ==QQ==", "QQ ==", "QQ==\n", "\u1234", 7, None, []])
def test_base64_garbage(payload: object) -> None:
    """Only exact base64 is audio."""
    with pytest.raises(PacketError, match="payload"):
        parse_message(changed(MEDIA, "media", payload=payload))


@pytest.mark.parametrize("value", [-1, "-1", "1.5", 1.5, "", "٣", True, 2**60, "9" * 17, [], {}, "1e3", " 1"])
@pytest.mark.parametrize("field", ["chunk", "timestamp"])
def test_wrong_numbers(field: str, value: object) -> None:
    """A counter is a whole number in ASCII digits, not negative and not absurd."""
    with pytest.raises(PacketError, match=field):
        parse_message(changed(MEDIA, "media", **{field: value}))


@pytest.mark.parametrize("track", ["both", "", "INBOUND", 1, ["inbound"], {}])
def test_wrong_track(track: object) -> None:
    """There are two tracks."""
    with pytest.raises(PacketError, match="track"):
        parse_message(changed(MEDIA, "media", track=track))


@pytest.mark.parametrize("digit", ["", "11", "E", "a b", 5, None, "٣"])
def test_wrong_digit(digit: object) -> None:
    """A digit is one of sixteen."""
    with pytest.raises(PacketError, match="digit"):
        parse_message(json.dumps({"event": "dtmf", "dtmf": {"digit": digit}}))


def test_too_many_parameters() -> None:
    """The service allows 99 custom parameters; more are not kept."""
    with pytest.raises(PacketError, match="customParameters"):
        parse_message(changed(START, "start", customParameters={str(i): i for i in range(100)}))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    message=st.sampled_from([START, MEDIA]),
    field=st.sampled_from([*START["start"], *MEDIA["media"], "start", "media", "event", "sequenceNumber", "streamSid"]),
    value=values,
)
def test_any_value_in_any_field(message: dict[str, Any], field: str, value: object) -> None:
    """Any JSON value in any field gives a message or a MediaError, nothing else."""
    mutated = json.loads(json.dumps(message))
    inner = mutated.get(mutated["event"])
    (inner if field in inner else mutated)[field] = value
    try:
        parse_message(json.dumps(mutated))
    except MediaError:
        pass


@given(st.text())
def test_any_text(text: str) -> None:
    """Any text gives a message or a PacketError."""
    try:
        parse_message(text)
    except PacketError:
        pass
