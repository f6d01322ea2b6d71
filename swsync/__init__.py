"""swsync: a synchronous, thread-safe Python client for SignalWire RELAY, with the audio of its calls.

Public names resolve on first use, so that ``import swsync`` costs little.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swsync.call import Call as Call
    from swsync.client import RelayClient as RelayClient
    from swsync.localrelay import LocalRelay as LocalRelay

__version__ = "0.1.0"

_HOMES: dict[str, str] = {
    "Call": "swsync.call",
    "LocalRelay": "swsync.localrelay",
    "RelayClient": "swsync.client",
}
_MODULES = ("errors", "events", "media", "states", "swaig")

__all__ = [
    "Call",
    "LocalRelay",
    "RelayClient",
    "__version__",
    "errors",
    "events",
    "media",
    "states",
    "swaig",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"swsync.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'swsync' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
