"""Taking a payment by telephone (``calling.pay``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from swsync.calling._base import CanStop, Completed, Verbs
from swsync.events import PayEvent

__all__ = ["PayAction", "PayVerbs"]


class PayAction(CanStop[PayEvent]):
    """A payment under way. ``wait()`` gives its ``PayEvent``: ``state`` is ``finished`` or ``error``."""

    _verb = "pay"
    _event_type = "calling.call.pay"
    _terminal_states = frozenset({"finished", "error"})


class PayVerbs(Verbs):
    """The verb that takes payments."""

    def pay(
        self,
        payment_connector_url: str,
        *,
        control_id: str | None = None,
        input_method: str | None = None,
        status_url: str | None = None,
        payment_method: str | None = None,
        timeout: str | None = None,
        max_attempts: str | None = None,
        security_code: str | None = None,
        postal_code: str | None = None,
        min_postal_code_length: str | None = None,
        token_type: str | None = None,
        charge_amount: str | None = None,
        currency: str | None = None,
        language: str | None = None,
        voice: str | None = None,
        description: str | None = None,
        valid_card_types: str | None = None,
        bank_account_type: str | None = None,
        parameters: Sequence[Mapping[str, Any]] | None = None,
        prompts: Sequence[Mapping[str, Any]] | None = None,
        on_completed: Completed | None = None,
    ) -> PayAction:
        """Collect a payment. Numbers and booleans are strings here, as the wire has them.

        Args:
            payment_connector_url: The connector that takes the payment's data.
            control_id: A name for the action; made when not given.
            input_method: The wire's ``input``: ``dtmf``.
            status_url: A webhook for its states.
            payment_method: ``credit-card`` or ``bank-account``.
            timeout: Seconds between digits.
            max_attempts: How often each field is asked for.
            security_code: Whether the security code is asked for.
            postal_code: Whether the postal code is asked for, or the code itself.
            min_postal_code_length: The fewest digits of it.
            token_type: ``one-time`` or ``reusable``.
            charge_amount: The amount.
            currency: Such as ``usd``.
            language: Of the prompts, such as ``en-US``.
            voice: Of the prompts.
            description: A note that goes with the payment.
            valid_card_types: Such as ``visa mastercard``.
            bank_account_type: Such as ``consumer-checking``.
            parameters: ``[{"name": ..., "value": ...}]`` for the connector.
            prompts: Prompts of one's own.
            on_completed: Called with its last event.
        """
        return self._begin(PayAction, "pay", control_id, on_completed,
                           payment_connector_url=payment_connector_url, input=input_method, status_url=status_url,
                           payment_method=payment_method, timeout=timeout, max_attempts=max_attempts,
                           security_code=security_code, postal_code=postal_code,
                           min_postal_code_length=min_postal_code_length, token_type=token_type,
                           charge_amount=charge_amount, currency=currency, language=language, voice=voice,
                           description=description, valid_card_types=valid_card_types,
                           bank_account_type=bank_account_type, parameters=parameters,
                           prompts=prompts)  # fmt: skip
