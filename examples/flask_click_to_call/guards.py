"""Who may do what, and how often: sign-in by session cookie, CSRF tokens, a rate limit."""

import functools
import hmac
import json
import secrets
import threading
import time
from collections import defaultdict, deque

import settings
from flask import abort, redirect, request, session
from werkzeug.security import check_password_hash, generate_password_hash

NOBODY = generate_password_hash(secrets.token_hex())  # checked for unknown names, which takes as long


def users():
    """``{"ann": {"password": HASH, "phone": "+1202..."}}``; HASH is werkzeug.security.generate_password_hash's."""
    with open(settings.USERS_FILE) as file:
        return json.load(file)


def check_password(name, password):
    known = users().get(name, {})
    return check_password_hash(known.get("password", NOBODY), password)


def signed_in(view):
    @functools.wraps(view)
    def guarded(*args, **kwargs):
        if session.get("user") not in users():
            return redirect("/login")
        return view(*args, **kwargs)

    return guarded


def csrf_token():
    """What the session's forms carry; other sites cannot know it."""
    return session.setdefault("csrf", secrets.token_urlsafe(32))


def check_csrf():
    """Before anything else that a form asks for. A session without a token matches nothing."""
    expected = session.get("csrf") or secrets.token_urlsafe(32)
    if not hmac.compare_digest(expected.encode(), request.form.get("csrf", "").encode()):
        abort(400, "the form is too old: load the page again")


class RateLimit:
    """So many in so many seconds, for each key; in one process. Several workers multiply it: share it in Redis."""

    def __init__(self, count, seconds):
        self.count, self.seconds = count, seconds
        self._lock = threading.Lock()
        self._times = defaultdict(deque)  # guarded by _lock

    def allows(self, key):
        now = time.monotonic()
        with self._lock:
            if len(self._times) > 10_000:
                self._times = defaultdict(deque, {k: t for k, t in self._times.items() if t[-1] > now - self.seconds})
            times = self._times[key]
            while times and times[0] < now - self.seconds:
                times.popleft()
            if len(times) >= self.count:
                return False
            times.append(now)
            return True
