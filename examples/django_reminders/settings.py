"""The least that this project needs, all from the environment. SIGNALWIRE_PROJECT_ID, SIGNALWIRE_API_TOKEN and
SIGNALWIRE_SPACE are swsync's. An empty setting counts as missing: an empty key would be everybody's."""

import os


def required(name):
    value = os.environ.get(name, "").strip()
    if not value:
        raise SystemExit(f"{name} is not set")
    return value


SECRET_KEY = required("SECRET_KEY")
API_KEY = required("API_KEY")  # of who may have this server make calls
CALLER_ID = required("CALLER_ID")
ALLOWED_DESTINATIONS = [prefix.strip() for prefix in required("ALLOWED_DESTINATIONS").split(",") if prefix.strip()]
ALLOWED_HOSTS = os.environ.get("HOSTS", "127.0.0.1").split(",")

# For a try on this machine, WITHOUT_TLS=1. Else a proxy in front does TLS, and says so in X-Forwarded-Proto.
WITHOUT_TLS = os.environ.get("WITHOUT_TLS") == "1"
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not WITHOUT_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if WITHOUT_TLS else 365 * 86400
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

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
