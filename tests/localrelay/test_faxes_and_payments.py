"""Faxes that go over page by page, and payments by key."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay
from swsync.localrelay.faxing import ONE_PAGE, pages_of

from .hooks import hooks
from .wire import Wire

FAX = "+12025550151"
BOB = "+12025550123"
TWO_PAGES = b"%PDF-1.4 <</Type /Pages>> <</Type /Page>> <</Type/Page >>"


def faxes(wire: Wire) -> list[tuple[str, dict[str, Any]]]:
    """Return the events of a fax to its last."""
    told: list[tuple[str, dict[str, Any]]] = []
    while not told or told[-1][0] == "page":
        event = wire.event("calling.call.fax", control_id="f")
        assert ("state" in event) == (event["fax"]["type"] == "finished")
        told.append((event.get("state", "page"), event["fax"]["params"]))
    return told


def test_send_fax(wire: Wire, relay: LocalRelay, clock: VirtualClock, tmp_path: Path) -> None:
    """A page event for each page of the document, which is really fetched, then the result."""
    (tmp_path / "two.pdf").write_bytes(TWO_PAGES)
    url = relay.serve(tmp_path / "two.pdf")
    call = wire.dial(FAX)
    begin = clock.now()
    wire.result("calling.send_fax", **call, control_id="f", document=url, identity="+12025550199")
    told = faxes(wire)
    assert ["page", "page", "finished"] == [kind for kind, _ in told]
    assert 35.0 == pytest.approx(clock.now() - begin)
    assert {"direction": "send", "identity": "+12025550199", "remote_identity": FAX, "document": url, "pages": 2,
            "success": True, "result": "0", "result_text": "OK", "format": "pdf"} == told[-1][1]  # fmt: skip


def test_receive_fax(wire: Wire, relay: LocalRelay, tmp_path: Path) -> None:
    """The document that the fax was given arrives, behind a URL; or one page that the relay makes."""
    (tmp_path / "two.pdf").write_bytes(TWO_PAGES)
    relay.callee(BOB, kind="fax", fax_document=tmp_path / "two.pdf")
    for number, document in ((BOB, TWO_PAGES), (FAX, ONE_PAGE)):
        wire.result("calling.receive_fax", **wire.dial(number), control_id="f")
        _, about = faxes(wire)[-1]
        assert ("receive", True, pages_of(document)) == (about["direction"], about["success"], about["pages"])
        with urllib.request.urlopen(about["document"], timeout=10) as reply:
            assert "application/pdf" == reply.headers["Content-Type"]
            assert document == reply.read()


def test_faxes_that_fail(wire: Wire, relay: LocalRelay, tmp_path: Path) -> None:
    """Nobody at the other end is a fax; the document is not there; it is stopped; the call ends."""
    (tmp_path / "one.pdf").write_bytes(ONE_PAGE)
    url = relay.serve(tmp_path / "one.pdf")
    wire.result("calling.send_fax", **wire.dial(), control_id="f", document=url)
    [(kind, about)] = faxes(wire)
    assert ("finished", False, True) == (kind, about["success"], "no fax" in about["result_text"])
    wire.result("calling.send_fax", **wire.dial(FAX), control_id="f", document=f"{url}x")
    assert ["error"] == [kind for kind, _ in faxes(wire)]
    call = wire.dial(FAX)
    wire.result("calling.receive_fax", **call, control_id="f")
    wire.result("calling.receive_fax.stop", **call, control_id="f")
    assert [False] == [about["success"] for _, about in faxes(wire)]
    wire.result("calling.receive_fax", **call, control_id="f")
    wire.result("calling.end", **call)
    assert ["finished"] == [kind for kind, _ in faxes(wire)]
    wire.event("calling.call.state", call_state="ended")
    assert " document:" in wire.error("calling.send_fax", **wire.dial(), control_id="f", document="/tmp/x.pdf")[1]


CARD = "4242424242424242#"


def pay(wire: Wire, call: dict[str, Any], url: str = "http://127.0.0.1:9/pay", **params: Any) -> list[dict[str, Any]]:
    """Return the events of a payment to its last."""
    result = wire.result("calling.pay", **call, control_id="p", payment_connector_url=url, **params)
    assert ("200", "p") == (result["code"], result["control_id"])
    told = [wire.event("calling.call.pay", control_id="p")]
    while "state" not in told[-1]:
        told.append(wire.event("calling.call.pay", control_id="p"))
    return told


def test_pay(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Each thing is asked for in turn; the connector gets a token, and nobody gets the card's number."""
    relay.callee(BOB, presses=(CARD, "1230#", "123#", "10001#"))
    with hooks() as hook:
        told = pay(wire, wire.dial(BOB), hook.url, charge_amount="12.50", currency="usd")
        clock.sleep(1)
        assert ("12.50", "usd") == (hook.posts[0]["chargeAmount"], hook.posts[0]["currency_code"])
    asked = ["payment-card-number", "expiration-date", "security-code", "postal-code", "payment-processing",
             "payment-completed"]  # fmt: skip
    assert asked == [event["for"] for event in told]
    last = told[-1]
    assert ("finished", "success", "visa", "************4242", "***", "10001") == tuple(
        last[k] for k in ("state", "payment_result", "payment_card_type", "payment_card_number", "security_code",
                          "payment_card_postal_code")
    )  # fmt: skip
    assert "4242424242424242" not in "".join(map(str, wire.log))


def test_pay_attempts(wire: Wire, relay: LocalRelay) -> None:
    """A number that cannot be is asked for again, so often; so is one that never comes."""
    relay.callee(BOB, presses=("4242424242424241#", CARD, "1330#"))
    told = pay(wire, wire.dial(BOB), max_attempts="2")
    assert [
        ("payment-card-number", "", "1"),
        ("payment-card-number", "invalid-card-number", "2"),
        ("expiration-date", "", "1"),
        ("expiration-date", "invalid-expiration-date", "2"),
        ("payment-failed", "", "2"),
    ] == [(event["for"], event["error_type"], event["attempt"]) for event in told]
    assert "too-many-failed-attempts" == told[-1]["payment_result"]


def test_pay_is_stopped_and_refused(wire: Wire) -> None:
    """It finishes without success; numbers are strings, as the service has them."""
    call = wire.dial()
    wire.result("calling.pay", **call, control_id="p", payment_connector_url="http://127.0.0.1:9/")
    wire.result("calling.pay.stop", **call, control_id="p")
    assert "payment-failed" == wire.event("calling.call.pay", state="finished")["for"]
    url = {"payment_connector_url": "http://127.0.0.1:9/"}
    for params, field in (
        ({}, "payment_connector_url"),
        ({"payment_connector_url": "x"}, "payment_connector_url"),
        ({**url, "timeout": 5}, "timeout"),
        ({**url, "timeout": "soon"}, "timeout"),
        ({**url, "max_attempts": "11"}, "max_attempts"),
        ({**url, "input": "voice"}, "input"),
    ):
        code, text = wire.error("calling.pay", **call, control_id="p", **params)
        assert (-32602, True) == (code, f" {field}:" in text)
