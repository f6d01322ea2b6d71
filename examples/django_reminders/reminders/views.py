import functools
import hmac
import os

from django.conf import settings
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

import swsync
from reminders import calls
from reminders.models import Reminder


def with_key(view):
    """For programs: a key in a header. No cookie is involved, so there is nothing for another site to forge."""

    @csrf_exempt
    @functools.wraps(view)
    def guarded(request, *args, **kwargs):
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {settings.API_KEY}".encode()):
            return JsonResponse({"error": "who are you?"}, status=401)
        return view(request, *args, **kwargs)

    return guarded


@with_key
@require_POST
def call(request, pk):
    """Begin the call of a reminder that is due."""
    reminder = get_object_or_404(Reminder, pk=pk)
    try:
        relay = calls.client()
        if not reminder.claim():
            return JsonResponse({"error": "it is not due"}, status=409)
        calls.remind_in_background(reminder, relay)
    except swsync.SwsyncError as error:
        return JsonResponse({"error": str(error)}, status=503)
    return JsonResponse({"process": os.getpid()}, status=202)


@with_key
@require_GET
def show(request, pk):
    reminder = get_object_or_404(Reminder, pk=pk)
    return JsonResponse({"state": reminder.state, "detail": reminder.detail})
