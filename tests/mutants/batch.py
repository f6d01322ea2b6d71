"""The mutants of lists of calls: nobody rings twice, nobody is called who must not be, nothing is left."""

from __future__ import annotations

from tests.mutants.guarantees import Mutant, mutant

__all__ = ["BATCH"]

SQL, RUNNER = "swsync/batch/_sql.py", "swsync/batch/runner.py"

BATCH: list[Mutant] = [
    mutant(
        "an intent is not committed before the dial",
        SQL,
        "UPDATE rows SET status = 'dialing', attempts = ?, tag = ?, changed = ? WHERE id = ?",
        "UPDATE rows SET status = 'claimed', attempts = ?, tag = ?, changed = ? WHERE id = ?",
        "batch/test_ledger.py",
        "batch/test_crash.py",
    ),
    mutant(
        "what a dead process was dialing is dialed again",
        SQL,
        "UPDATE rows SET status = 'unknown', outcome = 'unknown', owner = 0, changed = ? \"",
        "UPDATE rows SET status = 'pending', outcome = '', owner = 0, changed = ? \"",
        "batch/test_ledger.py",
    ),
    mutant(
        "the fence is not checked: an owner that was reaped goes on",
        SQL,
        "if found is None or found[0] or found[1] <= self.lease_now():",
        "if found is None:",
        "batch/test_ledger.py",
    ),
    mutant(
        "a process that was stopped for longer than its lease dials",
        "swsync/batch/ledger.py",
        "        if not self.is_valid:\n            raise Fenced(",
        "        if False:\n            raise Fenced(",
        "batch/test_ledger.py",
        "batch/test_crash.py",
    ),
    mutant(
        "a row is claimed by two",
        SQL,
        "            for line in found:\n                tx.execute(",
        "            for line in ():\n                tx.execute(",
        "batch/test_ledger.py",
    ),
    mutant(
        "a result that comes after another's is taken",
        SQL,
        '            if done.rowcount != 1:\n                raise Fenced(f"attempt {intent.tag} is not',
        '            if False:\n                raise Fenced(f"attempt {intent.tag} is not',
        "batch/test_ledger.py",
    ),
    mutant(
        "leases follow the wall clock",
        "swsync/batch/sqlite.py",
        "return self.now() if self._ahead is None else self._clock.steady() + self._ahead",
        "return self.now()",
        "limits/test_clock_steps.py",
    ),
    mutant(
        "the do-not-call list is not read",
        SQL,
        'do_not_call WHERE number = ?", (number,)).fetchone():\n            return',
        'do_not_call WHERE number = ?", ("",)).fetchone():\n            return',
        "batch/test_ledger.py",
    ),
    mutant(
        "an opt-out is not written down",
        "swsync/batch/attempt.py",
        'self._keep(lambda: self._ledger.add_do_not_call([number], "opted out"))',
        "None",
        "batch/test_run.py",
    ),
    mutant(
        "the attempts of a day are not counted",
        SQL,
        "if len(dialed) >= limits.attempts:",
        "if False:",
        "batch/test_ledger.py",
    ),
    mutant(
        "the caps of a job are not looked at",
        SQL,
        "            refusal = _refusal(state, calls, seconds, cost, limits)\n            if refusal is not None:",
        "            refusal = _refusal(state, calls, seconds, cost, limits)\n            if False:",
        "batch/test_ledger.py",
    ),
    mutant(
        "calling hours are not looked at",
        "swsync/batch/guard.py",
        "return Verdict() if until <= now else Verdict(until=until)",
        "return Verdict()",
        "batch/test_run.py",
    ),
    mutant(
        "hours that end while a dial waits for its turn are not looked at",
        RUNNER,
        "return may and not self._guard.judge(intent.row.zone, self._ledger.now()).until",
        "return may",
        "batch/test_run.py",
    ),
    mutant(
        "a phone may ring beyond the end of the hours",
        "swsync/batch/windows.py",
        "self._holds(first) and self._holds(last, at_end=True)",
        "self._holds(first)",
        "batch/test_windows.py",
    ),
    mutant(
        "the turn is not taken",
        "swsync/batch/pacer.py",
        "            if turn.wait > 0:\n",
        "            if False:\n",
        "batch/test_run.py",
    ),
    mutant(
        "turns that nobody took are saved up for a burst",
        "swsync/batch/pacer.py",
        "max(next_free, now - min(MADE_GOOD, 0.25 / rate)) + tokens / rate",
        "next_free + tokens / rate",
        "batch/test_ledger.py",
        "batch/test_run.py",
    ),
    mutant(
        "dialing goes on while the service queues",
        "swsync/batch/pacer.py",
        "return oldest is not None and self._clock.now() - oldest > QUEUEING",
        "return False",
        "batch/test_run.py",
    ),
    mutant(
        "who has not consented is called",
        "swsync/batch/guard.py",
        "if not skip and not job.consent_waived_by and ",
        "if False and ",
        "batch/test_rows.py",
        "batch/test_run.py",
    ),
    mutant(
        "an exported cell is a formula",
        "swsync/batch/cells.py",
        'return "\'" + text if _is_dangerous(text) and not E164.fullmatch(text) else text',
        "return text",
        "batch/test_rows.py",
        "batch/test_commands.py",
    ),
    mutant(
        "an export takes the ledger's place",
        "swsync/batch/batch.py",
        "        self._spare_ledger(path)\n        return",
        "        return",
        "batch/test_commands.py",
    ),
    mutant(
        "who was purged is dialed again for an outcome",
        SQL,
        "AND outcome = ? AND number <> ''",
        "AND outcome = ?",
        "batch/test_ledger.py",
    ),
    mutant(
        "a run that Ctrl-C stopped looks like the job's end",
        "swsync/commands/batchactions.py",
        "        raise KeyboardInterrupt  # whoever",
        "        pass  # whoever",
        "batch/test_commands.py",
    ),
]
