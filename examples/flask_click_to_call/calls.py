"""The process's one client, and click-to-call: ring the agent's own phone, then connect the customer."""

import os
import threading

import swsync

_lock = threading.Lock()
_client = None  # guarded by _lock
_room = threading.BoundedSemaphore(8)  # calls at once
_states = {}  # of the last thousand calls, by their id


def client():
    """Make the client when it is first needed: in the worker process, after any fork; and again if it was closed.

    ``connect`` returns at once when there is a link. It raises if the client was made before a fork.
    """
    global _client
    with _lock:
        if _client is None or _client.closed:
            allowed = os.environ["ALLOWED_DESTINATIONS"].split(",")
            _client = swsync.RelayClient(allowed_destinations=allowed)
        return _client.connect()


def begin(call_id, agent, customer):
    """Begin a call and return at once, false if there are too many; ``state`` tells how it goes."""
    if not _room.acquire(blocking=False):
        return False
    _states[call_id] = "dialing"
    if len(_states) > 1000:
        del _states[next(iter(_states))]
    # A daemon: whoever waits for the end of a call must not keep the process from ending.
    threading.Thread(target=_connect, args=(call_id, agent, customer), daemon=True).start()
    return True


def state(call_id):
    return _states.get(call_id, "unknown")


def _connect(call_id, agent, customer):
    caller_id = os.environ["CALLER_ID"]
    try:
        with client().dial_phone(to=agent, from_number=caller_id, timeout=30) as call:
            call.play_tts("One moment, I connect you.").wait(timeout=30)
            bridge = call.connect_phone(customer, caller_id, timeout=30)
            bridge.wait_connected(timeout=45)
            _states[call_id] = "connected"
            bridge.wait_disconnected()  # then the with hangs up: nobody pays for a silent line
        _states[call_id] = "ended"
    except (swsync.SwsyncError, TimeoutError) as error:
        _states[call_id] = f"failed: {error}"
    finally:
        _room.release()
