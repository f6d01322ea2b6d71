"""What became of one run."""

from __future__ import annotations

import attrs

__all__ = ["ZEROS", "Outcome"]

ZEROS = ("hangs", "untyped", "twice", "orphans", "lost", "threads")
"""What must not be: each names a list of ``Outcome``."""


@attrs.define
class Outcome:
    """What became of one run.

    Attributes:
        hangs: Steps that took longer than they may, with where each thread was if nothing moved any more.
        untyped: Steps that raised what is no error of swsync.
        twice: Numbers that rang more than once.
        orphans: Calls that are up when their program has ended.
        lost: Rows of a list that have no result.
        threads: Names of threads that are left.
        refused: Steps that raised a typed error, which is as it should be.
        frames: How many frames went over the link, or should have.
        applied: What went wrong, in the order in which it did.
    """

    hangs: list[str] = attrs.Factory(list)
    untyped: list[str] = attrs.Factory(list)
    twice: list[str] = attrs.Factory(list)
    orphans: list[str] = attrs.Factory(list)
    lost: list[str] = attrs.Factory(list)
    threads: list[str] = attrs.Factory(list)
    refused: list[str] = attrs.Factory(list)
    frames: int = 0
    applied: list[str] = attrs.Factory(list)

    @property
    def problems(self) -> list[str]:
        """What must not be, in words; empty when all is well."""
        return [f"{name}: {text}" for name in ZEROS for text in getattr(self, name)]
