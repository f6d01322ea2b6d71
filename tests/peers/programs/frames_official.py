"""Runs in the official SDK's environment: does what a table says with its client, as ``frames/driving.py`` with swsync.

Reads the table on stdin; writes one line of JSON: what each use returned. With ``again`` as argument it only connects,
is told to connect again, and disconnects from the handler of a call. The settings come from the environment.
"""

import asyncio
import json
import sys

from signalwire.relay import RelayClient

ATTRIBUTES = {
    "Call": ("call_id", "node_id", "project_id", "context", "tag", "direction", "device", "state", "segment_id"),
    "Message": ("message_id", "context", "direction", "from_number", "to_number", "body", "media", "segments", "tags"),
}


def describe(client, result):
    """A reply as it is; what a call or a message says of itself; of anything else the type."""
    if result is None or isinstance(result, dict):
        return result
    name = type(result).__name__
    if name not in ATTRIBUTES:
        return name
    found = {each: getattr(result, each) for each in ATTRIBUTES[name]}
    return {"is": name, **{each: "*" if value == client.project else value for each, value in found.items()}}


def outcome(client, name, value):
    return [value.event_type, value.params.get("state")] if name == "wait" else describe(client, value)


async def do(client, calls, context, *use):
    await client.receive([context])
    outcomes = []
    try:
        await use_it(client, calls, outcomes, *use)
    except Exception as error:
        outcomes.append({"error": f"{type(error).__name__}: {error}"})
    await client.unreceive([context])
    return outcomes


async def use_it(client, calls, outcomes, method, args, kwargs, then):
    subject = client
    if not method.startswith("client."):
        subject = await asyncio.wait_for(calls.get(), 10)
        outcomes.append(describe(client, subject))
        if method not in ("answer", "pass_"):
            await subject.answer()
    result = await getattr(subject, method.removeprefix("client."))(*args, **kwargs)
    outcomes.append(describe(client, result))
    for name, values in then:
        outcomes.append(outcome(client, name, await getattr(result, name)(*values)))


async def main():
    client, calls = RelayClient(contexts=["office"]), asyncio.Queue()

    @client.on_call
    async def offered(call):
        calls.put_nowait(call)

    await client.connect()
    outcomes = []
    for number, (method, *rest) in enumerate(json.load(sys.stdin)):
        context = f"{'client' if method.startswith('client.') else 'call'}:{number}"
        outcomes.append(await do(client, calls, context, method, *rest))
    await client.disconnect()
    print("\n" + json.dumps({"outcomes": outcomes}), flush=True)


def connect_again():
    client = RelayClient(contexts=["again"])

    @client.on_call
    async def offered(call):
        await client.disconnect()

    client.run()


if sys.argv[1:] == ["again"]:
    connect_again()
else:
    asyncio.run(main())
