"""Runs in the official SDK's environment: does what a table says with its client, as ``frames/driving.py`` with swsync.

Reads the table on stdin; writes one line of JSON: what each use returned. With ``again`` as argument it only connects,
is told to connect again, and disconnects from the handler of a call. The settings come from the environment.
"""

import asyncio
import json
import sys

from signalwire.relay import RelayClient


def describe(result):
    """A reply as it is, and of anything else its type."""
    return result if result is None or isinstance(result, dict) else type(result).__name__


def outcome(name, value):
    return [value.event_type, value.params.get("state")] if name == "wait" else describe(value)


async def do(client, calls, context, method, args, kwargs, then):
    await client.receive([context])
    subject = client
    if not method.startswith("client."):
        subject = await asyncio.wait_for(calls.get(), 10)
        if method not in ("answer", "pass_"):
            await subject.answer()
    result = await getattr(subject, method.removeprefix("client."))(*args, **kwargs)
    outcomes = [describe(result)]
    for name, values in then:
        outcomes.append(outcome(name, await getattr(result, name)(*values)))
    await client.unreceive([context])
    return outcomes


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
