"""The least that this project needs. SIGNALWIRE_PROJECT_ID, SIGNALWIRE_API_TOKEN and SIGNALWIRE_SPACE are swsync's."""

import os

SECRET_KEY = os.environ["SECRET_KEY"]
API_KEY = os.environ["API_KEY"]  # of who may have this server make calls
CALLER_ID = os.environ["CALLER_ID"]
ALLOWED_DESTINATIONS = os.environ["ALLOWED_DESTINATIONS"].split(",")
ALLOWED_HOSTS = os.environ.get("HOSTS", "127.0.0.1").split(",")

INSTALLED_APPS = ["reminders"]
ROOT_URLCONF = "urls"
WSGI_APPLICATION = "wsgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE", "reminders.db"),
        "OPTIONS": {"timeout": 20},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
