"""A local relay, and what it takes: ``ours``' orders, a line each. Prints its settings first."""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from typing import Any

from swsync.localrelay import LocalRelay


def resident() -> int:
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def main() -> None:
    """Answer each line of stdin with what has been used so far."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    with LocalRelay(tls=False) as relay:
        print(json.dumps(relay.settings), flush=True)
        for _ in sys.stdin:
            states: dict[str, Any] = {}
            for call in relay.calls:
                states[call.state] = states.get(call.state, 0) + 1
            used = {"cpu": time.process_time(), "at": time.monotonic(), "resident": resident(), "states": states}
            print(json.dumps(used), flush=True)


if __name__ == "__main__":
    main()
