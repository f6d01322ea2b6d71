"""Certificates and protocols that must not be accepted, with real TLS: refused at once, with what to do."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

import swsync
from swsync.errors import ConnectionFailed

WAIT = 60.0
TRIES = 6.0  # seconds in which it tries again and again what might get better
PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The CA that the client is told to trust."""
    return trustme.CA()


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does this with one connection after the other; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock, contextlib.suppress(OSError):
                sock.settimeout(WAIT)
                answer(sock)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(WAIT)


def context_with(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def refusal(context: ssl.SSLContext, ca_file: Path | None, timeout: float = WAIT) -> str:
    """What a client says of that server, which must have got no credentials."""
    got: list[bytes] = []

    def shake_hands(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as secure:
            got.append(secure.recv(4096))

    with serving(shake_hands) as port:
        client = swsync.RelayClient(
            project="p", token="secret", host=f"localhost:{port}", ca_file=str(ca_file) if ca_file else None
        )
        with pytest.raises(ConnectionFailed) as caught:
            client.connect(timeout)
        assert b"secret" not in b"".join(got)
    return str(caught.value)


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def test_an_expired_certificate(authority: trustme.CA, ca_file: Path) -> None:
    """It says that it has expired."""
    certificate = authority.issue_cert("localhost", not_before=PAST, not_after=PAST + datetime.timedelta(days=30))
    assert "expired" in refusal(context_with(certificate), ca_file)


def test_a_certificate_of_the_future(authority: trustme.CA, ca_file: Path) -> None:
    """It says that it is not yet valid, which is what a wrong clock of this machine looks like too."""
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=400)
    certificate = authority.issue_cert("localhost", not_before=later, not_after=later + datetime.timedelta(days=30))
    assert "not yet valid" in refusal(context_with(certificate), ca_file)


def test_a_certificate_for_another_name(authority: trustme.CA, ca_file: Path) -> None:
    """It names the host that it was not made for."""
    text = refusal(context_with(authority.issue_cert("elsewhere.example")), ca_file)
    assert "localhost" in text
    assert "certificate" in text


def test_an_unknown_authority(authority: trustme.CA) -> None:
    """It names the setting for one more authority."""
    assert "SIGNALWIRE_RELAY_CA_FILE" in refusal(context_with(authority.issue_cert("localhost")), None)


def test_another_authority_with_the_same_name(ca_file: Path) -> None:
    """A CA is trusted for its key, not for what it calls itself."""
    assert "certificate" in refusal(context_with(trustme.CA().issue_cert("localhost")), ca_file)


def test_an_old_protocol(authority: trustme.CA, ca_file: Path) -> None:
    """TLS 1.1 and older are refused."""
    context = context_with(authority.issue_cert("localhost"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    text = refusal(context, ca_file, TRIES)
    assert "protocol" in text.lower() or "version" in text.lower(), text


def test_a_server_that_speaks_no_tls(ca_file: Path) -> None:
    """Plain text where TLS belongs is told apart from silence."""

    def refuse(sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with serving(refuse) as port:
        client = swsync.RelayClient(project="p", token="secret", host=f"localhost:{port}", ca_file=str(ca_file))
        with pytest.raises(ConnectionFailed, match=r"(?i)ssl|tls"):
            client.connect(TRIES)
