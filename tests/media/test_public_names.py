"""swsync.media offers its names lazily."""

from __future__ import annotations

import subprocess
import sys

import pytest

from swsync import media


def test_every_public_name_resolves() -> None:
    """Each name of __all__ is found, in dir() too; others are refused."""
    assert sorted(media._HOMES) == media.__all__
    for name in media.__all__:
        assert getattr(media, name).__name__ == name
        assert name in dir(media)
    with pytest.raises(AttributeError, match="no_such_name"):
        media.no_such_name  # noqa: B018


def test_importing_media_loads_no_c() -> None:
    """`import swsync.media` is cheap: neither the C module nor a socket comes with it."""
    script = "import sys, swsync.media; print('swsync._media' in sys.modules or 'socket' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "False\n"
