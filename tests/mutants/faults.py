"""The mutants of what happens when a link, a clock or an end goes wrong."""

from __future__ import annotations

from tests.mutants.guarantees import Mutant, mutant

__all__ = ["FAULTS"]

FAULTS: list[Mutant] = [
    Mutant(
        "an event is acknowledged after it was handled",
        "swsync/link.py",
        (
            (
                "        if frame.answer:\n            self._answer(frame.answer)  # acknowledged on receipt",
                "        if frame.answer:\n            pass  # acknowledged on receipt",
            ),
            (
                '            self._counters["duplicates"] += 1\n',
                '            self._counters["duplicates"] += 1\n'
                "        if frame.answer:\n"
                "            self._answer(frame.answer)\n",
            ),
        ),
        ("test_connection.py", "test_client.py"),
    ),
    mutant(
        "a verb whose reply is lost with its link is kept",
        "swsync/pending.py",
        "doubtful = [r for r in self._table.values() if r.writes and not r.idempotent]",
        "doubtful = []",
        "test_connection.py",
    ),
    mutant(
        "close() forgets calls that were lost with their link",
        "swsync/closing.py",
        'owed = self._connection.owed("calling.end") if end else {}',
        "owed = {}",
        "test_client.py",
    ),
    mutant(
        "close() asks for the end of a call only once",
        "swsync/closing.py",
        "            self._connection.repeat(request)",
        "            pass",
        "test_client.py",
    ),
    mutant(
        "a link on which nothing comes is never given up",
        "swsync/link.py",
        "if self._misses >= MISSED_PINGS:",
        "if False:",
        "test_connection.py",
    ),
    mutant(
        "a client in a forked child uses its parent's link",
        "swsync/requesting.py",
        "        if os.getpid() != self._pid:\n            raise ConnectionClosed(",
        "        if False:\n            raise ConnectionClosed(",
        "test_client.py",
    ),
    mutant(
        "a dial is free to go anywhere",
        "swsync/routing.py",
        "if not address.startswith(self._allowed_destinations):",
        "if False:",
        "test_dialing.py",
    ),
    mutant(
        "secrets go into the log of the wire",
        "swsync/masking.py",
        "    text = _addresses(_KEYS.sub(r'\\1\"***\"', text))\n",
        "",
        "test_wirelog.py",
    ),
    mutant(
        "the kernel's time of a packet is believed around a step of the wall clock",
        "csrc/rtpsocket.c",
        "return e->now >= e->stamped_from && arrival < e->now + NANO && arrival > e->now - LONGEST;",
        "return 1;",
        "limits/test_clock_steps.py",
    ),
]
