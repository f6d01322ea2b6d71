"""swsync: a synchronous, thread-safe Python client for SignalWire RELAY, with the audio of its calls.

Public names resolve on first use (PEP 562), so that ``import swsync`` costs little. The official SDK's names of
actions, events and constants are all here.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swsync import clock as clock
    from swsync import constants as constants
    from swsync import devices as devices
    from swsync import errors as errors
    from swsync import events as events
    from swsync import media as media
    from swsync import states as states
    from swsync import swaig as swaig
    from swsync.call import Call as Call
    from swsync.calling._base import Action as Action
    from swsync.calling.ai import AIAction as AIAction
    from swsync.calling.capture import CallCapture as CallCapture
    from swsync.calling.collect import CollectAction as CollectAction
    from swsync.calling.collect import StandaloneCollectAction as StandaloneCollectAction
    from swsync.calling.connect import ConnectAction as ConnectAction
    from swsync.calling.detect import DetectAction as DetectAction
    from swsync.calling.detect import Detection as Detection
    from swsync.calling.digits import SendDigitsAction as SendDigitsAction
    from swsync.calling.fax import FaxAction as FaxAction
    from swsync.calling.pay import PayAction as PayAction
    from swsync.calling.play import PlayAction as PlayAction
    from swsync.calling.record import RecordAction as RecordAction
    from swsync.calling.stream import StreamAction as StreamAction
    from swsync.calling.tap import CallTap as CallTap
    from swsync.calling.tap import TapAction as TapAction
    from swsync.calling.transcribe import TranscribeAction as TranscribeAction
    from swsync.client import RelayClient as RelayClient
    from swsync.constants import *
    from swsync.devices import Device as Device
    from swsync.devices import Media as Media
    from swsync.errors import *
    from swsync.events import *
    from swsync.localrelay import LocalRelay as LocalRelay
    from swsync.message import Message as Message
    from swsync.swaig import FunctionResult as FunctionResult
    from swsync.swaig import SwaigFunctionResult as SwaigFunctionResult
    from swsync.waiting import ALL_COMPLETED as ALL_COMPLETED
    from swsync.waiting import FIRST_COMPLETED as FIRST_COMPLETED
    from swsync.waiting import FIRST_EXCEPTION as FIRST_EXCEPTION
    from swsync.waiting import as_completed as as_completed
    from swsync.waiting import wait as wait

__version__ = "0.1.0"

# What is logged is the application's to show: without a handler of its own nothing is printed.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_NAMES = {
    "call": ["Call"],
    "calling._base": ["Action"],
    "calling.ai": ["AIAction"],
    "calling.capture": ["CallCapture"],
    "calling.collect": ["CollectAction", "StandaloneCollectAction"],
    "calling.connect": ["ConnectAction"],
    "calling.detect": ["DetectAction", "Detection"],
    "calling.digits": ["SendDigitsAction"],
    "calling.fax": ["FaxAction"],
    "calling.pay": ["PayAction"],
    "calling.play": ["PlayAction"],
    "calling.record": ["RecordAction"],
    "calling.stream": ["StreamAction"],
    "calling.tap": ["CallTap", "TapAction"],
    "calling.transcribe": ["TranscribeAction"],
    "client": ["RelayClient"],
    "devices": ["Device", "Media"],
    "localrelay": ["LocalRelay"],
    "message": ["Message"],
    "swaig": ["FunctionResult", "SwaigFunctionResult"],
    "waiting": ["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION", "as_completed", "wait"],
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}
_WHOLE = ("errors", "events", "constants")  # everything public in these is public here too
_MODULES = ("clock", "constants", "devices", "errors", "events", "media", "states", "swaig")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"swsync.{name}")
    homes = [_HOMES[name]] if name in _HOMES else [] if name.startswith("_") else _WHOLE
    for home in homes:
        module = importlib.import_module(f"swsync.{home}")
        if name in module.__all__:
            value = globals()[name] = getattr(module, name)
            return value
    raise AttributeError(f"module 'swsync' has no attribute {name!r}")


def __dir__() -> list[str]:
    whole = (name for home in _WHOLE for name in importlib.import_module(f"swsync.{home}").__all__)
    return sorted({*globals(), *_HOMES, *_MODULES, *whole})
