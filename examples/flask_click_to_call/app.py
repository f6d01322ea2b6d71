"""Click to call for people who have signed in, and the web hook of an AI agent.

    pip install swsync flask
    SECRET_KEY=... USERS_FILE=users.json ALLOWED_DESTINATIONS=+1202 CALLER_ID=+12025550199 \\
    SWAIG_USER=agent SWAIG_PASSWORD=... MONITOR_URI=wss://example.com/tap  flask --app app run
"""

import os
import re
import uuid

import calls
from flask import Flask, abort, redirect, render_template_string, request, session
from guards import RateLimit, check_csrf, check_password, csrf_token, signed_in, users
from swaig import hooks

import swsync

app = Flask(__name__)
app.register_blueprint(hooks)
app.config.update(
    SECRET_KEY=os.environ["SECRET_KEY"],
    SESSION_COOKIE_SAMESITE="Lax",
    SESSION_COOKIE_SECURE=os.environ.get("WITHOUT_TLS") != "1",
    MAX_CONTENT_LENGTH=64 * 1024,
)

calls_per_user = RateLimit(3, 60)
sign_ins_per_address = RateLimit(10, 60)

LOGIN = """<form method="post"><input type="hidden" name="csrf" value="{{ csrf }}">
<input name="user"><input name="password" type="password"><button>Sign in</button></form>"""
PAGE = """<form method="post" action="/calls"><input type="hidden" name="csrf" value="{{ csrf }}">
<input name="number" placeholder="+12025550100"><button>Call</button></form>"""


@app.get("/login")
def login():
    return render_template_string(LOGIN, csrf=csrf_token())


@app.post("/login")
def sign_in():
    check_csrf()
    if not sign_ins_per_address.allows(request.remote_addr):
        abort(429)
    name = request.form.get("user", "")
    if not check_password(name, request.form.get("password", "")):
        abort(403)
    session.clear()  # a new session: the old cookie may be somebody else's
    session["user"] = name
    return redirect("/")


@app.get("/")
@signed_in
def page():
    return render_template_string(PAGE, csrf=csrf_token())


@app.post("/calls")
@signed_in
def call():
    check_csrf()
    number = request.form.get("number", "")
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        abort(400, "a number is + and 7 to 15 digits")
    if not number.startswith(tuple(os.environ["ALLOWED_DESTINATIONS"].split(","))):
        abort(403, "this number may not be called")  # the client would refuse it too, once the agent was rung
    if not calls_per_user.allows(session["user"]):
        abort(429)
    call_id = str(uuid.uuid4())
    # Who is rung first is the user's own phone, from the file: nobody can have this server ring two strangers.
    if not calls.begin(call_id, users()[session["user"]]["phone"], number):
        abort(503, "too many calls at once")
    session["calls"] = [*session.get("calls", [])[-9:], call_id]
    return {"id": call_id}, 202


@app.get("/calls/<call_id>")
@signed_in
def state(call_id):
    if call_id not in session.get("calls", []):
        abort(404)
    return {"id": call_id, "state": calls.state(call_id)}


@app.get("/health")
def health():
    """For the load balancer: whether this process has, or can make, its link to RELAY."""
    try:
        return {"connected": calls.client().is_connected}
    except swsync.SwsyncError as error:
        app.logger.warning("no link: %s", error)
        return {"connected": False}, 503
