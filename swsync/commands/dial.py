"""``swsync dial``: call a number, say something, hang up."""

from __future__ import annotations

from contextlib import nullcontext

import swsync
from swsync.commands.output import Output

__all__ = ["run"]


def run(*, to: str, from_number: str, say: str, timeout: float, record: str | None, via: str, output: Output) -> None:
    """Dial with the credentials of the environment.

    Args:
        to: The number to call.
        from_number: The number that the call comes from.
        say: The text to speak once it is answered.
        timeout: Seconds to let it ring.
        record: A WAV file for both sides, or None.
        via: How recorded audio comes: ``rtp``, ``ws`` or ``stream``.
        output: What to print to.
    """
    with swsync.RelayClient() as client:
        output.say(f"Dialing {to} ...")
        with client.dial_phone(to=to, from_number=from_number, timeout=int(timeout)) as call:
            output.say(f"Answered (call {call.call_id}).")
            output.event("answered", call_id=call.call_id)
            with call.capture(record, via=via) if record else nullcontext():
                call.play_tts(say).wait()
    output.say(f"Hung up.{f' Both sides are in {record}' if record else ''}")
    output.event("done", call_id=call.call_id, wav=record)
