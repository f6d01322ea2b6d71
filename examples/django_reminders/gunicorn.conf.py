"""``gunicorn wsgi``: two workers that the master forks once it has loaded everything."""

import os

workers = 2
threads = 8
preload_app = True  # nothing of swsync is made at import, so nothing is forked
graceful_timeout = 30  # then the master kills: more than worker_exit takes


def worker_exit(server, worker):
    """The worker takes no more requests: its calls may end, and what goes on after that is ended."""
    from reminders import calls

    calls.close(float(os.environ.get("DRAIN_SECONDS", "20")))
