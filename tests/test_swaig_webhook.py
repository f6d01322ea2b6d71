"""``FunctionResult`` inside a real Flask webhook, asked over HTTP as the service asks it."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import flask
import pytest
from werkzeug.serving import make_server

import swsync
from swsync import media
from swsync.swaig import FunctionResult


def make_app() -> Any:
    """A webhook as a user writes it: one function that the agent may call, and a check of what it passes."""
    app = flask.Flask(__name__)

    @app.post("/swaig")
    def swaig() -> Any:
        asked = flask.request.get_json()
        arguments = asked["argument"]["parsed"][0]
        if asked["function"] == "stop_monitoring":
            return FunctionResult("Call monitoring stopped.").stop_tap("supervisor_tap").to_dict()
        try:
            result = FunctionResult("Call monitoring started.").tap(
                uri=arguments.get("uri", "wss://monitor.example.com/audio"),
                control_id="supervisor_tap",
                direction=arguments["direction"],
            )
        except ValueError as error:
            return FunctionResult(f"That cannot be monitored: {error}").to_dict()
        return flask.Response(result.to_json(), mimetype="application/json")

    return app


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of the webhook, served on loopback."""
    server = make_server("127.0.0.1", 0, make_app(), threaded=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/swaig"
    server.shutdown()
    thread.join()
    server.server_close()


def ask(url: str, function: str, **arguments: Any) -> dict[str, Any]:
    """What the agent gets when it calls a function."""
    body = json.dumps({"function": function, "argument": {"parsed": [arguments]}, "call_id": "c1"}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as reply:
        assert "application/json" == reply.headers.get_content_type()
        answer: dict[str, Any] = json.load(reply)
        return answer


def swml(answer: dict[str, Any]) -> dict[str, Any]:
    """The one verb of the answer's only action."""
    (action,) = answer["action"]
    (verb,) = action["SWML"]["sections"]["main"]
    found: dict[str, Any] = verb
    return found


@pytest.mark.parametrize(("direction", "sent"), [("both", "both"), ("speak", "speak"), ("hear", "listen")])
def test_a_tap_is_started(url: str, direction: str, sent: str) -> None:
    """Words for the agent, and SWML that taps."""
    answer = ask(url, "start_monitoring", direction=direction)
    tap = {"uri": "wss://monitor.example.com/audio", "control_id": "supervisor_tap", "direction": sent}
    assert "Call monitoring started." == answer["response"]
    assert {"tap": tap} == swml(answer)


def test_a_wrong_direction_is_told_to_the_agent(url: str) -> None:
    """The webhook answers well, with a sentence."""
    answer = ask(url, "start_monitoring", direction="sideways")
    assert answer["response"].startswith("That cannot be monitored: direction must be")
    assert "action" not in answer


def test_a_tap_is_stopped(url: str) -> None:
    """By its name; Flask turns the dict into JSON itself."""
    assert {"stop_tap": {"control_id": "supervisor_tap"}} == swml(ask(url, "stop_monitoring"))


@pytest.mark.parametrize("over", ["rtp", "ws"])
def test_the_tap_of_a_function_makes_audio(url: str, over: str) -> None:
    """An agent is on the call, its model calls the function, and a real receiver gets what the party says."""
    functions = [{"function": name, "description": "Monitoring", "parameters": {"type": "object"}}
                 for name in ("start_monitoring", "stop_monitoring")]  # fmt: skip
    make = media.RtpReceiver if over == "rtp" else media.TapReceiver
    with swsync.LocalRelay(tls=False) as relay, swsync.RelayClient(**relay.settings) as client, make() as receiver:
        relay.callee("+12025550123", speaks_after=0.0)
        call = client.dial_phone(to="+12025550123", from_number="+12025550199")
        call.ai(prompt={"text": "Help."}, SWAIG={"defaults": {"web_hook_url": url}, "functions": functions})
        params = receiver.device["params"]
        uri = f"rtp://{params['addr']}:{params['port']}" if over == "rtp" else params["uri"]
        answer = relay.calls[0].call_function("start_monitoring", {"uri": uri, "direction": "speak"})
        assert "Call monitoring started." == answer["response"]
        heard = memoryview(receiver.read(8000)).cast("B")
        assert bytes(heard)[320:12000] in bytes(relay.calls[0].said)
        assert any(heard)
        relay.calls[0].call_function("stop_monitoring", {})
        call.hangup()
        call.wait_for_ended(timeout=10)
