"""swsync and the official SDK 3.7.5, both real clients at one running server: what they put on the wire.

The table is ``frames/uses.py``; what is meant to differ stands in ``frames/differences.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from .frames.differences import CONNECT, METHODS, NO_WORD_FOR, NOT_DRIVEN, OUTCOMES, SILENT, VALUES
from .frames.driving import Both, Driven, context_of, drive, without_ids
from .frames.service import BETWEEN
from .frames.uses import USES
from .official_sdk import official_python, official_surface

pytestmark = pytest.mark.peers

WIRE = json.loads((Path(__file__).parents[1] / "data" / "relay_methods.json").read_text())
IDS = {"node_id", "call_id"}


@pytest.fixture(scope="module")
def driven() -> Driven:
    """Both clients have done everything in the table."""
    return drive(official_python())


@pytest.fixture(scope="module")
def surface() -> dict[str, Any]:
    """The official SDK's names and signatures."""
    return official_surface()


def _sent(driven: Driven) -> dict[str, set[str]]:
    """Every wire method that both clients sent, with the names of all params it was sent with."""
    found: dict[str, set[str]] = {}
    for client in driven.recordings:
        for frame in [*client.connects, *(frame for frames in client.uses.values() for frame in frames)]:
            found.setdefault(frame["method"], set()).update(frame["params"])
    return found


def _comparable(outcome: Any) -> Any:
    """An outcome without what is meant to differ, or is random."""
    if not isinstance(outcome, dict) or "is" not in outcome:
        return outcome
    tag = "random" if len(outcome.get("tag", "")) == len(str(UUID(int=0))) else outcome.get("tag")
    return {name: value for name, value in outcome.items() if (outcome["is"], name) not in VALUES} | {"tag": tag}


@pytest.mark.parametrize("number", range(len(USES)), ids=[f"{use.method}-{n}" for n, use in enumerate(USES)])
def test_frames_are_equal(driven: Driven, number: int) -> None:
    """The same arguments give the same frames, for each method and each control of its action."""
    use = USES[number]
    context = context_of(number, use)
    official, ours = (without_ids(recording.uses[context], use) for recording in driven.recordings)

    assert official == ours
    assert {"str"} == {frame["id"] for frame in official}


@pytest.mark.parametrize("number", range(len(USES)), ids=[f"{use.method}-{n}" for n, use in enumerate(USES)])
def test_results_are_equal(driven: Driven, number: int) -> None:
    """The call says the same of itself, and what is done with it returns the same, and comes to the same end."""
    use = USES[number]
    official, ours = ([_comparable(each) for each in outcomes[number]] for outcomes in driven.outcomes)
    if use.method in OUTCOMES:
        assert (dict, str) == (type(official.pop(1)), type(ours.pop(1)))

    assert official == ours
    assert [] == [each for each in ours if isinstance(each, dict) and "error" in each]


@pytest.mark.parametrize("which", ["recordings", "again"])
def test_connecting_is_equal(driven: Driven, which: str) -> None:
    """The same version, contexts and event_acks; after a loss the same protocol and authorization_state too."""
    clients: Both = getattr(driven, which)
    official, ours = (without_ids(recording.connects) for recording in clients)
    for frame in [*official, *ours]:
        for name in CONNECT:
            frame["params"].pop(name)

    assert official == ours
    assert {"recordings": 1, "again": 2}[which] == len(ours)
    assert ("authorization_state" in ours[-1]["params"]) == (which == "again")


@pytest.mark.parametrize("asked", ["signalwire.event", "signalwire.ping", "signalwire.disconnect"])
def test_answers_to_the_server_are_equal(driven: Driven, asked: str) -> None:
    """An event is acknowledged, a ping and a disconnect are answered in the same words."""
    official, ours = (
        [{**frame, "id": 0} for one, frame in [*recording.answers, *again.answers] if one == asked]
        for recording, again in zip(driven.recordings, driven.again, strict=True)
    )

    assert official
    assert all(frame == official[0] for frame in [*official, *ours])
    assert (asked == "signalwire.event") or len(official) == len(ours)


def test_the_end_of_a_client(driven: Driven) -> None:
    """Both close the socket as one should. swsync ends the call that it dialed and nobody ended: it would cost."""
    left_on = next(n for n, use in enumerate(USES) if use.kwargs == {"max_duration": 0})
    end = {"node_id": "n", "call_id": f"client:{left_on} leg 0-0", "reason": "hangup"}

    assert Both(1000, 1000) == driven.closings
    assert BETWEEN not in driven.recordings.official.uses
    assert [("calling.end", end)] == [
        (frame["method"], frame["params"]) for frame in driven.recordings.ours.uses[BETWEEN]
    ]


def test_every_wire_method_is_sent(driven: Driven) -> None:
    """All that the schema has and the guide adds, but for what is listed."""
    assert set(WIRE) - set(NOT_DRIVEN) == set(_sent(driven))
    assert set(NOT_DRIVEN) < set(WIRE)


@pytest.mark.parametrize("method", sorted(set(WIRE) - set(NOT_DRIVEN) - {"signalwire.connect"}))
def test_every_parameter_is_sent(driven: Driven, method: str) -> None:
    """Each parameter of each method was given by some use, but for what is listed."""
    unnamed = {name for wire_method, name in NO_WORD_FOR if wire_method == method}

    assert set(WIRE[method]["params"]) - IDS - unnamed <= _sent(driven)[method]
    assert not unnamed & _sent(driven)[method]


@pytest.mark.parametrize("name", ["Call", "RelayClient"])
def test_every_official_method_is_used(surface: dict[str, Any], name: str) -> None:
    """With nothing but what it needs, and with each argument that it has."""
    prefix = "client." if name == "RelayClient" else ""
    methods = {f"{prefix}{method}": each for method, each in surface["classes"][name]["methods"].items()
               if method not in SILENT[name] | {"__init__"}}  # fmt: skip
    ends = {"client.connect", "client.disconnect"} & set(methods)  # every client does these

    assert set(methods) - ends == {use.method for use in USES if use.on_client == (name == "RelayClient")}
    for method in set(methods) - ends:
        uses = [use for use in USES if use.method == method]
        named = [each for each in methods[method]["parameters"] if each[1] != "VAR_KEYWORD"]
        required = [each[0] for each in named if each[2] is None]
        optional = {each[0] for each in named} - set(required) - {"on_completed"}
        given = set().union(*({*use.kwargs, *[each[0] for each in named[: len(use.args)]]} for use in uses))
        assert method == "client.send_message" or any(
            not use.kwargs and len(required) == len(use.args) for use in uses
        ), method
        assert optional <= given, method


def test_every_control_is_used(surface: dict[str, Any]) -> None:
    """Each control of each kind of action that the official SDK has and the wire too."""
    made = {"play": "PlayAction", "record": "RecordAction", "play_and_collect": "CollectAction", "tap": "TapAction",
            "collect": "StandaloneCollectAction", "detect": "DetectAction", "send_fax": "FaxAction",
            "receive_fax": "FaxAction", "stream": "StreamAction", "pay": "PayAction",
            "transcribe": "TranscribeAction", "ai": "AIAction"}  # fmt: skip
    for method, action in made.items():
        used = {name for use in USES if use.method == method for name, _ in use.then}
        controls = {name for name in surface["classes"][action]["methods"] if (action, name) not in METHODS}
        assert controls - SILENT["Action"] - {"__init__"} <= used, method
    assert set(made.values()) == {name for name in surface["classes"] if name.endswith("Action")} - {"Action"}


def test_the_lists_name_only_what_differs(driven: Driven) -> None:
    """A difference that is gone is taken off its list."""
    for name in CONNECT:
        assert 2 == len({str(client.connects[0]["params"][name]) for client in driven.recordings})
    for kind, name in VALUES:
        pairs = [(official[0], ours[0]) for official, ours in zip(*driven.outcomes, strict=True)]
        assert all(official[name] != ours[name] for official, ours in pairs if ours and ours.get("is") == kind)
