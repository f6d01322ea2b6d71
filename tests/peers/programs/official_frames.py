"""Runs in the official SDK's environment: what its Call sends for a list of uses, and its signatures.

Reads ``{"uses": [[method, args, kwargs, [[control, args], ...]], ...], "swaig": [[[method, args, kwargs], ...], ...],
"events": [payload, ...]}`` on stdin; writes ``{"frames", "signatures", "swaig", "events", "constants"}`` on stdout.
"""

import asyncio
import dataclasses
import inspect
import json
import sys

from signalwire.core.function_result import FunctionResult
from signalwire.relay import call as calls
from signalwire.relay import constants
from signalwire.relay import event as events
from signalwire.relay.call import Call


class Client:
    """Takes note of requests and answers all of them."""

    def __init__(self):
        self.sent = []

    async def execute(self, method, params):
        self.sent.append([method, params])
        return {"code": "200", "message": "OK"}


async def frames(method, args, kwargs, controls):
    client = Client()
    call = Call(client, "call-1", "node-1", "project", "context", state="answered")
    result = await getattr(call, method)(*args, **kwargs)
    for control, values in controls:
        await getattr(result, control)(*values)
    return client.sent


def signature(function):
    found = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        default = None if parameter.default is inspect.Parameter.empty else [parameter.default]
        found.append([parameter.name, parameter.kind.name, default])
    return found


def signatures(cls):
    return {
        name: signature(function)
        for name, function in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }


async def main():
    asked = json.load(sys.stdin)
    actions = {name: cls for name, cls in vars(calls).items() if name.endswith("Action") and inspect.isclass(cls)}
    answers = []
    for chain in asked["swaig"]:
        result = FunctionResult("text")
        for method, args, kwargs in chain:
            try:
                getattr(result, method)(*args, **kwargs)
            except (TypeError, ValueError) as error:
                result = None
                answers.append(type(error).__name__)
                break
        if result is not None:
            answers.append(result.to_dict())
    json.dump(
        {
            "frames": [await frames(*use) for use in asked["uses"]],
            "signatures": {"Call": signatures(Call), **{name: signatures(cls) for name, cls in actions.items()}},
            "swaig": answers,
            "events": [
                [type(found).__name__, dataclasses.asdict(found)] for found in map(events.parse_event, asked["events"])
            ],
            "constants": {name: value for name, value in vars(constants).items() if name.isupper()},
        },
        sys.stdout,
    )


asyncio.run(main())
