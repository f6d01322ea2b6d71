"""``python -m swsync`` is the ``swsync`` command."""

from __future__ import annotations

import sys

from swsync.cli import main

if __name__ == "__main__":
    sys.exit(main())
