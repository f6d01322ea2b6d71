"""The Flask application under its own server: who gets in, who is rung, where a tap goes."""

from __future__ import annotations

import base64
import http.cookiejar
import json
import re
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from appprogram import EXAMPLES, PATIENCE, Program, eventually, free_port
from werkzeug.security import generate_password_hash

import swsync
from swsync import media

Start = Callable[..., Program]
APP = EXAMPLES / "flask_click_to_call"
ANN, CUSTOMER = "+12025550110", "+12025550120"


class Browser:
    """Keeps cookies, fills in forms."""

    def __init__(self, url: str, accept: str = "*/*") -> None:
        self.url = url
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )
        self._opener.addheaders = [("Accept", accept)]

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """The status and the text of an answer."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        try:
            with self._opener.open(self.url + path, data, timeout=30) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def token(self, path: str = "/") -> str:
        """The hidden field of a page's form."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.ask(path)[1])
        assert found
        return found[1]

    def sign_in(self, password: str = "secret") -> int:
        form = {"csrf": self.token("/login"), "user": "ann", "password": password}
        return self.ask("/login", form)[0]

    def call(self, number: str) -> tuple[int, str]:
        return self.ask("/calls", {"csrf": self.token(), "number": number})


def settings(directory: Path, **more: str) -> dict[str, str]:
    """The application's environment, with one user."""
    users = {"ann": {"password": generate_password_hash("secret", "pbkdf2:sha256:1000"), "phone": ANN}}
    (directory / "users.json").write_text(json.dumps(users))
    return {
        "SECRET_KEY": "for a test", "USERS_FILE": str(directory / "users.json"), "WITHOUT_TLS": "1",
        "ALLOWED_DESTINATIONS": "+120255501, ", "CALLER_ID": "+12025550199",
        "SWAIG_USER": "agent", "SWAIG_PASSWORD": "pass word", "MONITOR_URI": "wss://monitor.example.com/x", **more,
    }  # fmt: skip


@pytest.fixture
def app(start: Start, tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts the application; the program's ``url`` is where it listens. No number may be in what it has logged."""
    programs = []

    def begin(**more: str) -> Program:
        program = start(
            sys.executable, "-m", "flask", "--app", "app", "run", "--port", "0",
            directory=APP, **settings(tmp_path, **more),
        )  # fmt: skip
        programs.append(program)
        program.url = program.wait_for(r"Running on (http://127\.0\.0\.1:\d+)")[1]
        return program

    yield begin
    assert not [line for program in programs for line in program.output.splitlines() if "202555" in line]


def test_flask_click_to_call(relay: swsync.LocalRelay, app: Callable[..., Program]) -> None:
    """Ann's phone rings, then the customer's, and they hear each other."""
    relay.callee(CUSTOMER, hangs_up_after=2)
    browser = Browser(app().url)
    assert 200 == browser.sign_in()
    status, text = browser.call(CUSTOMER)
    assert 202 == status, text
    call_id = json.loads(text)["id"]
    eventually(lambda: '"connected"' in browser.ask(f"/calls/{call_id}")[1], "connected")
    assert [ANN, CUSTOMER] == [call.callee.number for call in relay.calls]
    eventually(lambda: '"ended"' in browser.ask(f"/calls/{call_id}")[1], "ended")
    assert ["ended", "ended"] == [call.state for call in relay.calls]


def test_a_person_sees_a_page(relay: swsync.LocalRelay, app: Callable[..., Program]) -> None:
    """A browser is taken back to the page, where the call is; a program gets JSON."""
    relay.callee(CUSTOMER, hangs_up_after=1)
    browser = Browser(app().url, "text/html,application/xhtml+xml,*/*;q=0.8")
    browser.sign_in()
    status, text = browser.call(CUSTOMER)
    assert (200, 1) == (status, text.count('<li><a href="/calls/'))
    eventually(lambda: "</a> ended</li>" in browser.ask("/")[1], "ended")


def test_who_does_not_get_in(relay: swsync.LocalRelay, app: Callable[..., Program]) -> None:
    """Without a session, with a wrong password, without the form's token, or with that of another session."""
    url = app().url
    stranger, other = Browser(url), Browser(url)
    assert 'name="password"' in stranger.ask("/")[1]
    assert 'name="password"' in stranger.ask("/calls", {"number": CUSTOMER})[1]
    assert 403 == stranger.sign_in("guess")
    assert 400 == stranger.ask("/login", {"user": "ann", "password": "secret"})[0]
    assert 400 == stranger.ask("/login", {"user": "ann", "password": "secret", "csrf": other.token("/login")})[0]
    assert 200 == other.sign_in()
    assert 400 == other.ask("/calls", {"number": CUSTOMER})[0]
    assert 404 == other.ask("/calls/somebody-elses")[0]
    assert [] == relay.calls


def test_signing_out(relay: swsync.LocalRelay, app: Callable[..., Program]) -> None:
    """Nobody else can do it for her; after it her form is worth nothing."""
    browser = Browser(app().url)
    browser.sign_in()
    token = browser.token()
    assert 400 == browser.ask("/logout", {})[0]
    assert 200 == browser.ask("/", None)[0]
    assert 200 == browser.ask("/logout", {"csrf": token})[0]
    assert 'name="password"' in browser.ask("/calls", {"csrf": token, "number": CUSTOMER})[1]
    assert 'name="password"' in browser.ask("/")[1]
    assert [] == relay.calls


def test_the_token_of_the_sign_in_form_is_not_that_of_the_session(app: Callable[..., Program]) -> None:
    """Whoever planted a cookie before she signed in knows nothing of what comes after."""
    browser = Browser(app().url)
    before = browser.token("/login")
    browser.sign_in()
    assert before != browser.token()
    assert 400 == browser.ask("/calls", {"csrf": before, "number": CUSTOMER})[0]


@pytest.mark.parametrize("is_tried_here", [True, False])
def test_flags_and_headers(app: Callable[..., Program], is_tried_here: bool) -> None:
    """The cookie is for the server's eyes, for this site, and for TLS; no frame of another site shows the form."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        app(WITHOUT_TLS="1" if is_tried_here else "").url + "/login", timeout=30
    ) as reply:
        cookie = {word.strip() for word in reply.headers["Set-Cookie"].split(";")[1:]}
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} | (
            {"Secure"} - ({"Secure"} if is_tried_here else set())
        ) == cookie
        assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
        assert "no-store" == reply.headers["Cache-Control"]


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "USERS_FILE", "CALLER_ID", "ALLOWED_DESTINATIONS", "SWAIG_USER", "SWAIG_PASSWORD"]
)
def test_an_empty_setting_is_a_missing_one(start: Start, tmp_path: Path, name: str) -> None:
    """It does not start with a password that is everybody's, or a prefix that allows every number."""
    program = start(sys.executable, "-c", "import app", directory=APP, **settings(tmp_path, **{name: " "}))
    assert 1 == program.process.wait(PATIENCE)
    assert f"{name} is not set" in program.output


def test_whom_nobody_may_call_and_how_often(relay: swsync.LocalRelay, app: Callable[..., Program]) -> None:
    """Not a premium number, no SIP address, nothing that is no number; and three calls a minute."""
    browser = Browser(app().url)
    browser.sign_in()
    wrong = ["sip:a@example.com", "911", "+12025", CUSTOMER + "\n", CUSTOMER + ",+19005550100", ""]
    assert [403, *[400] * 6] == [browser.call(number)[0] for number in ("+19005550100", *wrong)]
    assert [] == relay.calls
    relay.callee(ANN, outcome="busy")
    assert [202, 202, 202, 429] == [browser.call(CUSTOMER)[0] for _ in range(4)]
    eventually(lambda: 3 == len(relay.calls), "three calls of Ann's phone")
    assert {ANN} == {call.callee.number for call in relay.calls}


def test_guessing_passwords_is_slow(app: Callable[..., Program]) -> None:
    """Ten tries a minute from one address."""
    browser = Browser(app().url)
    assert [403] * 10 + [429] == [browser.sign_in("guess") for _ in range(11)]


def test_the_process_ends_its_calls(relay: swsync.LocalRelay, app: Callable[..., Program]) -> None:
    """Ctrl-C while Ann's phone rings."""
    relay.callee(ANN, answers_after=60)
    program = app()
    browser = Browser(program.url)
    browser.sign_in()
    assert 202 == browser.call(CUSTOMER)[0]
    eventually(lambda: relay.calls, "a call")
    program.end(signal.SIGINT)
    relay.calls[0].wait_for_ended(timeout=10)


@pytest.mark.peers
@pytest.mark.parametrize("do_they_talk", [False, True], ids=["rings", "talk"])
def test_the_worker_ends(relay: swsync.LocalRelay, start: Start, tmp_path: Path, do_they_talk: bool) -> None:
    """gunicorn is told to end: a phone that rings is let go, and two who talk are left alone."""
    relay.callee(ANN, answers_after=0.0 if do_they_talk else 60.0)
    port = free_port()
    program = start(
        sys.executable, "-m", "gunicorn", "--threads", "16", "--preload", "--bind", f"127.0.0.1:{port}", "app:app",
        directory=APP, **settings(tmp_path),
    )  # fmt: skip
    program.wait_for("Booting worker")
    browser = Browser(f"http://127.0.0.1:{port}")
    browser.sign_in()
    status, text = browser.call(CUSTOMER)
    assert 202 == status
    wanted = '"connected"' if do_they_talk else '"dialing"'
    eventually(lambda: relay.calls and wanted in browser.ask(f"/calls/{json.loads(text)['id']}")[1], wanted)
    assert 0 == program.end(signal.SIGTERM), program.output
    if do_they_talk:
        assert ["answered", "answered"] == [call.state for call in relay.calls]
    else:
        relay.calls[0].wait_for_ended(timeout=10)
    assert "202555" not in program.output


def ask_hook(url: str, body: Any, credentials: str) -> int:
    """The status of the web hook's answer."""
    headers = {"Content-Type": "application/json"}
    if credentials:
        headers["Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
    request = urllib.request.Request(f"{url}/swaig", json.dumps(body).encode(), headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_hook_knows_who_asks(app: Callable[..., Program]) -> None:
    """401 without the password; 404 for a function that there is not."""
    url = app().url
    body = {"function": "stop_monitoring", "argument": {"parsed": [{}]}}
    asked = [
        ask_hook(url, body, words) for words in ("", "agent:", "agent:wrong", "other:pass word", "agent:pass word")
    ]
    assert [401, 401, 401, 401, 200] == asked
    assert 404 == ask_hook(url, {"function": "transfer_money"}, "agent:pass word")


FORGED = [
    [], "x", 1, None, {}, {"argument": {}}, {"function": "start_monitoring", "argument": "x"},
    {"function": "start_monitoring", "argument": {"parsed": ["x"]}},
    {"function": "start_monitoring", "argument": {"parsed": {"direction": "both"}}},
    {"function": "start_monitoring", "argument": {"parsed": [[["direction"]]]}},
]  # fmt: skip


def test_forged_requests(app: Callable[..., Program]) -> None:
    """What no agent sends is refused, with the password and without; nothing of it is an error of the server's."""
    url = app().url
    assert [400] * len(FORGED) == [ask_hook(url, body, "agent:pass word") for body in FORGED]
    assert [401] * len(FORGED) == [ask_hook(url, body, "agent:forged") for body in FORGED]
    assert 413 == ask_hook(url, {"function": "x" * 100_000}, "agent:pass word")


def test_a_tap_goes_where_the_server_says(relay: swsync.LocalRelay, app: Callable[..., Program]) -> None:
    """The model passes an address of the caller's wish: its receiver gets nothing, the supervisor's gets all."""
    with media.TapReceiver() as supervisor, media.TapReceiver() as stranger:
        url = app(MONITOR_URI=supervisor.device["params"]["uri"]).url.replace("//", "//agent:pass%20word@")
        functions = [
            {"function": name, "web_hook_url": f"{url}/swaig"} for name in ("start_monitoring", "stop_monitoring")
        ]
        with swsync.RelayClient(**relay.settings) as client:
            relay.callee(CUSTOMER, speaks_after=0.0)
            call = client.dial_phone(to=CUSTOMER, from_number="+12025550199")
            call.ai(prompt={"text": "Help."}, SWAIG={"functions": functions})
            wish = {"uri": stranger.device["params"]["uri"], "direction": "speak"}
            answer = relay.calls[0].call_function("start_monitoring", wish)
            assert "Monitoring has started." == answer["response"]
            assert stranger.device["params"]["uri"] not in json.dumps(answer)
            heard = bytes(supervisor.read(8000, timeout=20))
            assert any(heard)
            assert heard[320:12000] in bytes(relay.calls[0].said)
            relay.calls[0].call_function("stop_monitoring")
            refused = relay.calls[0].call_function("start_monitoring", {"direction": "x', 'uri': 'ws://evil"})
            assert "action" not in refused
            call.hangup()
        assert 0 == stranger.stats.packets
