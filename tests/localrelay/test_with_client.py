"""swsync's own client in virtual time, against a relay in the same process and without a socket."""

from __future__ import annotations

import swsync
from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay


def test_ten_minutes_of_a_call(relay: LocalRelay, clock: VirtualClock) -> None:
    """Dial, play, wait, hang up: the client's timers and the relay's are one clock's."""
    begin = clock.now()
    with swsync.RelayClient(**relay.settings) as client:
        call = client.dial_phone(to="+12025550100", from_number="+12025550199", timeout=30)
        assert 0.5 == round(clock.now() - begin, 3)
        call.play_silence(600).wait(timeout=700)
        call.hangup()
        call.wait_for_ended(timeout=5)
    assert 600.5 <= clock.now() - begin < 610
    requests = [method for method in relay.journal.methods() if method != "signalwire.ping"]
    assert ["signalwire.connect", "calling.dial", "calling.play", "calling.end"] == requests


def test_an_inbound_call(relay: LocalRelay, clock: VirtualClock) -> None:
    """A script takes the call that comes in, and its caller hangs up."""
    with swsync.RelayClient(**relay.settings, contexts=["support"]) as client:
        caller = relay.place_call("support", from_="+12025550111", hangs_up_after=90)
        call = client.next_call(timeout=10)
        call.answer()
        call.wait_for_ended(timeout=100)
        assert "hangup" == caller.end_reason
        assert 90 * 8000 == len(caller.heard)
