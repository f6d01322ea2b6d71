"""Fetching recordings: from where, how much, and what is left when it fails."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fake_session import FakeSession, make_call, tell, tell_state

from swsync.calling.download import check_url
from swsync.errors import CallEnded, MediaError

CONTENT = bytes(range(256)) * 1000


class Handler(BaseHTTPRequestHandler):
    """Serves a recording, a redirect away from here, and one that breaks off."""

    def do_GET(self):
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "https://elsewhere.example/x")
            self.end_headers()
            return
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        self.send_response(200)
        if self.path == "/empty":
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        size = {"/broken": len(CONTENT) + 100, "/wrong": "many"}.get(self.path, len(CONTENT))
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    """The address of a web server on loopback."""
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(60)


def recorded(url, is_local_host=True):
    """A recording that has ended with a file at an address."""
    call = make_call(FakeSession(is_local_host=is_local_host))
    action = call.record()
    tell(call, "calling.call.record", control_id=action.id, state="finished", record={"url": url})
    return action


def test_a_recording_is_fetched(server, tmp_path):
    """The file is whole and has its name."""
    path = tmp_path / "r.wav"

    assert path == recorded(f"{server}/r.wav").download(path, timeout=10)
    assert CONTENT == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("page", "settings", "message"),
    [
        ("/r.wav", {"max_size": 1000}, "max_size"),
        ("/away", {}, "elsewhere"),
        ("/missing", {}, "404"),
        ("/broken", {}, "broke off|IncompleteRead"),
        ("/wrong", {}, "many"),
        ("/empty", {}, "empty"),
    ],
)
def test_a_failed_fetch_leaves_nothing(server, tmp_path, page, settings, message):
    """Too large, redirected to another host, missing, broken off, nonsense: an old file stays as it was."""
    path = tmp_path / "r.wav"
    path.write_bytes(b"old")

    with pytest.raises(MediaError, match=message):
        recorded(server + page).download(path, timeout=10, **settings)

    assert b"old" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 300, "."])
def test_a_name_that_no_file_can_have(server, tmp_path, monkeypatch, name):
    """Is the same error as any other that cannot be written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MediaError, match="into"):
        recorded(f"{server}/r.wav").download(name, timeout=10)
    assert [] == list(tmp_path.iterdir())


def test_an_error_does_not_tell_how_to_fetch_it(server, tmp_path):
    """The query may be a signature; who is named before the host is a secret too."""
    for url in (f"{server}/missing?signature=s3cret", "https://ann:s3cret@swire.io/r.wav", "http://ann:s3cret@[e.com/"):
        with pytest.raises(MediaError) as told:
            recorded(url).download(tmp_path / "r.wav", timeout=10)
        assert "s3cret" not in str(told.value)


def test_it_is_not_fetched_from_this_machine_with_a_real_account(server, tmp_path):
    """A server that names an internal address is not followed."""
    with pytest.raises(MediaError, match="https"):
        recorded(f"{server}/r.wav", is_local_host=False).download(tmp_path / "r.wav")


@pytest.mark.parametrize(
    "url", ["https://files.swire.io/a/b.wav", "https://SPACE.signalwire.com/x", "https://swire.io/x"]
)
def test_signalwires_hosts_are_allowed(url):
    """And those under them."""
    check_url(url, ("signalwire.com", "swire.io"), is_local_host=False)


@pytest.mark.parametrize(
    "url",
    ["http://files.swire.io/x", "https://swire.io.example/x", "https://notswire.io/x", "https://127.0.0.1/x",
     "file:///etc/passwd", "", "https://swire.io@evil.example/x", "https://[swire.io/x"],
)  # fmt: skip
def test_others_are_not(url):
    """By scheme or by host."""
    with pytest.raises(MediaError):
        check_url(url, ("signalwire.com", "swire.io"), is_local_host=False)


def test_a_recording_without_a_file(tmp_path):
    """no_input records nothing."""
    call = make_call()
    action = call.record()
    tell(call, "calling.call.record", control_id=action.id, state="no_input")

    with pytest.raises(MediaError, match="no_input"):
        action.download(tmp_path / "r.wav")


def test_a_recording_that_goes_on_or_was_cut_off(tmp_path):
    """TimeoutError, then CallEnded: as wait() does."""
    call = make_call()
    action = call.record()
    with pytest.raises(TimeoutError):
        action.download(tmp_path / "r.wav", timeout=0.01)

    tell_state(call, "ended")
    call.session.run_timers()

    with pytest.raises(CallEnded):
        action.download(tmp_path / "r.wav")
