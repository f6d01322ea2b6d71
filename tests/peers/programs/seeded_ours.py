"""A whole call with swsync, by somebody who catches every error; ``seeded_official.py`` is the same with the other SDK.

``with`` or ``run`` is how it connects. Each step is reported as a line of JSON before and after it blocks.
"""

import socket
import sys
import time

from reporting import reported

from swsync import RelayClient, link

link.PING_INTERVAL = 3.0
PHONE = {"type": "phone", "params": {"to_number": "+12025550100", "from_number": "+12025550199", "timeout": 20}}


def attempt(step, function, *args, **kwargs):
    with reported(step):
        return function(*args, **kwargs)


def act(name, start, *args, stop=False, **kwargs):
    action = attempt(f"{name}()", start, *args, **kwargs)
    if action and stop:
        attempt(f"{name}.stop()", action.stop)
    if action:
        attempt(f"{name}.wait()", action.wait, timeout=4)


def place_call(client):
    call = attempt("dial()", client.dial, [[PHONE]], dial_timeout=6)
    if not call:
        return
    act("play", call.play, [{"type": "silence", "params": {"duration": 0.3}}])
    act("collect", call.collect, digits={"max": 4, "terminators": "#"}, initial_timeout=3)
    act("record", call.record, stop=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        media.bind(("127.0.0.1", 0))
        device = {"type": "rtp", "params": {"addr": "127.0.0.1", "port": media.getsockname()[1]}}
        act("tap", call.tap, {"type": "audio", "params": {"direction": "both"}}, device, stop=True)
    attempt("hangup()", call.hangup)
    attempt("wait_for_ended()", call.wait_for_ended, timeout=4)


def as_a_script():
    with RelayClient(request_timeout=3) as client:
        place_call(client)


def as_a_service():
    client = RelayClient(contexts=["office"], request_timeout=3)

    @client.on_call
    def handle(call):
        attempt("answer()", call.answer)
        place_call(client)
        attempt("the caller's hangup()", call.hangup)
        time.sleep(3)  # a service lives on
        client.close()

    client.run()


if sys.argv[1] == "with":
    attempt("with", as_a_script)
else:
    as_a_service()
