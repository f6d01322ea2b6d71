"""The reverse proxies of docs/nat.md, by the page's own configurations: calls through real nginx and Caddy."""

from __future__ import annotations

import getpass
import grp
import http.client
import os
import re
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest
import trustme
from appprogram import PATIENCE, Program, eventually, free_port

import swsync
from swsync import media

pytestmark = pytest.mark.peers

PAGE = (Path(__file__).parents[2] / "docs" / "nat.md").read_text()
TO, FROM = "+12025550100", "+12025550199"


def block(head: str) -> str:
    """The page's code block that begins so."""
    found = re.search(rf"```\w+\n({re.escape(head)}.*?)```", PAGE, re.DOTALL)
    assert found, head
    return found[1]


def put(text: str, **changes: str) -> str:
    """The page's text with places of this machine; each is there once."""
    for old, new in changes.items():
        assert 1 == text.count(old), old
        text = text.replace(old, new)
    return text


@attrs.frozen
class Proxy:
    """One that runs.

    Attributes:
        authority: Who signed its certificate.
        ca_file: The same as a file.
        port: Where it listens.
        inside: Where it passes calls on to.
        directory: Its configuration and its logs.
    """

    authority: trustme.CA
    ca_file: str
    port: int
    inside: int
    directory: Path

    @property
    def url(self) -> str:
        """What the far side is told."""
        return f"wss://localhost:{self.port}/calls"

    def status(self, path: str) -> int:
        """What a plain request gets."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()


def nginx(proxy: Proxy, strip: bool) -> list[str]:
    """Write nginx's files, and give its command: the page's server within the least that nginx needs around it."""
    to = f"http://127.0.0.1:{proxy.inside}{'/' if strip else ''};"
    server = put(
        block("server {"),
        **{
            "listen 443 ssl": f"listen 127.0.0.1:{proxy.port} ssl",
            "media.example.com;": "localhost;",
            "/etc/ssl/media.example.com.pem": str(proxy.directory / "chain.pem"),
            "/etc/ssl/media.example.com.key": str(proxy.directory / "key.pem"),
            "http://127.0.0.1:8765;": to,
        },
    )
    places = "".join(
        f"  {kind}_temp_path {proxy.directory}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = f"user {getpass.getuser()} {grp.getgrgid(os.getgid()).gr_name};\n" if os.getuid() == 0 else ""
    configuration = proxy.directory / "nginx.conf"
    configuration.write_text(
        f"{user}daemon off;\npid {proxy.directory}/pid;\nevents {{}}\n"
        f"http {{\n  access_log {proxy.directory}/access.log;\n{places}{server}}}\n"
    )
    return ["nginx", "-e", "stderr", "-c", str(configuration)]


def caddy(proxy: Proxy, strip: bool) -> list[str]:
    """The same for Caddy: the certificate is ours, as nobody on the net can vouch for localhost."""
    site = put(
        block("media.example.com {"),
        **{
            "media.example.com {": f"https://localhost:{proxy.port} {{\n"
            f"    tls {proxy.directory}/chain.pem {proxy.directory}/key.pem\n"
            + ("    uri strip_prefix /calls\n" if strip else ""),
            "/calls/*": "" if strip else "/calls/*",
            "127.0.0.1:8765": f"127.0.0.1:{proxy.inside}",
        },
    )
    configuration = proxy.directory / "Caddyfile"
    configuration.write_text(f"{{\n    admin off\n    auto_https disable_redirects\n}}\n{site}")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(configuration)]


COMMANDS = {"nginx": nginx, "caddy": caddy}


@contextmanager
def running(kind: str, directory: Path, *, strip: bool = False) -> Iterator[Proxy]:
    """A proxy in front of the port on which the receivers of this process listen."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(directory / "chain.pem", append=number > 0)
    certificate.private_key_pem.write_to_path(directory / "key.pem")
    authority.cert_pem.write_to_path(directory / "ca.pem")
    with ExitStack() as stack:
        held = stack.enter_context(media.StreamReceiver(port=0))  # the port is ours before anybody is told of it
        inside = urlsplit(held.url).port
        assert inside
        for _ in range(3):  # somebody may have taken the port meanwhile
            proxy = Proxy(authority, str(directory / "ca.pem"), free_port(), inside, directory)
            command = COMMANDS[kind](proxy, strip)
            environment = {**os.environ, "HOME": str(directory), "XDG_DATA_HOME": str(directory)}
            program = Program(command, environment, directory, directory / "log")
            stack.callback(end, program)
            if listens(proxy, program):
                yield proxy
                return
        pytest.fail(f"{kind} does not start: {program.output}")


def listens(proxy: Proxy, program: Program) -> bool:
    """Wait until the proxy answers; False if it has gone."""

    def is_known() -> bool:
        try:
            return program.process.poll() is not None or bool(proxy.status("/calls/"))
        except OSError:
            return False

    eventually(is_known, "an answer of the proxy")
    return program.process.poll() is None


def end(program: Program) -> None:
    """By its own id, and soon."""
    program.process.terminate()
    try:
        program.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        program.process.kill()
        program.process.wait()


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize(("via", "strip"), [("stream", False), ("ws", False), ("ws", True)])
def test_a_call_is_recorded_through_a_proxy(
    kind: str, via: str, strip: bool, tool: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both sides come, by one stream or by two taps, over TLS that the proxy ends; the path may be stripped or left."""
    tool(kind)
    with running(kind, tmp_path, strip=strip) as proxy:
        monkeypatch.setenv("SWSYNC_MEDIA_URL", proxy.url)
        monkeypatch.setenv("SWSYNC_MEDIA_PORT", str(proxy.inside))
        with (
            swsync.LocalRelay(media_ca_file=proxy.ca_file) as relay,
            swsync.RelayClient(**relay.settings) as client,
            client.dial_phone(to=TO, from_number=FROM) as call,
            call.capture(tmp_path / "call.wav", via=via) as capture,
        ):
            call.play_tts("Hello.").wait(PATIENCE)
        logs = "".join(file.read_text() for file in tmp_path.glob("*log"))
    assert all(quality.packets and not quality.packets_lost for quality in capture.quality.values())
    assert capture.quality["heard"].talk_seconds > 0
    assert "/calls/" not in logs  # a path is a secret


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_program_talks_through_a_proxy(kind: str, tool: Callable[[str], str], tmp_path: Path) -> None:
    """A two-way stream: what is sent is played, and its mark comes back."""
    tool(kind)
    with (
        running(kind, tmp_path) as proxy,
        swsync.LocalRelay(media_ca_file=proxy.ca_file) as relay,
        swsync.RelayClient(**relay.settings) as client,
        media.TwoWayStream(port=proxy.inside, public_url=proxy.url, clock=client.clock) as stream,
        client.dial_phone(to=TO, from_number=FROM) as call,
    ):
        call.connect_stream(stream, realtime=True).wait_started(timeout=PATIENCE)
        stream.send(bytes(1600))
        stream.mark("said").wait(timeout=PATIENCE)
        assert stream.read(800, timeout=PATIENCE)


@pytest.mark.parametrize("kind", COMMANDS)
def test_who_does_not_know_the_path_is_refused(kind: str, tool: Callable[[str], str], tmp_path: Path) -> None:
    """By swsync for what the proxy passes on, by the proxy for the rest."""
    tool(kind)
    with running(kind, tmp_path) as proxy:
        assert [404, 404] == [proxy.status("/calls/0123456789abcdef0123456789abcdef"), proxy.status("/calls/stream/1")]
        with media.TapReceiver(port=proxy.inside, public_url=proxy.url) as tap:
            known = urlsplit(tap.device["params"]["uri"]).path
            assert known.startswith("/calls/")
            assert proxy.status(known) not in (101, 200, 404)  # it is there, and takes WebSockets only
