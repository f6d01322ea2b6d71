"""Wrong argument names are ``TypeError``s, everywhere: no method takes what it does not know."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fake_session import FakeSession, make_call

import swsync
from swsync import Call, RelayClient, devices

MISTAKES = Path(__file__).parent / "typing" / "mistakes.py"
TAKES_ANYTHING = {"request"}  # call.request(verb, **params) is the one way around


def _mistakes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mistakes", MISTAKES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NAMES = {name: function for name, function in vars(_mistakes()).items() if name.startswith("name_")}


@pytest.mark.parametrize("mistake", NAMES.values(), ids=NAMES)
def test_what_type_checkers_refuse_raises(mistake: Callable[[Call], None]) -> None:
    """Each misspelt argument that is a type error is a ``TypeError`` that names it."""
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        mistake(make_call())


def _methods(cls: type[Any]) -> list[Any]:
    return [
        pytest.param(cls, name, id=f"{cls.__name__}.{name}")
        for name, function in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_") and name not in TAKES_ANYTHING
    ]


ACTIONS = [getattr(swsync, name) for name in dir(swsync) if name.endswith("Action")]


@pytest.mark.parametrize(("cls", "name"), [each for cls in (Call, RelayClient, *ACTIONS) for each in _methods(cls)])
def test_every_argument_of_a_method_has_a_name(cls: type[Any], name: str) -> None:
    """No ``**kwargs`` swallows a spelling mistake."""
    kinds = {each.kind for each in inspect.signature(getattr(cls, name)).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds


@pytest.mark.parametrize("name", [param.values[1] for param in _methods(Call)])
def test_nothing_is_sent_for_a_misspelt_argument(name: str) -> None:
    """The mistake shows before the request does."""
    session = FakeSession()
    with pytest.raises(TypeError, match="misspelt"):
        getattr(make_call(session), name)(misspelt=1)
    assert [] == session.sent


@pytest.mark.parametrize(
    "name", ["phone", "sip", "webrtc", "call", "queue", "stream", "tts", "audio", "silence", "ringtone"]
)
def test_builders_know_their_arguments(name: str) -> None:
    """A misspelt field of a device or medium does not reach the wire."""
    with pytest.raises(TypeError, match="misspelt"):
        getattr(devices, name)(misspelt=1)
