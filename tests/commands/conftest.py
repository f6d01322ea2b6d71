"""A relay for each test: real TLS, in real time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from swsync.localrelay import LocalRelay


@pytest.fixture
def relay() -> Iterator[LocalRelay]:
    with LocalRelay() as server:
        yield server
