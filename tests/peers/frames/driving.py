"""Both clients, each a real one over TLS, doing what the table says at the same running server."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import swsync
from tests.peers.faults.running import authority
from tests.peers.frames.service import AGAIN, CALL, Recorder
from tests.peers.frames.uses import USES, Use, as_json
from tests.scripted_server import on_socket

__all__ = ["Both", "context_of", "drive", "without_ids"]

PROGRAM = Path(__file__).parent.parent / "programs" / "frames_official.py"
TIMEOUT = 60.0
ATTRIBUTES = {
    "Call": ("call_id", "node_id", "project_id", "context", "tag", "direction", "device", "state", "segment_id"),
    "Message": ("message_id", "context", "direction", "from_number", "to_number", "body", "media", "segments", "tags"),
}


class Both(NamedTuple):
    """Something of the official SDK, and the same of swsync."""

    official: Any
    ours: Any


class Driven(NamedTuple):
    """What came of it.

    Attributes:
        recordings: What each client sent in the uses.
        again: What each sent when it was told to connect again.
        outcomes: By the number of the use: the call it was done with, what it and the controls after it returned.
        closings: The WebSocket close codes of their last links.
    """

    recordings: Both
    again: Both
    outcomes: Both
    closings: Both


def context_of(number: int, use: Use) -> str:
    """The context that a use is done in: it sets its frames apart, and brings the call to do it with."""
    return f"{'client:' if use.on_client else CALL}{number}"


def drive(python: str) -> Driven:
    """Do every use with both clients at once.

    Args:
        python: The official SDK's.
    """
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(4) as pool:
        context, ca_file = authority(Path(folder))
        recorder = Recorder()
        with on_socket(context, recorder) as (_, port):
            host = f"localhost:{port}"
            jobs = [
                pool.submit(_official, python, host, ca_file, "official"),
                pool.submit(_ours, host, ca_file, USES),
                pool.submit(_official, python, host, ca_file, "official again", "again"),
                pool.submit(_ours_again, host, ca_file),
            ]
            outcomes = [job.result() for job in jobs]
            with recorder.changed:
                recorder.changed.wait_for(lambda: len(recorder.closings) == len(recorder.links), 10)
        recorded = Both(recorder.recordings["official"], recorder.recordings["ours"])
        return Driven(
            recorded,
            Both(recorder.recordings["official again"], recorder.recordings["ours again"]),
            Both(outcomes[0], outcomes[1]),
            Both(*(recorder.closings[recording.links[-1]] for recording in recorded)),
        )


def _official(python: str, host: str, ca_file: Path, project: str, *arguments: str) -> list[Any]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALWIRE_", "RELAY_"))}
    environment |= {
        "SIGNALWIRE_PROJECT_ID": project,
        "SIGNALWIRE_API_TOKEN": "token",
        "SIGNALWIRE_SPACE": host,
        "SIGNALWIRE_RELAY_CA_FILE": str(ca_file),
    }
    found = subprocess.run(
        [python, str(PROGRAM), *arguments],
        input=as_json(), env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT,
    )  # fmt: skip
    assert 0 == found.returncode, found.stdout[-3000:] + found.stderr[-3000:]
    # The official SDK logs to stdout.
    lines = [json.loads(line) for line in found.stdout.splitlines() if line.startswith('{"outcomes"')]
    return list(lines[0]["outcomes"]) if lines else []


def _client(host: str, ca_file: Path, project: str, context: str) -> swsync.RelayClient:
    return swsync.RelayClient(project, "token", host=host, contexts=[context], ca_file=str(ca_file))


def _ours(host: str, ca_file: Path, uses: Iterable[Use]) -> list[Any]:
    client = _client(host, ca_file, "ours", "office")
    calls: queue.Queue[swsync.Call] = queue.Queue()
    client.on_call(calls.put)
    with client:
        outcomes = [_do(client, calls, context_of(number, use), use) for number, use in enumerate(uses)]
        client.disconnect()
    return outcomes


def _do(client: swsync.RelayClient, calls: queue.Queue[swsync.Call], context: str, use: Use) -> list[Any]:
    client.receive([context])
    outcomes: list[Any] = []
    try:
        _use_it(client, calls, outcomes, use)
    except Exception as error:
        outcomes.append({"error": f"{type(error).__name__}: {error}"})
    client.unreceive([context])
    return outcomes


def _use_it(client: swsync.RelayClient, calls: queue.Queue[swsync.Call], outcomes: list[Any], use: Use) -> None:
    subject: Any = client
    if not use.on_client:
        subject = calls.get(timeout=10)
        outcomes.append(_describe(client, subject))
        if use.method not in ("answer", "pass_"):
            subject.answer()
    result = getattr(subject, use.method.removeprefix("client."))(*use.args, **use.kwargs)
    outcomes.append(_describe(client, result))
    for name, values in use.then:
        outcomes.append(_outcome(client, name, getattr(result, name)(*values)))


def _describe(client: swsync.RelayClient, result: Any) -> Any:
    """A reply as it is; what a call or a message says of itself; of anything else the public type."""
    if result is None or isinstance(result, dict):
        return result
    name = next(kind.__name__ for kind in type(result).__mro__ if not kind.__name__.startswith("_"))
    if name not in ATTRIBUTES:
        return name
    found = {each: getattr(result, each) for each in ATTRIBUTES[name]}
    return {"is": name, **{each: "*" if value == client.project else value for each, value in found.items()}}


def _outcome(client: swsync.RelayClient, name: str, value: Any) -> Any:
    return [value.event_type, value.params.get("state")] if name == "wait" else _describe(client, value)


def _ours_again(host: str, ca_file: Path) -> list[Any]:
    client = _client(host, ca_file, "ours again", AGAIN)
    calls: queue.Queue[swsync.Call] = queue.Queue()
    client.on_call(calls.put)
    with client:
        calls.get(timeout=TIMEOUT)
        client.disconnect()
    return []


def without_ids(frames: list[dict[str, Any]], use: Use | None = None) -> list[dict[str, Any]]:
    """Frames with their own ids, and the names that the client made up, numbered in the order of their appearance.

    So that a control must name the action that it is about. A name that the user gave stays as it is.
    """
    given, made = json.dumps(use), {}
    found = []
    for frame in frames:
        params = dict(frame["params"])
        for name in {"control_id", "tag"} & set(params):
            if json.dumps(params[name]) not in given:
                params[name] = made.setdefault(params[name], f"{name} {len(made)}")
        if "authentication" in params:
            params["authentication"] = {**params["authentication"], "project": "*"}
        found.append({**frame, "id": type(frame["id"]).__name__, "params": params})
    return found
