"""``calling.pay``: the party enters a card number with its keys; the connector, if it is on this machine, is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import schema
from .action import Action
from .call import LocalCall
from .places import check_http
from .requests import Params, Requests, Result, Verb

if TYPE_CHECKING:
    from .core import Core
    from .loop import Timer
    from .session import Session

__all__ = ["PayAction", "PayVerbs"]

TIMEOUT = 5.0
MAX_ATTEMPTS = 10
PROCESSING_SECONDS = 1.0
TERMINATOR = "#"
NUMBERS = ("timeout", "max_attempts", "min_postal_code_length")  # strings in the schema
CARDS = (("34", "amex"), ("37", "amex"), ("4", "visa"), ("5", "mastercard"), ("6", "discover"))


def is_card(digits: str) -> bool:
    """Return whether digits are a card number (ISO/IEC 7812: 12 to 19 digits with the Luhn check)."""
    if not 12 <= len(digits) <= 19:
        return False
    doubled = [int(d) * (1 + index % 2) for index, d in enumerate(reversed(digits))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def _is_good(what: str, digits: str, shortest: int) -> bool:
    """Return whether digits are what was asked for."""
    if what == "payment-card-number":
        return is_card(digits)
    if what == "expiration-date":
        return len(digits) == 4 and 1 <= int(digits[:2]) <= 12
    if what == "security-code":
        return len(digits) in (3, 4)
    return len(digits) >= shortest


class PayAction(Action):
    """One payment: each thing that is asked for is an event's ``for``; then finished, with its result.

    The party answers with the keys that it ``presses``, one after the other: the card number, the expiration date
    (MMYY), the security code, the postal code, each with # or as many digits as there are.
    """

    kind = "pay"
    event_type = "calling.call.pay"

    def __init__(self, core: Core, call: LocalCall, params: Params) -> None:
        super().__init__(call, params["control_id"], params)
        self._core = core
        self._params = params
        self._timeout = float(params.get("timeout") or TIMEOUT)
        self._most = int(params.get("max_attempts") or 1)
        self._asked = ["payment-card-number", "expiration-date"]
        if params.get("security_code") != "false":
            self._asked.append("security-code")
        if params.get("postal_code") in (None, "", "true"):
            self._asked.append("postal-code")
        self._given: dict[str, str] = {}
        self._pressed = ""
        self._attempt = 1
        self._result = "caller-hung-up"
        self._timer: Timer | None = None
        self._has_begun = False

    def begin(self) -> None:
        if not self._has_begun and self.call.answered_at is not None and not self.is_finished:
            self._has_begun = True
            self._ask()

    def _ask(self, error: str = "") -> None:
        """Ask for the next thing."""
        self._pressed = ""
        if not self._asked:
            self.emit(control_id=self.control_id, **self._about("payment-processing"))
            self._wait(PROCESSING_SECONDS, self._paid)
            return
        self.emit(control_id=self.control_id, **self._about(self._asked[0], error))
        self._wait(self._timeout, self._failed, "timeout")
        self.call.reactions.asked(for_digits=True)

    def _wait(self, seconds: float, function: Any, *args: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._core.loop.call_later(seconds, function, *args)

    def press(self, digits: str) -> None:
        for digit in digits:
            if not self._has_begun or not self._asked or self.is_finished:
                return
            if digit == TERMINATOR:
                self._check()
            elif digit.isdigit():
                self._pressed = (self._pressed + digit)[:32]
                self._wait(self._timeout, self._check)

    def _check(self) -> None:
        what = self._asked[0]
        if not _is_good(what, self._pressed, int(self._params.get("min_postal_code_length") or 1)):
            self._failed(f"invalid-{'card-number' if what == 'payment-card-number' else what}")
            return
        self._given[what] = self._pressed
        self._asked.pop(0)
        self._attempt = 1
        self._ask()

    def _failed(self, error: str) -> None:
        if self._attempt >= self._most:
            self._result = "too-many-failed-attempts"
            self.finish()
            return
        self._attempt += 1
        self._ask(error)

    def _paid(self) -> None:
        """Ask the connector to charge, with the card behind a token as the service would."""
        self._result = "success"
        charge = {
            "transaction_id": self._core.new_id(),
            "method": "credit-card",
            "payment_token": self._core.new_id(),
            "chargeAmount": self._params.get("charge_amount") or "",
            "currency_code": self._params.get("currency") or "usd",
            "description": self._params.get("description") or "",
        }
        self._core.webhooks.post(self._params["payment_connector_url"], charge)
        self.finish()

    def _about(self, what: str, error: str = "") -> dict[str, Any]:
        card = self._given.get("payment-card-number", "")
        kind = next((name for begin, name in CARDS if card.startswith(begin)), "")
        return {
            "for": what,
            "error_type": error,
            "attempt": str(self._attempt),
            "payment_method": "credit-card",
            "payment_card_number": f"{'*' * (len(card) - 4)}{card[-4:]}" if card else "",
            "payment_card_type": kind,
            "expiration_date": self._given.get("expiration-date", ""),
            "security_code": "*" * len(self._given.get("security-code", "")),
            "payment_card_postal_code": self._given.get("postal-code", ""),
        }

    def last_fields(self) -> dict[str, Any]:
        success = self._result == "success"
        what = "payment-completed" if success else "payment-failed"
        confirmation = self.control_id[:8] if success else ""
        return {**self._about(what), "payment_result": self._result, "payment_confirmation_code": confirmation}

    def release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class PayVerbs(Requests):
    """Payments."""

    def table(self) -> dict[str, Verb]:
        return {"calling.pay": self.pay, "calling.pay.stop": self.stop("pay")}

    def pay(self, session: Session, params: Params) -> Result:
        check_http(self.core, params["payment_connector_url"], "payment_connector_url")
        for field in NUMBERS:
            text = params.get(field)
            if text is not None and not (text.isascii() and text.isdigit() and len(text) < 6):
                raise schema.refuse(field, "must be a whole number as a string")
        if not 1 <= int(params.get("max_attempts") or 1) <= MAX_ATTEMPTS:
            raise schema.refuse("max_attempts", f"must be from 1 to {MAX_ATTEMPTS}")
        for field in ("input", "payment_method"):
            schema.need(params, field, "string", default="")
        if params.get("input") not in (None, "", "dtmf"):
            raise schema.refuse("input", "must be dtmf")
        call = self.new_action(session, params, "pay")
        self.after(PayAction(self.core, call, params).begin)
        return self.accepted(params, "Payment started")
