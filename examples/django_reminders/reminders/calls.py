"""The process's one client, and what a reminder is."""

import threading

from django.conf import settings
from django.db import close_old_connections

import swsync

_lock = threading.Lock()
_client = None  # guarded by _lock


def client():
    """Make the client when it is first needed: in the worker, after the fork; and again if it was closed.

    ``connect`` returns at once when there is a link. It raises if the client was made before a fork.
    """
    global _client
    with _lock:
        if _client is None or _client.closed:
            _client = swsync.RelayClient(allowed_destinations=settings.ALLOWED_DESTINATIONS)
        known = _client
    return known.connect()


def close(drain):
    """Let the calls end within so many seconds, then end them. Before the process ends."""
    if _client is not None and not _client.closed:
        _client.drain(drain)
        _client.close()


def remind(reminder, relay):
    """Call somebody whose reminder was claimed, and write down what came of it. Blocks as long as the call."""
    try:
        with relay.dial_phone(to=reminder.number, from_number=settings.CALLER_ID, timeout=30) as call:
            call.play_tts(f"Hello {reminder.name}, this is a reminder.").wait(timeout=120)
        reminder.state = "reached"
    except swsync.OutcomeUnknown as error:  # DialUnknown too: it may have rung
        reminder.state, reminder.detail = "unknown", str(error)[:200]
    except (swsync.SwsyncError, TimeoutError) as error:
        reminder.state, reminder.detail = "failed", str(error)[:200]
    reminder.save()
    return reminder.state == "reached"


def remind_in_background(reminder, relay):
    """The same on a thread of its own: a request is over long before a call is."""

    def run():
        try:
            remind(reminder, relay)
        finally:
            close_old_connections()

    threading.Thread(target=run, daemon=True).start()
