"""The Flask application under its own server: who gets in, who is rung, where a tap goes."""

from __future__ import annotations

import http.cookiejar
import json
import re
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from appprogram import EXAMPLES, Program, eventually
from werkzeug.security import generate_password_hash

import swsync
from swsync import media

Start = Callable[..., Program]
APP = EXAMPLES / "flask_click_to_call"
ANN, CUSTOMER = "+12025550110", "+12025550120"


class Browser:
    """Keeps cookies, fills in forms."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )

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


@pytest.fixture
def app(start: Start, tmp_path: Path) -> Callable[..., Program]:
    """Starts the application; the program's ``url`` is where it listens."""
    users = {"ann": {"password": generate_password_hash("secret", "pbkdf2:sha256:1000"), "phone": ANN}}
    (tmp_path / "users.json").write_text(json.dumps(users))

    def begin(*options: str, monitor: str = "wss://monitor.example.com/x", directory: Path = APP) -> Program:
        program = start(
            sys.executable, "-m", "flask", "--app", "app", "run", "--port", "0", *options,
            directory=directory, SECRET_KEY="for a test", USERS_FILE=str(tmp_path / "users.json"), WITHOUT_TLS="1",
            ALLOWED_DESTINATIONS="+120255501", CALLER_ID="+12025550199",
            SWAIG_USER="agent", SWAIG_PASSWORD="pass word", MONITOR_URI=monitor,
        )  # fmt: skip
        program.url = program.wait_for(r"Running on (http://127\.0\.0\.1:\d+)")[1]
        return program

    return begin


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
    (cookie,) = other.cookies
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert "Lax" == cookie.get_nonstandard_attr("SameSite")
    assert [] == relay.calls


def test_whom_nobody_may_call_and_how_often(relay: swsync.LocalRelay, app: Callable[..., Program]) -> None:
    """Not a premium number, no SIP address, nothing that is no number; and three calls a minute."""
    browser = Browser(app().url)
    browser.sign_in()
    assert [403, 400, 400] == [browser.call(number)[0] for number in ("+19005550100", "sip:a@example.com", "911")]
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


def ask_hook(url: str, body: dict[str, Any], credentials: str) -> int:
    """The status of the web hook's answer."""
    import base64

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


def test_a_tap_goes_where_the_server_says(relay: swsync.LocalRelay, app: Callable[..., Program]) -> None:
    """The model passes an address of the caller's wish: its receiver gets nothing, the supervisor's gets all."""
    with media.TapReceiver() as supervisor, media.TapReceiver() as stranger:
        url = app(monitor=supervisor.device["params"]["uri"]).url.replace("//", "//agent:pass%20word@")
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
