"""pytest fixtures for call programs: a relay of its own for each test, a client of it, people, and virtual time.

pytest loads this module at its start (entry point ``pytest11``), so it imports nothing of swsync until a fixture is
used. Nothing is shared between tests, nor between the processes of ``pytest-xdist``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from swsync.client import RelayClient
    from swsync.clock import Clock
    from swsync.localrelay import LocalRelay
    from swsync.localrelay.call import LocalCall
    from swsync.localrelay.callee import Callee

__all__ = ["callee", "inbound_call", "local_relay", "relay_client", "relay_clock", "relay_environment"]

MARKER = "local_relay"
CONTEXT = "default"
SHOWN = 60  # lines of the journal in the report of a failure


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("swsync", "call programs (swsync)")
    group.addoption(
        "--relay-sockets",
        action="store_true",
        help="run tests of call programs in real time over sockets, as if marked with local_relay(sockets=True)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARKER}(sockets=False, contexts=('{CONTEXT}',), **settings): how the test's LocalRelay is: with sockets and "
        "real time instead of virtual time; what its client listens on; and LocalRelay's own settings",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Show what went over the wire in the report of a test that fails."""
    relay = getattr(item, "funcargs", {}).get("local_relay")
    if relay is not None and call.excinfo is not None:
        item.add_report_section(call.when, "journal", _journal_of(relay))


def _journal_of(relay: LocalRelay) -> str:
    """The end of the journal, a line for each frame."""
    lines = []
    for entry in relay.journal:
        params = entry.params
        about = [params.get(name) for name in ("call_state", "state", "end_reason", "control_id") if params.get(name)]
        what = entry.event_type or entry.method or entry.text
        if what and what != "signalwire.ping":
            lines.append(f"{entry.time:9.3f} {entry.direction:4} {what} {' '.join(map(str, about))}".rstrip())
    return "\n".join(lines[-SHOWN:])


def _settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the markers say, the closest one first."""
    settings: dict[str, Any] = {}
    for marker in request.node.iter_markers(MARKER):
        if marker.args:
            raise pytest.UsageError(f"the marker {MARKER} takes names only, such as {MARKER}(sockets=True)")
        settings = {**marker.kwargs, **settings}
    return settings


def _contexts(request: pytest.FixtureRequest) -> list[str]:
    """What the marker lists, or its one word."""
    contexts = _settings(request).get("contexts", CONTEXT)
    return [contexts] if isinstance(contexts, str) else list(contexts)


@pytest.fixture
def relay_clock(request: pytest.FixtureRequest) -> Iterator[Clock]:
    """The test's time, to which its own thread belongs.

    Virtual: ``relay_clock.sleep(3600)`` returns at once, an hour later. With ``local_relay(sockets=True)`` or
    ``--relay-sockets`` it is the machine's, and with ``speed=`` a faster one.
    """
    from swsync.clock import RealClock, VirtualClock

    settings = _settings(request)
    speed = settings.get("speed", 1.0)
    has_sockets = settings.get("sockets", speed != 1.0) or request.config.getoption("--relay-sockets")
    clock: Clock = RealClock(speed) if has_sockets else VirtualClock()
    with clock.thread():
        yield clock


@pytest.fixture
def local_relay(request: pytest.FixtureRequest, relay_clock: Clock) -> Iterator[LocalRelay]:
    """A ``LocalRelay`` of this test alone, in the time of ``relay_clock``."""
    from swsync.localrelay import LocalRelay

    settings = _settings(request)
    for ours in ("sockets", "speed", "contexts"):
        settings.pop(ours, None)
    with LocalRelay(**{"clock": relay_clock, "seed": 0, **settings}) as relay:
        yield relay


@pytest.fixture
def relay_client(request: pytest.FixtureRequest, local_relay: LocalRelay) -> Iterator[RelayClient]:
    """A connected ``RelayClient`` of ``local_relay``, which listens on the marker's contexts, else on ``default``."""
    from swsync.client import RelayClient

    with RelayClient(**local_relay.settings, contexts=_contexts(request)) as client:
        yield client


@pytest.fixture
def callee(local_relay: LocalRelay) -> Callable[..., Callee]:
    """Says what the person at a number does: ``callee("+12025550123", presses="1")``, as ``LocalRelay.callee``."""
    return local_relay.callee


@pytest.fixture
def inbound_call(request: pytest.FixtureRequest, local_relay: LocalRelay) -> Callable[..., LocalCall]:
    """Lets somebody call in: ``inbound_call(presses="2")``, as ``LocalRelay.place_call``.

    Without another ``context`` it is the first of the marker's; it returns when the program has been offered the call.
    """
    first = next(iter(_contexts(request)), CONTEXT)

    def place(context: str = first, *, timeout: float | None = 30.0, **caller: Any) -> LocalCall:
        return local_relay.place_call(context, timeout=timeout, **caller)

    return place


@pytest.fixture
def relay_environment(local_relay: LocalRelay, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables with which ``RelayClient()``, or a program in another process, finds ``local_relay``; set already.

    Only where there are sockets: mark the test with ``local_relay(sockets=True)``.
    """
    if local_relay.is_virtual:
        raise pytest.UsageError(f"relay_environment needs sockets: mark the test with {MARKER}(sockets=True)")
    settings = local_relay.settings
    variables = {
        "SIGNALWIRE_PROJECT_ID": settings["project"],
        "SIGNALWIRE_API_TOKEN": settings["token"],
        "SIGNALWIRE_SPACE": settings["host"],
        "SIGNALWIRE_RELAY_CA_FILE": settings.get("ca_file") or "",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables
