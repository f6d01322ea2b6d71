"""The mutants of what happens when a link, a clock or an end goes wrong."""

from __future__ import annotations

from tests.mutants.guarantees import Mutant, mutant

__all__ = ["FAULTS"]

FAULTS: list[Mutant] = [
    Mutant(
        "an event is acknowledged after it was handled",
        "swsync/link.py",
        (
            (
                "        if frame.answer:\n            self._answer(frame.answer)  # acknowledged on receipt",
                "        if frame.answer:\n            pass  # acknowledged on receipt",
            ),
            (
                '            self._counters["duplicates"] += 1\n',
                '            self._counters["duplicates"] += 1\n'
                "        if frame.answer:\n"
                "            self._answer(frame.answer)\n",
            ),
        ),
        ("test_connection.py", "test_client.py"),
    ),
    mutant(
        "a verb whose reply is lost with its link is kept",
        "swsync/pending.py",
        "doubtful = [r for r in self._table.values() if r.writes and not r.idempotent]",
        "doubtful = []",
        "test_connection.py",
    ),
    mutant(
        "close() forgets calls that were lost with their link",
        "swsync/closing.py",
        'owed = self._connection.owed("calling.end") if end else {}',
        "owed = {}",
        "test_client.py",
    ),
    mutant(
        "close() asks for the end of a call only once",
        "swsync/closing.py",
        "            self._connection.repeat(request)",
        "            pass",
        "test_client.py",
    ),
    mutant(
        "what a guest of the reading thread did not wait for is left lying",
        "swsync/incoming.py",
        "        if self.buffer or self._is_in_doubt or self._failure is not None:\n            self.wake()\n",
        "",
        "test_incoming.py",
    ),
    mutant(
        "a guest with a signal's handler above it keeps the reading thread out",
        "swsync/incoming.py",
        "                if self._is_lent and self._visits == visit:\n                    self._recall()\n",
        "",
        "test_incoming.py",
    ),
    mutant(
        "a guest that was stopped within OpenSSL loses octets",
        "swsync/incoming.py",
        "                if self._is_in_doubt:\n",
        "                if False:\n",
        "test_incoming.py",
    ),
    mutant(
        "a guest that was stopped leaves the reading thread deaf",
        "swsync/incoming.py",
        "            self._poll.modify(self._number, select.POLLIN)\n            self._is_lent = False\n",
        "            self._is_lent = False\n",
        "test_incoming.py",
    ),
    mutant(
        "a link on which nothing comes is never given up",
        "swsync/link.py",
        "if self._misses >= MISSED_PINGS:",
        "if False:",
        "test_connection.py",
    ),
    mutant(
        "a client in a forked child uses its parent's link",
        "swsync/requesting.py",
        "        if os.getpid() != self._pid:\n            raise ConnectionClosed(",
        "        if False:\n            raise ConnectionClosed(",
        "test_client.py",
    ),
    mutant(
        "a dial is free to go anywhere",
        "swsync/routing.py",
        "if not address.startswith(self._allowed_destinations):",
        "if False:",
        "test_dialing.py",
    ),
    mutant(
        "secrets go into the log of the wire",
        "swsync/masking.py",
        "    text = _addresses(_KEYS.sub(r'\\1\"***\"', text))\n",
        "",
        "test_wirelog.py",
    ),
    mutant(
        "the kernel's time of a packet is believed around a step of the wall clock",
        "csrc/rtpsocket.c",
        "return e->now >= e->stamped_from && arrival < e->now + NANO && arrival > e->now - LONGEST;",
        "return 1;",
        "limits/test_clock_steps.py",
    ),
    mutant(
        "what a link that had broken never took is of unknown outcome",
        "swsync/memorytransport.py",
        ", may_have_left=False",
        "",
        "test_connection.py",
    ),
    mutant(
        "a hangup whose end is never told leaves every wait of the call to hang",
        "swsync/call.py",
        "        self.session.call_later(UNHEARD, self._end_unheard)\n",
        "",
        "test_call.py",
    ),
    mutant(
        "two threads that close at once both end the calls",
        "swsync/closing.py",
        "first = not (self._closer or self._has_left_calls)",
        "first = not self._has_left_calls",
        "test_client.py",
    ),
    mutant(
        "close() does not wait for the next leg of a dial that it cancels",
        "swsync/closing.py",
        "lambda: all(dial.is_told for dial in dials)",
        "lambda: True",
        "test_dialing.py",
    ),
    mutant(
        "a listener for asyncio is taken, and never runs",
        "swsync/callbacks.py",
        "ASYNC = 0x80 | 0x200",
        "ASYNC = 0",
        "test_callbacks.py",
    ),
    mutant(
        "one sink of the user's that fails spoils the file beside it",
        "swsync/media/sinks.py",
        "            except FAILURES as error:\n                self._fail(sink",
        "            except MediaError as error:\n                self._fail(sink",
        "media/test_sinks.py",
    ),
    mutant(
        "a decoder of the user's that fails ends the decoding of all",
        "swsync/media/payloads.py",
        "        except FAILURES as error:\n            stream.undecodable",
        "        except CodecError as error:\n            stream.undecodable",
        "media/test_payloads.py",
    ),
    mutant(
        "what is sent to a peer of the media endpoint waits for an acknowledgement",
        "swsync/media/wslistener.py",
        "            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)\n",
        "",
        "media/test_wsendpoint.py",
    ),
    mutant(
        "C writes into a receiver that was told of the end",
        "swsync/media/wsconnection.py",
        "            self.sweep.ws = ffi.NULL  # what still comes",
        "            pass  # what still comes",
        "media/test_wsplain.py",
    ),
    mutant(
        "a peer that always has more keeps the others waiting",
        "csrc/wsio.c",
        "            return i + 1;",
        "            return 0;",
        "media/test_wsplain.py",
    ),
    mutant(
        "the local relay's audio takes any memory",
        "swsync/localrelay/shelf.py",
        "if count > 0 and self.taken > self.room:",
        "if False:",
        "localrelay/test_shelf.py",
    ),
    mutant(
        "a variable of a document may hold itself as deep as it likes",
        "swsync/localrelay/swml/values.py",
        " or depth > DEEPEST:",
        ":",
        "localrelay/test_swml.py",
    ),
    mutant(
        "a user and a password in an address go into the log",
        "swsync/masking.py",
        '_USERS.sub(r"\\1***@", _PATHS.sub(r"\\1***", text))',
        '_PATHS.sub(r"\\1***", text)',
        "test_wirelog.py",
    ),
]
