"""Settings, all from the environment. An empty one counts as missing: an empty password would be everybody's."""

import os


def required(name):
    value = os.environ.get(name, "").strip()
    if not value:
        raise SystemExit(f"{name} is not set")
    return value


SECRET_KEY = required("SECRET_KEY")  # signs the cookies: python -c 'import secrets; print(secrets.token_hex())'
USERS_FILE = required("USERS_FILE")  # who may sign in, see guards.users
CALLER_ID = required("CALLER_ID")
ALLOWED_DESTINATIONS = [prefix.strip() for prefix in required("ALLOWED_DESTINATIONS").split(",") if prefix.strip()]
SWAIG_USER, SWAIG_PASSWORD = required("SWAIG_USER"), required("SWAIG_PASSWORD")  # of web_hook_url
MONITOR_URI = required("MONITOR_URI")  # where taps go
WITHOUT_TLS = os.environ.get("WITHOUT_TLS") == "1"  # for a try on this machine: cookies go over plain HTTP
