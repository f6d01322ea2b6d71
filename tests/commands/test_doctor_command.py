"""``swsync doctor`` as its user meets it: every finding, what to do, and the exit code."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from shell import CLEAN, COMMAND, FROM, TO, events_of, refused, run, started, variables
from websockets.sync.server import ServerConnection, serve

from swsync.commands.checks import machine, reach
from swsync.localrelay import LocalRelay

MACHINE = ["Python", "C module", "open files", *(["receive buffer"] if sys.platform == "linux" else []), "RTP ports"]
ACCOUNT = ["credentials", "host", "authority", "DNS", "TLS", "clock"]
MEDIA = ["media WebSocket", "media RTP"]
SESSION = ["session", "ping", "contexts"]


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """By what was looked at; the last of several."""
    return {each["check"]: each for each in events_of(done.stdout) if each["event"] == "finding"}


def test_against_a_relay_it_runs_whole(relay: LocalRelay) -> None:
    """Each line is ok, or a warning of this machine's limits; the call brings audio all three ways."""
    words = ["doctor", "--context", "office", "--call", TO, "--from", FROM, "--json"]
    done = run(*words, relay=relay)
    assert 0 == done.returncode, done.stdout
    found = findings(done)
    trial = ["call", "audio, stream", "audio, ws", "audio, rtp"]
    assert [*MACHINE, *ACCOUNT, *MEDIA, *SESSION, *trial] == list(found)
    # How fast this machine is, and what it allows, are its own.
    assert {"ok"} == {each["state"] for name, each in found.items() if name not in [*MACHINE, "ping"]}
    assert "AVX2" in found["C module"]["text"] or found["C module"]["text"].split()[-1] in ("C", "SSE2", "NEON")
    assert "office" in found["contexts"]["text"]
    assert "TLSv1.3" in found["TLS"]["text"]


def test_people_read_a_table(relay: LocalRelay) -> None:
    """One line for each finding where there is no terminal, and a sum at the end."""
    done = run("doctor", relay=relay)
    assert (0, "") == (done.returncode, done.stderr)
    lines = done.stdout.splitlines()
    assert "ok       Python           CPython" in lines[0]
    assert " wrong." in lines[-1]
    assert "token" not in done.stdout.lower().replace("api_token", "")


@pytest.mark.parametrize("name", ["SIGNALWIRE_PROJECT_ID", "SIGNALWIRE_API_TOKEN"])
def test_a_missing_variable_is_named(relay: LocalRelay, name: str) -> None:
    """The rest is looked at all the same, but for the session."""
    known = variables(relay)
    del known[name]
    done = run("doctor", "--json", **known)
    found = findings(done)
    assert 1 == done.returncode
    assert ("wrong", f"{name} is not set") == (found["credentials"]["state"], found["credentials"]["text"])
    assert f"export {name}=" in found["credentials"]["todo"]
    assert "ok" == found["TLS"]["state"]
    assert "session" not in found


def test_wrong_credentials() -> None:
    """RELAY refuses them: the sentence names the variables."""
    with LocalRelay(project="p", token="right") as relay:
        done = run("doctor", "--json", **{**variables(relay), "SIGNALWIRE_API_TOKEN": "wrong\x1b[2Jtoken"[:5]})
    assert 1 == done.returncode
    assert "wrong" == findings(done)["session"]["state"]
    assert "SIGNALWIRE_API_TOKEN" in findings(done)["session"]["text"]


def test_an_unknown_authority(relay: LocalRelay) -> None:
    done = run("doctor", "--json", relay=relay, SIGNALWIRE_RELAY_CA_FILE="")
    found = findings(done)
    assert (1, "wrong") == (done.returncode, found["TLS"]["state"])
    assert "SIGNALWIRE_RELAY_CA_FILE" in found["TLS"]["todo"]
    assert "clock" not in found


def test_hosts_that_do_not_work() -> None:
    """A name without an address, a port that nobody listens on, one that is no address."""
    account = {"SIGNALWIRE_PROJECT_ID": "p", "SIGNALWIRE_API_TOKEN": "t"}
    found = findings(run("doctor", "--json", **account, SIGNALWIRE_SPACE=f"{'a' * 64}.invalid"))
    assert "wrong" == found["DNS"]["state"]
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{closed.getsockname()[1]}"
        found = findings(run("doctor", "--json", **account, SIGNALWIRE_SPACE=place))
        assert "wrong" == found["connection"]["state"]
    found = findings(run("doctor", "--json", **account, SIGNALWIRE_SPACE="http://x/y"))
    assert "SIGNALWIRE_SPACE" in found["credentials"]["text"]


@contextmanager
def server_of(date: str) -> Iterator[str]:
    """A WebSocket server that tells a time of its own."""

    def tell(_: ServerConnection, __: Any, response: Any) -> Any:
        del response.headers["Date"]
        response.headers["Date"] = date
        return response

    with serve(lambda connection: connection.close(), "127.0.0.1", 0, process_response=tell) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def test_a_clock_that_is_wrong() -> None:
    """The service's time is another: a warning, and what to do. Its texts cannot steer a terminal."""
    account = {"SIGNALWIRE_PROJECT_ID": "p", "SIGNALWIRE_API_TOKEN": "t"}
    with server_of("Mon, 02 Jan 2023 03:04:05 GMT") as url:
        found = findings(run("doctor", "--timeout", "1", "--json", **account, SIGNALWIRE_SPACE=url))
    assert ("warning", True) == (found["clock"]["state"], "ahead of" in found["clock"]["text"])
    assert "wrong" == found["session"]["state"]
    with server_of("no time") as url:
        found = findings(run("doctor", "--timeout", "1", "--json", **account, SIGNALWIRE_SPACE=url))
    assert "ok" == found["clock"]["state"]


def test_limits_that_are_low(relay: LocalRelay) -> None:
    """Few files are a warning that says how many recordings they are enough for; ``--strict`` makes it an error."""
    line = " ".join(map(json.dumps, [*COMMAND, "doctor", "--json"]))
    for strict, code in (("", 0), (" --strict", 1)):
        done = subprocess.run(
            ["sh", "-c", f"ulimit -S -n 256; exec {line}{strict}"], env={**CLEAN, **variables(relay)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        found = findings(done)["open files"]
        assert (code, "warning") == (done.returncode, found["state"])
        assert "31 recordings" in found["text"]
        assert "ulimit -n 2600" in found["todo"]


def test_ports_that_are_taken(relay: LocalRelay) -> None:
    """No free port is wrong: nothing can be received over RTP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        even = port - port % 2
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            if even != port:
                other.bind(("127.0.0.1", even))
            done = run("doctor", "--json", relay=relay, SWSYNC_RTP_PORTS=f"{even}-{even}")
    found = findings(done)
    assert (1, "wrong", "wrong") == (done.returncode, found["RTP ports"]["state"], found["media RTP"]["state"])


def test_ranges_that_are_small_or_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for how many recordings it says."""
    monkeypatch.setenv("SWSYNC_RTP_PORTS", "20000-20999")
    (found,) = [each for each in machine.look() if each.check == "RTP ports"]
    assert ("warning", True) == (found.state, "not for 500" in found.text)
    monkeypatch.setenv("SWSYNC_RTP_PORTS", "many")
    (found,) = [each for each in machine.look() if each.check == "RTP ports"]
    assert ("wrong", True) == (found.state, "SWSYNC_RTP_PORTS" in found.todo)


def test_a_media_address_that_leads_elsewhere(relay: LocalRelay) -> None:
    """It knocks at the address that SignalWire would be told."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = f"ws://127.0.0.1:{closed.getsockname()[1]}/calls"
        found = findings(run("doctor", "--json", relay=relay, SWSYNC_MEDIA_URL=place))
        assert ("warning", True) == (found["media WebSocket"]["state"], place in found["media WebSocket"]["text"])
        port = str(closed.getsockname()[1])
    done = run("doctor", "--json", relay=relay, SWSYNC_MEDIA_URL=place, SWSYNC_MEDIA_PORT=port)
    assert "ok" == findings(done)["media WebSocket"]["state"]


def test_media_addresses_that_the_service_could_not_use() -> None:
    """Before anything is sent anywhere: RELAY is not on this machine, and loopback is all that it would be told."""
    found = {each.check: each for each in reach.look(False, 1.0)}
    assert {"media WebSocket", "media RTP"} == set(found)
    assert {"warning"} == {each.state for each in found.values()}
    assert "wss://" in found["media WebSocket"].text
    assert "SWSYNC_PUBLIC_HOST" in found["media RTP"].text


def test_ctrl_c(relay: LocalRelay) -> None:
    """While a host keeps silent."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        environment = {**CLEAN, "SIGNALWIRE_PROJECT_ID": "p", "SIGNALWIRE_API_TOKEN": "t", "SIGNALWIRE_SPACE": place}
        with started("doctor", "--json", environment=environment) as process:
            found: list[str] = []
            assert process.stdout is not None
            for line in process.stdout:
                found.append(json.loads(line)["check"])
                if found[-1] == "DNS":
                    break
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            _, text = process.communicate(timeout=30)
            connection.close()
    assert 130 == process.returncode
    assert b"Traceback" not in text


def test_what_it_refuses() -> None:
    refused(run("doctor", "--call", TO), "--from")
    refused(run("doctor", "--timeout", "0"), "above zero")
