"""What could never run is refused where it is handed over, before anything is sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fake_session import make_call
from scripted_server import ScriptedServer

import swsync
from swsync import media
from swsync.batch import Batch
from swsync.callbacks import check_callback
from swsync.clock import VirtualClock
from swsync.devices import tts
from swsync.errors import ConfigurationError
from swsync.message import Message


async def left_over(subject: Any) -> None:
    """A handler of a program for asyncio."""


async def left_over_generator(subject: Any) -> Any:
    yield subject


class Handlers:
    async def method(self, subject: Any) -> None: ...

    async def __call__(self, subject: Any) -> None: ...

    @staticmethod
    async def static(subject: Any) -> None: ...


class Plain:
    def __call__(self, subject: Any) -> None: ...


ASYNC = (left_over, left_over_generator, Handlers().method, Handlers(), Handlers.static, partial(left_over, 1))
"""All that only makes an object when it is called."""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    clock = VirtualClock()
    with clock.thread():
        server = ScriptedServer(clock)
        yield server
        server.close()


@pytest.mark.parametrize("function", ASYNC)
def test_a_coroutine_function_is_told_apart(function: Any) -> None:
    """The text says what to write in its place."""
    with pytest.raises(TypeError, match=r"on_call: .* make it a plain def"):
        check_callback("on_call", function)


@pytest.mark.parametrize("function", [print, [].append, Plain(), Plain, partial(print, 1), lambda event: None])
def test_whatever_can_be_called_is_taken(function: Any) -> None:
    check_callback("on_call", function)


@pytest.mark.parametrize("wrong", [left_over, 5, "print"])
@pytest.mark.parametrize(
    "register",
    [
        lambda client, wrong: client.on_call(wrong),
        lambda client, wrong: client.on_call(contexts=["sales"])(wrong),
        lambda client, wrong: client.on_message(wrong),
        lambda client, wrong: client.on_connection(wrong),
        lambda client, wrong: client.send_message(to_number="+1", from_number="+1", body="x", on_completed=wrong),
        lambda client, wrong: client.dial_phone("+12025550100", listen={"on_state_changed": wrong}),
        lambda client, wrong: client.begin({"type": "phone", "params": {}}, listen={"onStateChanged": wrong}),
    ],
    ids=["on_call", "decorator", "on_message", "on_connection", "send_message", "dial", "begin"],
)
def test_a_client_refuses_it(
    client: swsync.RelayClient, server: ScriptedServer, register: Callable[[Any, Any], Any], wrong: Any
) -> None:
    """And sends nothing: a dial whose listeners cannot be registered is not a dial without listeners."""
    with pytest.raises(TypeError):
        register(client, wrong)
    assert ["signalwire.connect"] == [method for method, _ in server.requests]


@pytest.mark.parametrize("wrong", [left_over, 5, "print"])
@pytest.mark.parametrize(
    "register",
    [
        lambda call, wrong: call.on("calling.call.play", wrong),
        lambda call, wrong: call.on("calling.call.play")(wrong),
        lambda call, wrong: call.listen({"on_tap_started": wrong}),
        lambda call, wrong: call.play([tts("x")], on_completed=wrong),
        lambda call, wrong: call.tap_audio(
            direction="both", device={"type": "ws", "uri": "wss://example.com"}, on_started=wrong
        ),
        lambda call, wrong: call.tap_audio(
            direction="both", device={"type": "ws", "uri": "wss://example.com"}, listen={"on_ended": wrong}
        ),
    ],
    ids=["on", "decorator", "listen", "on_completed", "on_started", "listen of a tap"],
)
def test_a_call_refuses_it(register: Callable[[Any, Any], Any], wrong: Any) -> None:
    """And sends nothing."""
    call = make_call()
    with pytest.raises(TypeError):
        register(call, wrong)
    assert [] == call.session.sent


@pytest.mark.parametrize("wrong", [left_over, partial(left_over), Handlers().method])
@pytest.mark.parametrize(
    "make",
    [
        lambda wrong: media.RtpReceiver("127.0.0.1", on_dtmf=wrong),
        lambda wrong: media.StreamReceiver("127.0.0.1", on_dtmf=wrong),
        lambda wrong: media.StreamReceiver("127.0.0.1", on_mark=wrong),
        media.CallbackSink,
    ],
    ids=["keys", "stream's keys", "marks", "recording"],
)
def test_media_refuse_it(make: Callable[[Any], Any], wrong: Any) -> None:
    """Nothing is opened for it."""
    with pytest.raises(TypeError, match="plain def"):
        make(wrong)


def test_a_decoder_of_asyncio_is_refused() -> None:
    """Each packet would make a coroutine, and no sample."""

    class Decoder:
        rate = clock_rate = 8000

        async def decode(self, payload: bytes) -> bytes:
            return payload

        def reset(self) -> None: ...

    with pytest.raises(TypeError, match=r"decoder\.decode"):
        media.RtpReceiver("127.0.0.1", codec="LATER", decoder=Decoder())  # type: ignore[arg-type]


def test_a_batch_refuses_a_script_of_asyncio(tmp_path: Path) -> None:
    """People would be rung, and hear nothing."""
    with pytest.raises(ConfigurationError, match="plain def"):
        Batch("late", tmp_path / "calls.db", left_over, from_number="+12025550199")  # type: ignore[arg-type]


def test_a_message_refuses_it() -> None:
    with pytest.raises(TypeError, match="plain def"):
        Message(make_call().session).on(left_over)


def test_a_misspelt_listener_of_a_dial_is_no_dial_without_it(
    client: swsync.RelayClient, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It raises before anything rings, and not on the I/O thread, where nobody would hear of it."""
    with caplog.at_level(logging.ERROR), pytest.raises(ValueError, match="there is no 'on_tap_begun'"):
        client.dial_phone("+12025550100", "+12025550199", listen={"on_tap_begun": print})
    with pytest.raises(TypeError, match="listen is a dict"):
        client.dial_phone("+12025550100", "+12025550199", listen=["on_tap_started"])  # type: ignore[arg-type]
    assert ["signalwire.connect"] == [method for method, _ in server.requests]
    assert "" == caplog.text
