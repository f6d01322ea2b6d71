"""Reminders by telephone from a Django project: a command for cron, and a view that begins a call.

Try it on this machine, with `swsync relay` in another terminal and the SIGNALWIRE_ variables that it prints:

    pip install swsync django gunicorn
    cd examples/django_reminders
    export SECRET_KEY=$(python -c 'import secrets; print(secrets.token_hex(32))') API_KEY=$(openssl rand -hex 32)
    export CALLER_ID=+12025550199 ALLOWED_DESTINATIONS=+1202 WITHOUT_TLS=1
    python manage.py migrate
    python manage.py add_reminder +12025550110 Ann
    python manage.py call_reminders
    python manage.py add_reminder +12025550111 Ben
    gunicorn wsgi &
    curl -X POST -H "Authorization: Bearer $API_KEY" http://127.0.0.1:8000/reminders/2/call
    curl -H "Authorization: Bearer $API_KEY" http://127.0.0.1:8000/reminders/2

`gunicorn.conf.py` has two workers that the master forks once it has loaded everything (``--preload``); each makes a
client with its first call. In production, leave out WITHOUT_TLS and set HOSTS; `manage.py check --deploy` is content.
A reminder that stays `calling` was under way when its process was killed: look whether it rang before you call again.
"""

import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
