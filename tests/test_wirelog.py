"""The log of what goes over a link, and what never stands in it."""

from __future__ import annotations

import logging
import pickle

import pytest

import swsync
from swsync.clock import VirtualClock
from swsync.configuration import read_settings
from swsync.errors import AuthenticationFailed
from swsync.localrelay import LocalRelay
from swsync.masking import masked
from swsync.wirelog import LONGEST

TOKEN = "PT0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"token": "abc", "project": "p"}', '{"token": "***", "project": "p"}'),
        ('{"jwt_token":"a\\"b"}', '{"jwt_token":"***"}'),
        ('{"authorization_state":"x:y"}', '{"authorization_state":"***"}'),
        ('{"authorization_bearer_token":"x"}', '{"authorization_bearer_token":"***"}'),
        ('{"post_prompt_auth_password":"x"}', '{"post_prompt_auth_password":"***"}'),
        ('{"uri":"wss://media.example.com/base/s3cret"}', '{"uri":"wss://media.example.com/***"}'),
        ('{"uri":"WSS://media.example.com/s3cret"}', '{"uri":"WSS://media.example.com/***"}'),
        ('{"uri":"wss:\\/\\/e.com\\/s3\\/cret"}', '{"uri":"wss:\\/\\/e.com\\/***"}'),
        ('{"uri":"wss://e.com?key=s3cret"}', '{"uri":"wss://e.com?***"}'),
        ('{"uri":"wss://user:s3cret@e.com/x"}', '{"uri":"wss://***@e.com/***"}'),
        ('{"url":"https://user:s3cret@e.com/a.mp3"}', '{"url":"https://***@e.com/a.mp3"}'),
        ('{"url":"https:\\/\\/user:s3cret@e.com\\/a"}', '{"url":"https:\\/\\/***@e.com\\/a"}'),
        ('{"to":"sip:ann@e.com","at":"https://e.com/@ann"}', '{"to":"sip:ann@e.com","at":"https://e.com/@ann"}'),
        (f'{{"text":"it is {TOKEN}"}}', '{"text":"it is ***"}'),
        ('{"control_id":"abc"}', '{"control_id":"abc"}'),
        ("not JSON", "not JSON"),
    ],
)
def test_what_lets_others_in_is_masked(text: str, wanted: str) -> None:
    """By its key, by its value, and by the scheme of its URL."""
    assert wanted == masked(text, (TOKEN, ""))


def test_the_wire_is_logged_without_the_token(caplog: pytest.LogCaptureFixture) -> None:
    """Every frame is there, both ways; the credentials and the paths of media addresses are not."""
    clock = VirtualClock()
    with (
        caplog.at_level(logging.DEBUG, "swsync.wire"),
        clock.thread(),
        LocalRelay(clock=clock, token=TOKEN) as relay,
        swsync.RelayClient(**relay.settings) as client,
    ):
        call = client.dial_phone(to="+12025550100", from_number="+12025550199")
        call.play_tts("x" * 2 * LONGEST)
        call.hangup()
    lines = [record.getMessage() for record in caplog.records if record.name == "swsync.wire"]
    assert any(line.startswith('> {"jsonrpc"') and "signalwire.connect" in line for line in lines)
    assert any(line.startswith("< ") and "calling.call.state" in line for line in lines)
    assert any(line.endswith(" more") for line in lines)
    assert max(map(len, lines)) < LONGEST + 40
    assert TOKEN not in "".join(lines)


def test_nothing_is_wrapped_when_nobody_listens() -> None:
    """Without the log the link is the bare one."""
    clock = VirtualClock()
    with clock.thread(), LocalRelay(clock=clock) as relay, swsync.RelayClient(**relay.settings) as client:
        assert "LoggedTransport" != type(client._connection._transport).__name__


def test_nothing_is_printed_unless_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    """The package has a handler that does nothing, and leaves the root logger alone."""
    handlers = logging.getLogger("swsync").handlers
    assert [logging.NullHandler] == [type(handler) for handler in handlers]
    assert not logging.getLogger("swsync").filters


def test_secrets_are_in_no_repr_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of the settings, the client, or an error that has been through pickle."""
    settings = read_settings(
        project="p", token=TOKEN, jwt_token=None, host="localhost", ca_file=None, max_active_calls=None
    )
    client = swsync.RelayClient(project="p", token=TOKEN, host="localhost")
    assert TOKEN not in f"{settings!r} {settings} {client!r}"
    clock = VirtualClock()
    with (
        clock.thread(),
        LocalRelay(clock=clock, token="another") as relay,
        pytest.raises(AuthenticationFailed) as caught,
    ):
        swsync.RelayClient(**{**relay.settings, "token": TOKEN}).connect()
    assert TOKEN not in repr(pickle.loads(pickle.dumps(caught.value))) + str(caught.value)
    with pytest.raises(TypeError):
        pickle.dumps(client)
