"""The web hook of an AI agent's functions: it knows who asks, and what an agent's model says is only a wish."""

import hmac

import settings
from flask import Blueprint, abort, request

import swsync

hooks = Blueprint("swaig", __name__)

DIRECTIONS = ("speak", "listen", "both")


def is_the_service():
    """Basic auth: the agent's ``web_hook_url`` is ``https://USER:PASSWORD@example.com/swaig``."""
    given = request.authorization
    if given is None or given.type != "basic":
        return False
    is_user = hmac.compare_digest((given.username or "").encode(), settings.SWAIG_USER.encode())
    is_password = hmac.compare_digest((given.password or "").encode(), settings.SWAIG_PASSWORD.encode())
    return is_user and is_password  # both were compared, whichever is wrong


def what_is_asked():
    """The function's name, and the arguments that the model made up."""
    asked = request.get_json()
    try:
        name, parsed = asked["function"], asked.get("argument", {}).get("parsed") or [{}]
        return name, dict(parsed[0])
    except (AttributeError, KeyError, TypeError, ValueError):
        abort(400)


@hooks.post("/swaig")
def swaig():
    if not is_the_service():
        abort(401)
    name, arguments = what_is_asked()
    if name == "stop_monitoring":
        return swsync.FunctionResult("Monitoring has stopped.").stop_tap("supervisor").to_dict()
    if name != "start_monitoring":
        abort(404)
    # Where the audio goes is this server's business. A caller can talk a model into any argument: an address among
    # them is not even looked at, and a direction must be one of three words.
    direction = arguments.get("direction", "both")
    if direction not in DIRECTIONS:
        return swsync.FunctionResult(f"Say one of {', '.join(DIRECTIONS)}.").to_dict()
    result = swsync.FunctionResult("Monitoring has started.")
    return result.tap(settings.MONITOR_URI, control_id="supervisor", direction=direction).to_dict()
