"""Click to call for people who have signed in, and the web hook of an AI agent.

Try it on this machine, with `swsync relay` in another terminal and the SIGNALWIRE_ variables that it prints:

    pip install swsync flask
    python -c 'import json, werkzeug.security as w
    print(json.dumps({"ann": {"phone": "+12025550110", "password": w.generate_password_hash("secret")}}))' > users.json
    export USERS_FILE=$PWD/users.json SECRET_KEY=$(python -c 'import secrets; print(secrets.token_hex())')
    export CALLER_ID=+12025550199 ALLOWED_DESTINATIONS=+1202 MONITOR_URI=wss://example.com/tap
    export SWAIG_USER=agent SWAIG_PASSWORD=$(python -c 'import secrets; print(secrets.token_hex())')
    cd examples/flask_click_to_call && WITHOUT_TLS=1 flask --app app run

and sign in at http://127.0.0.1:5000. In production, behind a proxy that does TLS, without WITHOUT_TLS:

    gunicorn --threads 16 app:app

It is one worker, for limits and states are in its memory. When it ends, a phone that rings is let go; two who talk are
left alone.
"""

import re
from datetime import timedelta

import calls
import settings
from flask import Flask, abort, redirect, render_template_string, request, session
from guards import RateLimit, check_csrf, check_password, csrf_token, signed_in, users
from swaig import hooks

app = Flask(__name__)
app.register_blueprint(hooks)
app.config.update(
    SECRET_KEY=settings.SECRET_KEY,
    SESSION_COOKIE_HTTPONLY=True,
    SESSION_COOKIE_SAMESITE="Lax",
    SESSION_COOKIE_SECURE=not settings.WITHOUT_TLS,
    PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
    MAX_CONTENT_LENGTH=64 * 1024,
)

calls_per_user = RateLimit(3, 60)
sign_ins_per_address = RateLimit(10, 60)  # behind a proxy: werkzeug.middleware.proxy_fix tells who asks

LOGIN = """<!doctype html><title>Sign in</title>
<form method="post"><input type="hidden" name="csrf" value="{{ csrf }}">
<label>Name <input name="user" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button>Sign in</button></form>"""
PAGE = """<!doctype html><title>Click to call</title>
<form method="post" action="/calls"><input type="hidden" name="csrf" value="{{ csrf }}">
<label>Number <input name="number" type="tel" placeholder="+12025550100"></label> <button>Call</button></form>
<ul>{% for call_id, state in calls %}
<li><a href="/calls/{{ call_id }}">{{ call_id }}</a> {{ state }}</li>{% endfor %}</ul>
<p><a href="/">Look again</a></p>
<form method="post" action="/logout"><input type="hidden" name="csrf" value="{{ csrf }}">
<button>Sign out</button></form>"""


@app.after_request
def for_nobody_else(response):
    """No other site may show these pages in a frame and have somebody click on them; no cache keeps them."""
    response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
    response.headers["Cache-Control"] = "no-store"
    return response


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
    session.permanent = True
    session["user"] = name
    return redirect("/")


@app.post("/logout")
def sign_out():
    check_csrf()
    session.clear()
    return redirect("/login")


@app.get("/")
@signed_in
def page():
    known = [(call_id, calls.state(call_id)) for call_id in session.get("calls", [])]
    return render_template_string(PAGE, csrf=csrf_token(), calls=known)


@app.post("/calls")
@signed_in
def call():
    check_csrf()
    number = request.form.get("number", "")
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        abort(400, "a number is + and 7 to 15 digits")
    if not number.startswith(tuple(settings.ALLOWED_DESTINATIONS)):
        abort(403, "this number may not be called")  # the client would refuse it too, once the agent was rung
    if not calls_per_user.allows(session["user"]):
        abort(429)
    # Who is rung first is the user's own phone, from the file: nobody can have this server ring two strangers.
    call_id = calls.begin(users()[session["user"]]["phone"], number)
    if call_id is None:
        abort(503, "too many calls at once")
    app.logger.warning("%s has begun call %s", session["user"], call_id)  # who, not whom: numbers are no log's business
    session["calls"] = [*session.get("calls", [])[-9:], call_id]
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":  # a person
        return redirect("/", 303)
    return {"id": call_id}, 202


@app.get("/calls/<call_id>")
@signed_in
def state(call_id):
    if call_id not in session.get("calls", []):
        abort(404)
    return {"id": call_id, "state": calls.state(call_id)}
