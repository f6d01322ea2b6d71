"""What an attempt came to: one typed value per row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

__all__ = ["Facts", "Result"]


@attrs.define(kw_only=True)
class Facts:
    """What is known of one attempt, as it goes on. Times are seconds since 1970, 0 if it did not come to that.

    Attributes:
        sent_at: It was sent.
        created_at: Its leg showed itself.
        ringing_at: It rang.
        answered_at: Somebody, or something, answered.
        first_audio_at: Something was played to them.
        notice_at: They had been told that the call is recorded.
        ended_at: It ended.
        end_reason: RELAY's word for why.
        queue_seconds: From the dial to its first leg.
        talk_seconds: From the answer to the end.
        detection: ``{"answer", "ready", "beep", "at", "evidence": [...]}`` if somebody looked; evidence is the events.
        digits: The keys that were collected.
        recording: The file.
        quality: Statistics of each side of the recording.
        cost: By ``cost_per_minute``; None if that was not named.
        is_human: A person answered, or what may be one.
        is_abandoned: A person heard nothing for more than two seconds.
        opted_out: They pressed the key that ends all calls.
        error: What went wrong, in words.
        data: What the script returned.
    """

    sent_at: float = 0.0
    created_at: float = 0.0
    ringing_at: float = 0.0
    answered_at: float = 0.0
    first_audio_at: float = 0.0
    notice_at: float = 0.0
    ended_at: float = 0.0
    end_reason: str = ""
    queue_seconds: float = 0.0
    talk_seconds: float = 0.0
    detection: dict[str, Any] = attrs.Factory(dict)
    digits: str = ""
    recording: str = ""
    quality: dict[str, Any] = attrs.Factory(dict)
    cost: float | None = None
    is_human: bool = False
    is_abandoned: bool = False
    opted_out: bool = False
    error: str = ""
    data: dict[str, Any] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class Result:
    """A row and what became of it.

    Attributes:
        number: E.164; "" after a purge.
        row: Its columns, text by name.
        status: ``pending``, ``claimed``, ``dialing``, ``done``, ``unknown``, ``skipped`` or ``cancelled``.
        outcome: One word: what the last attempt came to, or why it was skipped.
        attempts: How often it was dialed.
        dialed_at: When the last attempt was sent, seconds since 1970; if that is not known, when it was committed.
        tag: The last attempt's name on the wire.
        call_id: RELAY's name of the call.
        facts: What is known of the last attempt.
    """

    number: str
    row: Mapping[str, str]
    status: str
    outcome: str
    attempts: int
    dialed_at: float
    tag: str
    call_id: str
    facts: Facts

    @classmethod
    def from_ledger(cls, line: Mapping[str, Any]) -> Result:
        """Read a line of ``Ledger.rows``."""
        names = {field.name for field in attrs.fields(Facts)}
        facts = Facts(**{name: value for name, value in line["result"].items() if name in names})
        return cls(
            number=line["number"],
            row=line["data"],
            status=line["status"],
            outcome=line["outcome"],
            attempts=line["attempts"],
            dialed_at=facts.sent_at or line["at"],
            tag=line["tag"],
            call_id=line["call_id"],
            facts=facts,
        )
