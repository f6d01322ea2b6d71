"""What holds for tests of media."""

from __future__ import annotations

import pytest

from swsync.media import ports


@pytest.fixture(autouse=True)
def _ports_without_a_past() -> None:
    """All tests send under one SSRC: a port that an earlier test had would refuse it, as it is meant to."""
    ports._had.clear()
