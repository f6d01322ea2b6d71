"""``swsync listen``: answer every inbound call and record it, after a notice."""

from __future__ import annotations

import argparse
import datetime
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import swsync
from swsync.clock import REAL
from swsync.commands import quality
from swsync.commands.arguments import complete, name, positive, whole, words
from swsync.commands.dialing import spoken
from swsync.commands.interrupts import gentle
from swsync.commands.output import Output, shown
from swsync.commands.recording import add_ways
from swsync.commands.targets import directory
from swsync.errors import CallEnded, CallGone, SwsyncError

if TYPE_CHECKING:
    from swsync.call import Call
    from swsync.client import RelayClient

__all__ = ["add"]

LOOK = 0.2  # seconds between two looks
CLOSING = 15.0  # seconds that recordings may take to be finished
TEXT = """Answer every call to these contexts and record both sides, a file for each. The
caller hears a notice first, and is recorded only once it has been played to its
end; without one you have to say so: --no-notice. (In many places it is the law
that both parties know.) Left is what the caller says, right what the caller hears.

It ends with --count or Ctrl-C: then no more calls are answered, those that are on
are hung up, and their files are finished. The number of a caller is part of the
file's name. Credentials come from SIGNALWIRE_*."""
EXAMPLES = """
swsync listen office --out recordings
swsync listen office sales --notice "Please leave a message. It is recorded."
swsync listen office --notice https://example.com/notice.mp3
swsync listen office --no-notice --count 1 --json
"""


def add(command: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    command.add_argument("contexts", nargs="+", type=name, metavar="CONTEXT", help="whose calls are answered")
    notice = command.add_mutually_exclusive_group()
    notice.add_argument(
        "--notice", type=words, metavar="TEXT", default="This call is recorded.",
        help="what callers hear first: a text, or an address of audio (default: This call is recorded.)",
    )  # fmt: skip
    notice.add_argument(
        "--no-notice", dest="notice", action="store_const", const="", help="record without telling them"
    )
    command.add_argument("--out", metavar="DIR", default=".", help="where the files go (default: here)")
    command.add_argument(
        "--format",
        choices=("wav", "flac", "ogg", "mp3"),
        default="wav",
        help="of the files (default: wav; others need the extra soundfile)",
    )
    add_ways(command)
    command.add_argument("--duration", type=positive, metavar="SECONDS", help="hang up after so long a recording")
    command.add_argument("--count", type=whole, metavar="N", help="answer so many calls, then end")
    command.add_argument("--most", type=whole, metavar="N", help="calls at once; others are passed on (default: 1000)")
    complete(command, run, TEXT, EXAMPLES)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Serve until there were enough calls, or somebody interrupts."""
    out = directory(arguments.out)
    with ExitStack() as end:
        end.enter_context(gentle(output))
        client = end.enter_context(swsync.RelayClient(contexts=arguments.contexts, max_active_calls=arguments.most))
        listener = Listener(client, arguments, out, output)
        end.callback(listener.finish)
        output.say(f"Listening on {', '.join(arguments.contexts)}. Ctrl-C ends it.")
        output.event("listening", contexts=arguments.contexts, notice=arguments.notice)
        listener.serve(arguments.count)
    return int(listener.failed > 0)


class Listener:
    """Takes calls, each on a thread of its own."""

    def __init__(self, client: RelayClient, arguments: argparse.Namespace, out: Path, output: Output) -> None:
        self._client, self._arguments, self._out, self._output = client, arguments, out, output
        self._threads: list[Any] = []  # the main thread's
        self._lock = threading.Lock()
        self._calls: dict[str, Call] = {}  # guarded by _lock: those that are on
        self.recorded = self.failed = 0  # guarded by _lock

    def serve(self, count: int | None) -> None:
        """Answer so many calls, or for ever."""
        answered = 0
        while count is None or answered < count:
            self._watch()
            with suppress(TimeoutError):
                call = self._client.next_call(LOOK)
                answered += 1
                self._threads.append(REAL.start(self._handle, "swsync-listen", (call,)))
        while any(thread.is_alive() for thread in self._threads):
            self._watch()
            REAL.sleep(LOOK)

    def _watch(self) -> None:
        """Show how far it is, and end when nobody reads it."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._output.status(f"{len(self._threads)} calls on, {self.recorded} recorded, {self.failed} failed")
        if self._output.is_unread:
            raise BrokenPipeError

    def finish(self) -> None:
        """Take no more calls, hang up, and wait until the files are finished; whatever happens, they are valid."""
        with suppress(SwsyncError, TimeoutError):
            self._client.unreceive(self._arguments.contexts)
        with self._lock:
            calls = list(self._calls.values())
        for call in calls:
            with suppress(SwsyncError, TimeoutError):
                call.hangup()
        deadline = REAL.now() + CLOSING
        for thread in self._threads:
            thread.join(max(0.0, deadline - REAL.now()))
        self._output.status("")

    def _handle(self, call: Call) -> None:
        """One call, from its answer to its file."""
        with self._lock:
            self._calls[call.call_id] = call
        path = self._out / _name(call, self._arguments.format)
        try:
            with call:
                self._record(call, path)
            with self._lock:
                self.recorded += 1
        except (CallEnded, CallGone):
            self._output.event("missed", call_id=call.call_id, end_reason=call.end_reason)
            self._output.say(f"{shown(call.from_)} hung up before the recording began.")
        except BrokenPipeError:
            pass  # the main thread sees it
        except (SwsyncError, OSError) as error:
            with self._lock:
                self.failed += 1
            self._output.event("failed", call_id=call.call_id, message=shown(error))
            self._output.say(f"{shown(call.from_)}: {shown(error)}")
        finally:
            with self._lock:
                del self._calls[call.call_id]

    def _record(self, call: Call, path: Path) -> None:
        arguments, output, notice = self._arguments, self._output, self._arguments.notice
        call.answer()
        output.event("answered", call_id=call.call_id, context=call.context, from_number=call.from_, to=call.to)
        output.say(f"{shown(call.from_)} calls {shown(call.context)}.")
        if notice:
            spoken(call, notice)
        with call.capture(path, via=arguments.via, codec=arguments.codec) as capture:
            output.event("recording", call_id=call.call_id, file=str(path))
            with suppress(TimeoutError):
                call.wait_for_ended(arguments.duration)
        output.say(f"{shown(call.from_)}: {capture.duration:.1f} s in {path}   {quality.brief(capture.quality)}")
        output.event(
            "recorded", call_id=call.call_id, file=str(path), duration=round(capture.duration, 3),
            end_reason=call.end_reason or "hangup", from_number=call.from_,
            lost={side: each.packets_lost for side, each in capture.quality.items()},
        )  # fmt: skip


def _name(call: Call, suffix: str) -> str:
    """When, who, which call: nothing that a caller chose but digits and letters."""
    when = datetime.datetime.fromtimestamp(REAL.time()).strftime("%Y%m%d-%H%M%S")
    who = "".join(c for c in call.from_ if c in "0123456789")[:15] or "unknown"
    which = "".join(c for c in call.call_id if c.isascii() and c.isalnum())[:8] or "call"
    return f"{when}-{who}-{which}.{suffix}"
