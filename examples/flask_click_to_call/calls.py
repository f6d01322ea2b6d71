"""The process's one client, and click-to-call: ring the agent's own phone, then connect the customer."""

import threading
import uuid

import settings

import swsync

_lock = threading.Lock()
_client = None  # guarded by _lock
_states = {}  # of the last thousand calls, by their id; guarded by _lock
_room = threading.BoundedSemaphore(8)  # calls at once


def client():
    """Make the client when it is first needed: in the worker process, after any fork; and again if it was closed.

    ``connect`` returns at once when there is a link. It raises if the client was made before a fork.
    """
    global _client
    with _lock:
        if _client is None or _client.closed:
            _client = swsync.RelayClient(allowed_destinations=settings.ALLOWED_DESTINATIONS)
        known = _client
    return known.connect()


def begin(agent, customer):
    """Begin a call and return its id at once, or None if there are too many; ``state`` tells how it goes."""
    if not _room.acquire(blocking=False):
        return None
    call_id = str(uuid.uuid4())
    _note(call_id, "dialing")
    # A daemon: whoever waits for the end of a call must not keep the process from ending.
    threading.Thread(target=_connect, args=(call_id, agent, customer), daemon=True).start()
    return call_id


def state(call_id):
    with _lock:
        return _states.get(call_id, "unknown")


def _note(call_id, state):
    with _lock:
        _states[call_id] = state
        if len(_states) > 1000:
            del _states[next(iter(_states))]


def _connect(call_id, agent, customer):
    try:
        with client().dial_phone(to=agent, from_number=settings.CALLER_ID, timeout=30, max_duration=3600) as call:
            call.play_tts("One moment, I connect you.").wait(timeout=30)
            bridge = call.connect_phone(customer, settings.CALLER_ID, timeout=30)
            bridge.wait_connected(timeout=45)
            _note(call_id, "connected")
            bridge.wait_disconnected()  # then the with hangs up: nobody pays for a silent line
        _note(call_id, "ended")
    except (swsync.SwsyncError, TimeoutError) as error:
        _note(call_id, f"failed: {error}")
    finally:
        _room.release()
