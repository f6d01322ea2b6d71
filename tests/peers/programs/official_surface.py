"""Runs in the official SDK's environment: its public names and signatures, its events, constants and SWAIG answers.

Reads ``{"swaig": [[[method, args, kwargs], ...], ...], "events": [payload, ...]}`` on stdin; writes ``{"names",
"classes", "swaig", "events", "constants"}`` on stdout.
"""

import asyncio
import dataclasses
import inspect
import json
import sys

from signalwire import relay
from signalwire.core.function_result import FunctionResult
from signalwire.relay import constants
from signalwire.relay.event import parse_event


def signature(function):
    found = inspect.signature(function)
    parameters = [
        [each.name, each.kind.name, None if each.default is inspect.Parameter.empty else [each.default]]
        for each in list(found.parameters.values())[1:]
    ]
    return {"parameters": parameters, "returns": str(found.return_annotation)}


def instances():
    """One of each class, to see what attributes they have."""
    client = relay.RelayClient("project", "token")
    call = relay.Call(client, "call", "node", "project", "context")
    found = {"RelayClient": client, "Call": call, "Message": relay.Message(), "FunctionResult": FunctionResult("text")}
    for name in relay.__all__:
        if name.endswith("Action"):
            cls = getattr(relay, name)
            more = {"FaxAction": ["send_fax"], "Action": ["calling.call.play", ("finished",)]}.get(name, [])
            found[name] = cls(call, "control", *more)
    return found


def describe(instance):
    members = inspect.getmembers(type(instance))
    return {
        "methods": {
            name: signature(member)
            for name, member in members
            if inspect.isfunction(member) and (not name.startswith("_") or name == "__init__")
        },
        "attributes": sorted(
            {name for name, member in members if isinstance(member, property)}
            | {name for name in vars(instance) if not name.startswith("_")}
        ),
    }


def swaig(chain):
    result = FunctionResult("text")
    try:
        for method, args, kwargs in chain:
            getattr(result, method)(*args, **kwargs)
        return result.to_dict()
    except (TypeError, ValueError) as error:
        return type(error).__name__


async def main():
    asked = json.load(sys.stdin)
    parsed = map(parse_event, asked["events"])
    json.dump(
        {
            "names": relay.__all__,
            "classes": {name: describe(instance) for name, instance in instances().items()},
            "swaig": [swaig(chain) for chain in asked["swaig"]],
            "events": [[type(event).__name__, dataclasses.asdict(event)] for event in parsed],
            "constants": {name: value for name, value in vars(constants).items() if name.isupper()},
        },
        sys.stdout,
    )


asyncio.run(main())
