"""Builders of devices and media: the dicts of the wire."""

from __future__ import annotations

import attrs
import pytest

from swsync import devices


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (devices.phone("+1"), {"type": "phone", "params": {"to_number": "+1"}}),
        (
            devices.phone(
                "+1", "+2", timeout=20, max_duration=60, call_state_url="u", call_state_events=["ended"], confirm="c"
            ),
            {
                "type": "phone",
                "params": {
                    "to_number": "+1",
                    "from_number": "+2",
                    "timeout": 20,
                    "max_duration": 60,
                    "call_state_url": "u",
                    "call_state_events": ["ended"],
                    "confirm": "c",
                },
            },
        ),
        (
            devices.sip(
                "sip:a@b",
                "sip:c@d",
                from_name="n",
                timeout=1,
                max_duration=2,
                headers=[{"name": "X", "value": "1"}],
                codecs=["PCMU"],
                webrtc_media=True,
                session_timeout=3,
            ),
            {
                "type": "sip",
                "params": {
                    "to": "sip:a@b",
                    "from": "sip:c@d",
                    "from_name": "n",
                    "timeout": 1,
                    "max_duration": 2,
                    "headers": [{"name": "X", "value": "1"}],
                    "codecs": ["PCMU"],
                    "webrtc_media": True,
                    "session_timeout": 3,
                },
            },
        ),
        (devices.webrtc("a", "b", timeout=1), {"type": "webrtc", "params": {"to": "a", "from": "b", "timeout": 1}}),
        (devices.call("C", "N"), {"type": "call", "params": {"call_id": "C", "node_id": "N"}}),
        (
            devices.queue("q", "N", queue_id="Q"),
            {"type": "queue", "params": {"queue_name": "q", "node_id": "N", "queue_id": "Q"}},
        ),
        (
            devices.stream(
                "wss://e.com/x",
                name="n",
                codec="PCMU",
                realtime=True,
                authorization_bearer_token="t",
                custom_parameters={"a": "line\nbreak"},
            ),
            {
                "type": "stream",
                "params": {
                    "url": "wss://e.com/x",
                    "name": "n",
                    "codec": "PCMU",
                    "realtime": True,
                    "authorization_bearer_token": "t",
                    "custom_parameters": {"a": "line\nbreak"},
                },
            },
        ),
        (devices.tts("hi", voice="v"), {"type": "tts", "params": {"text": "hi", "voice": "v"}}),
        (devices.audio("https://e.com/a"), {"type": "audio", "params": {"url": "https://e.com/a"}}),
        (devices.silence(1.5), {"type": "silence", "params": {"duration": 1.5}}),
        (devices.ringtone("us"), {"type": "ringtone", "params": {"name": "us"}}),
    ],
)
def test_a_builder_makes_the_wires_dict(built, expected):
    """None is left out, everything else is there."""
    assert expected == built.as_dict()
    assert expected == devices.as_wire(built)


def test_values_are_frozen():
    """A device that is used for many calls stays what it is."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        devices.phone("+1").type = "sip"


def test_as_wire_goes_into_lists_and_leaves_the_rest():
    """The nesting of devices for dial and connect."""
    raw = {"type": "phone", "params": {}}

    assert [[{"type": "phone", "params": {"to_number": "+1"}}, raw], []] == devices.as_wire(
        [[devices.phone("+1"), raw], []]
    )
    assert "text" == devices.as_wire("text")


def test_a_path_is_no_audio():
    """Explained when the value is built."""
    with pytest.raises(ValueError, match="web server"):
        devices.audio("hello.wav")


@pytest.mark.parametrize("mark", ["\r", "\n", "\0"])
@pytest.mark.parametrize(
    "params",
    [
        {"to": "sip:a@example.com{mark}X: 1"},
        {"to": "sip:a@example.com", "from_": "sip:b@example.com{mark}"},
        {"to": "sip:a@example.com", "headers": [{"name": "X-A", "value": "1{mark}X-B: 2"}]},
        {"to": "sip:a@example.com", "headers": [{"name": "X-A{mark}X-B", "value": "1"}]},
    ],
)
def test_no_mark_that_ends_a_sip_header_gets_into_one(params, mark):
    """Each of them, alone, in every text: built here or given as a plain dict."""

    def marked(value):
        if isinstance(value, list):
            return [marked(item) for item in value]
        if isinstance(value, dict):
            return {name: marked(item) for name, item in value.items()}
        return value.format(mark=mark)

    with pytest.raises(ValueError, match="line break or NUL"):
        devices.sip(**marked(params))
    with pytest.raises(ValueError, match="line break or NUL"):
        devices.check_devices([[{"type": "sip", "params": marked(params)}]])
