"""Dialing: who answers, who does not, and that no leg is left behind, whatever breaks in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scripted_server import SILENT, Link, Refusal, ScriptedServer
from test_connection import Background

import swsync
from swsync import devices
from swsync.clock import VirtualClock
from swsync.devices import arrange
from swsync.dialing import Dial, ring_time
from swsync.errors import (
    ConfigurationError,
    ConnectionClosed,
    DialFailed,
    DialUnknown,
    OutcomeUnknown,
    RelayError,
    RequestTimeout,
)

OK = {"code": "200", "message": "Dialing"}
TO, FROM = "+12025550100", "+12025550199"


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    """Virtual time that the test's own thread belongs to."""
    clock = VirtualClock()
    with clock.thread():
        yield clock


@pytest.fixture
def server(clock: VirtualClock) -> Iterator[ScriptedServer]:
    """A server that takes dials and says nothing more about them, and ends calls when told."""
    server = ScriptedServer(clock)

    def end(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, OK)
        link.state(frame["params"]["call_id"], "ended", end_reason=frame["params"].get("reason", "hangup"))
        return SILENT

    server.answers["calling.end"] = end
    yield server
    server.close()


def answer(link: Link, tag: str, call_id: str = "c1") -> None:
    """Tell of a call that is answered, in RELAY's order."""
    for state in ("created", "ringing", "answered"):
        link.state(call_id, state, tag=tag, direction="outbound")
    link.event("calling.call.dial", tag=tag, dial_state="answered", node_id="n",
               call={"call_id": call_id, "node_id": "n", "tag": tag, "dial_winner": "true"})  # fmt: skip


def on_dial(server: ScriptedServer, act: Any) -> None:
    """Do something after the reply to each dial."""

    def reply(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, OK)
        act(link, frame["params"]["tag"])
        return SILENT

    server.answers["calling.dial"] = reply


def test_an_answered_dial_returns_the_call(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """The request has the wire's shape, the call its ids, and its state is answered."""
    on_dial(server, answer)
    call = client.dial_phone(to=TO, from_number=FROM, timeout=20, region="us", tag="mine")
    assert {
        "tag": "mine",
        "devices": [[{"type": "phone", "params": {"to_number": TO, "from_number": FROM, "timeout": 20}}]],
        "region": "us",
    } == server.params("calling.dial")[0]
    assert ("c1", "n", "answered", "outbound", "mine") == (
        call.call_id, call.node_id, call.state, call.direction, call.tag
    )  # fmt: skip
    assert [call] == client.calls


def test_the_events_may_overtake_the_reply_or_the_reply_be_missing(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """The dial event decides; the dial does not wait for a reply that was lost."""

    def act(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        answer(link, frame["params"]["tag"])
        return SILENT

    server.answers["calling.dial"] = act
    before = clock.now()
    assert "c1" == client.dial_phone(TO).call_id
    assert clock.now() == before


def test_a_dial_event_alone_is_enough(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """Without any state event the winner is known and answered."""
    on_dial(
        server, lambda link, tag: link.event("calling.call.dial", tag=tag, dial_state="answered", call={"call_id": "c"})
    )
    assert "answered" == client.dial_phone(TO).state


@pytest.mark.parametrize("reason", ["busy", "noAnswer", "decline"])
def test_a_failed_dial_says_why(client: swsync.RelayClient, server: ScriptedServer, reason: str) -> None:
    """The reason is the dial event's, or that of the last leg."""
    on_dial(server, lambda link, tag: link.event("calling.call.dial", tag=tag, dial_state="failed", reason=reason))
    with pytest.raises(DialFailed) as caught:
        client.dial_phone(TO, tag="t")
    assert ("t", reason) == (caught.value.tag, caught.value.reason)

    def ended(link: Link, tag: str) -> None:
        link.state("c", "ended", tag=tag, end_reason=reason)
        link.event("calling.call.dial", tag=tag, dial_state="failed")

    on_dial(server, ended)
    with pytest.raises(DialFailed) as caught:
        client.dial_phone(TO, tag="t")
    assert reason == caught.value.reason
    assert [] == server.params("calling.end")


def test_a_refused_dial_raises_what_relay_said(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """Nothing rings, and the tag is free again."""

    def refuse(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        raise Refusal(-32602, "bad number")

    server.answers["calling.dial"] = refuse
    for _ in range(2):
        with pytest.raises(RelayError, match="bad number"):
            client.dial_phone(TO, tag="t")
    assert [] == client._router.dials()


def test_a_dial_that_times_out_ends_every_leg_now_and_later(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Known legs are cancelled at once, a later one on first sight, an answer that comes too late is hung up."""
    on_dial(server, lambda link, tag: link.state("c1", "ringing", tag=tag))
    before = clock.now()
    with pytest.raises(DialFailed) as caught:
        client.dial_phone(TO, tag="t", timeout=20)
    assert ("timeout", 35) == (caught.value.reason, pytest.approx(clock.now() - before))
    assert {"node_id": "n", "call_id": "c1", "reason": "cancel"} == server.wait_for("calling.end")
    server.link.state("c2", "ringing", tag="t")
    assert ("c2", "cancel") == tuple(server.wait_for("calling.end", 2)[key] for key in ("call_id", "reason"))
    answer(server.link, "t", "c3")
    assert "c3" == server.wait_for("calling.end", 3)["call_id"]
    clock.sleep(5)
    assert 3 == len(server.params("calling.end"))
    assert [] == client.calls


def test_an_answer_at_the_last_moment_is_no_timeout(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes when the wait has passed and the legs are not given up yet: the call is returned, not left on alone."""
    give_up = Dial.give_up

    def answered_just_before(self: Dial) -> Any:
        answer(server.link, "t")
        clock.sleep(0.1)
        return give_up(self)

    monkeypatch.setattr(Dial, "give_up", answered_just_before)
    on_dial(server, lambda link, tag: link.state("c1", "ringing", tag=tag))
    call = client.dial_phone(TO, tag="t", dial_timeout=3)
    assert ("c1", "answered") == (call.call_id, call.state)
    clock.sleep(10)
    assert [] == server.params("calling.end")


def test_an_abandoned_dial_is_forgotten_after_its_ring_time_and_a_silent_links(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Until then its tag is in use; afterwards nothing of it is kept."""
    with pytest.raises(DialFailed):
        client.dial_phone(TO, tag="t", timeout=20)
    with pytest.raises(ValueError, match="in use"):
        client.dial_phone(TO, tag="t")
    clock.sleep(171)
    assert [] == client._router.dials()


def test_the_local_wait_is_the_serial_ring_times_and_fifteen_seconds(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Parallel devices count once, a device without a timeout counts 30 s; dial_timeout overrides."""
    steps = [[devices.phone(TO, timeout=10), devices.phone(TO, timeout=25)], [devices.sip("sip:a@example.com")]]
    before = clock.now()
    with pytest.raises(DialFailed):
        client.dial(steps)
    assert 25 + 30 + 15 == pytest.approx(clock.now() - before)
    before = clock.now()
    with pytest.raises(DialFailed):
        client.dial(steps, dial_timeout=3)
    assert 3 == pytest.approx(clock.now() - before)


def test_losers_of_a_parallel_dial_that_linger_are_ended(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """The service has five seconds to end them itself; the winner is left alone."""

    def act(link: Link, tag: str) -> None:
        for call_id in ("loser", "gone", "winner"):
            link.state(call_id, "ringing", tag=tag)
        answer(link, tag, "winner")
        link.state("gone", "ended", tag=tag)

    on_dial(server, act)
    call = client.dial([[devices.phone(TO), devices.phone(FROM), devices.phone(TO)]])
    assert "winner" == call.call_id
    clock.sleep(4)
    assert [] == server.params("calling.end")
    clock.sleep(2)
    server.link.state("late", "ringing", tag=call.tag)
    clock.sleep(6)
    assert ["loser", "late"] == [params["call_id"] for params in server.params("calling.end")]
    assert "answered" == call.state


def test_a_call_that_the_winner_is_connected_to_is_no_loser(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """It may carry the dial's tag: its own events name its peer, or the connect event of the winner names it."""
    on_dial(server, lambda link, tag: answer(link, tag, "winner"))
    call = client.dial_phone(TO)
    connecting = call.connect([[devices.phone(FROM)]])
    server.link.state("told", "ringing", tag=call.tag)
    server.link.state("told", "answered", tag=call.tag, peer={"call_id": "winner", "node_id": "node-1"})
    server.link.state("named", "answered", tag=call.tag)
    peer = {"call_id": "named", "node_id": "node-1", "tag": call.tag}
    server.link.event("calling.call.connect", call_id="winner", node_id="node-1", connect_state="connected", peer=peer)
    assert "named" == connecting.wait_connected(5).call_id
    server.link.state("loser", "answered", tag=call.tag)
    clock.sleep(10)
    assert ["loser"] == [params["call_id"] for params in server.params("calling.end")]


def test_a_tag_in_use_is_refused(client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock) -> None:
    """Of two dials with one tag the second is not sent."""
    first = Background(clock, client.dial_phone, TO, tag="t")
    server.wait_for("calling.dial")
    with pytest.raises(ValueError, match="in use"):
        client.dial_phone(TO, tag="t")
    answer(server.link, "t")
    assert "c1" == first.outcome().call_id
    assert 1 == len(server.params("calling.dial"))


def test_an_answered_dial_is_remembered_while_legs_may_show_up(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Another leg of it that shows up in that time is ended, and one that shows up later is nobody's."""
    on_dial(server, answer)
    client.dial_phone(TO, timeout=20, tag="t")
    clock.sleep(49)
    server.link.state("late", "ringing", tag="t")
    assert "late" == server.wait_for("calling.end", timeout=10)["call_id"]
    server.link.state("late", "ended", tag="t")
    clock.sleep(600)
    server.link.state("later", "ringing", tag="t")
    clock.sleep(10)
    assert 1 == len(server.params("calling.end"))
    assert ["c1"] == [call.call_id for call in client.calls]


def test_a_tag_of_an_answered_dial_may_be_used_again(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """The second dial gets its own call."""
    calls = iter(("c1", "c2"))
    on_dial(server, lambda link, tag: answer(link, tag, next(calls)))
    assert ["c1", "c2"] == [client.dial_phone(TO, tag="t").call_id for _ in range(2)]
    assert [] == server.params("calling.end")


def test_concurrent_dials_are_not_mixed_up(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Each gets the call with its own tag, whatever the order of the answers."""
    dials = {f"t{n}": Background(clock, client.dial_phone, TO, tag=f"t{n}") for n in range(20)}
    server.wait_for("calling.dial", 20)
    for tag in reversed(dials):
        answer(server.link, tag, f"call-{tag}")
    assert {tag: f"call-{tag}" for tag in dials} == {tag: dial.outcome().call_id for tag, dial in dials.items()}


def test_a_link_lost_during_a_dial_that_resumes(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """It keeps waiting, does not dial twice, and returns the call that was answered meanwhile."""

    def cut(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.end()
        return SILENT

    server.answers["calling.dial"] = cut
    dial = Background(clock, client.dial_phone, TO, tag="t")
    server.wait_for("signalwire.connect", 2)
    clock.sleep(1)
    answer(server.link, "t")
    assert "c1" == dial.outcome().call_id
    assert 1 == len(server.params("calling.dial"))


@pytest.mark.parametrize("refused", [8, 30])
def test_a_link_lost_during_a_dial_that_does_not_resume_in_time(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, refused: int
) -> None:
    """DialUnknown with the tag; the late answer is hung up, however late the link is back."""
    server.refuse = refused
    dial = Background(clock, client.dial_phone, TO, tag="t", dial_timeout=10)
    server.wait_for("calling.dial")
    server.link.end()
    with pytest.raises(DialUnknown) as caught:
        dial.outcome()
    assert "t" == caught.value.tag
    assert isinstance(caught.value, TimeoutError)
    server.wait_for("signalwire.connect", 2, timeout=2000)
    clock.sleep(1)
    answer(server.link, "t")
    assert "c1" == server.wait_for("calling.end")["call_id"]


def test_a_new_session_during_a_dial(client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock) -> None:
    """What became of it cannot be known."""
    dial = Background(clock, client.dial_phone, TO, tag="t")
    server.wait_for("calling.dial")
    server.protocol = "protocol-2"
    server.link.end()
    with pytest.raises(DialUnknown):
        dial.outcome()


def test_a_new_session_ends_the_wait_of_a_dial_that_rings(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """As soon as there is one, not when the phone would have rung long enough; then it is unknown, not unanswered."""
    dial = Background(clock, client.dial_phone, TO, tag="t", dial_timeout=1000)
    server.wait_for("calling.dial")
    server.link.state("c1", "ringing", tag="t", direction="outbound")
    clock.sleep(1)
    server.protocol = "protocol-2"
    began = clock.now()
    server.link.end()
    with pytest.raises(DialUnknown):
        dial.outcome(2000)
    assert 100 > clock.now() - began


def test_no_reply_and_no_event_is_unknown(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """Sent, and nothing was ever heard of it."""
    server.answers["calling.dial"] = lambda link, frame: SILENT
    with pytest.raises(DialUnknown):
        client.dial_phone(TO)


def test_a_dial_that_was_never_sent(client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock) -> None:
    """RequestTimeout: it may be dialed again, with the same tag; it does not go out later."""
    server.refuse = 3
    server.link.end()
    clock.sleep(0.5)
    with pytest.raises(RequestTimeout):
        client.dial_phone(TO, tag="t", dial_timeout=2)
    server.wait_for("signalwire.connect", 2, timeout=200)
    clock.sleep(1)
    assert [] == server.params("calling.dial")
    on_dial(server, answer)
    assert "c1" == client.dial_phone(TO, tag="t").call_id


def test_an_interrupted_dial_goes_on_being_cleaned_up(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes out at once; legs that show up later are ended."""
    wait_for = clock.condition().__class__.wait_for
    raised: list[int] = []

    def interrupted(self: Any, predicate: Any, timeout: float | None = None) -> Any:
        if timeout == 45 and not raised:
            raised.append(1)
            self.wait(1)
            raise KeyboardInterrupt
        return wait_for(self, predicate, timeout)

    monkeypatch.setattr(clock.condition().__class__, "wait_for", interrupted)
    on_dial(server, lambda link, tag: link.state("c1", "ringing", tag=tag))
    before = clock.now()
    with pytest.raises(KeyboardInterrupt):
        client.dial_phone(TO, tag="t")
    assert clock.now() - before <= 1
    assert "c1" == server.wait_for("calling.end")["call_id"]
    server.link.state("c2", "ringing", tag="t")
    assert "c2" == server.wait_for("calling.end", 2)["call_id"]


@pytest.mark.parametrize("moment", ["sent", "answered"])
def test_an_interrupt_at_any_moment_leaves_no_leg(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, moment: str
) -> None:
    """Ctrl-C as the frame has just gone out, or as somebody has just answered: nobody gets the call, so it is ended."""
    router = client._router
    on_dial(server, lambda link, tag: clock.sleep(1) or answer(link, tag))
    original = {"sent": router.begin, "answered": router.give_up}[moment]

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        original(*args, **kwargs)
        raise KeyboardInterrupt

    setattr(router, {"sent": "begin", "answered": "give_up"}[moment], interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.dial_phone(TO)
    assert "c1" == server.wait_for("calling.end", timeout=20)["call_id"]


def test_close_during_a_dial_cancels_its_legs(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """When RELAY says that they have ended, the dial failed; the reason is that the client was closed."""
    on_dial(server, lambda link, tag: link.state("c1", "ringing", tag=tag))
    dial = Background(clock, client.dial_phone, TO, tag="t")
    server.wait_for("calling.dial")
    clock.sleep(1)
    before = clock.now()
    client.close()
    assert clock.now() - before < 1.0  # for RELAY's last word on a dial without legs it waits a moment only
    assert "c1" == server.params("calling.end")[0]["call_id"]
    with pytest.raises(DialFailed) as caught:
        dial.outcome()
    assert "closed" == caught.value.reason


def test_close_while_the_first_leg_is_being_made(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The I/O thread may take its time with it, and others come after it: all of them are ended."""
    make_call = client._router.make_call
    closing: list[bool] = []

    def take_time(**fields: Any) -> Any:
        clock.sleep(0.7)
        closing.append(client._connection._closing)
        return make_call(**fields)

    monkeypatch.setattr(client._router, "make_call", take_time)

    def ring(link: Link, tag: str) -> None:
        link.state("c1", "created", tag=tag)
        clock.sleep(0.4)
        link.state("c2", "created", tag=tag)

    on_dial(server, lambda link, tag: clock.start(ring, "ring", (link, tag)))
    dial = Background(clock, client.dial, [[devices.phone(TO, FROM), devices.phone(TO, FROM)]])
    server.wait_for("calling.dial")
    clock.sleep(0.1)
    client.close()
    assert ["c1", "c2"] == [params["call_id"] for params in server.params("calling.end")]
    assert not closing[0]  # the link was there for it
    with pytest.raises(DialFailed):
        dial.outcome()


def dial_in_turn(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, *, ends_after: float, last_word: bool
) -> Background:
    """A dial of two, the first of whom it rings. With that leg ended the service goes on to the second one."""
    on_dial(server, lambda link, tag: link.state("c1", "ringing", tag=tag))

    def end(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, OK)
        clock.start(go_on, "service", (link, frame["params"]["call_id"]))
        return SILENT

    def go_on(link: Link, leg: str) -> None:
        clock.sleep(0.0 if leg == "c1" else ends_after)
        link.state(leg, "ended", end_reason="cancel", tag="t")
        if leg == "c1":
            clock.sleep(0.2)
            link.state("c2", "created", tag="t")
        elif last_word:
            link.event("calling.call.dial", tag="t", dial_state="failed", reason="cancel")

    server.answers["calling.end"] = end
    dial = Background(clock, client.dial, [[devices.phone(TO, FROM)], [devices.phone(TO, FROM)]], tag="t")
    server.wait_for("calling.dial")
    clock.sleep(1)
    return dial


def test_close_during_a_dial_that_rings_the_next_one(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """As in a dial in turn: that leg is ended as well."""
    dial = dial_in_turn(client, server, clock, ends_after=0.0, last_word=True)
    before = clock.now()
    client.close()
    assert clock.now() - before < 0.5  # RELAY's last word on it has come, and nothing else is waited for
    assert ["c1", "c2"] == [params["call_id"] for params in server.params("calling.end")]
    with pytest.raises(DialFailed):
        dial.outcome()


def test_close_during_a_dial_whose_next_leg_takes_its_time_to_end(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """And RELAY says no last word: the leg that showed itself is waited for all the same, so that no doubt is left."""
    dial = dial_in_turn(client, server, clock, ends_after=1.0, last_word=False)
    client.close()
    with pytest.raises(DialFailed) as caught:
        dial.outcome()
    assert "closed" == caught.value.reason


def test_close_during_a_dial_that_is_answered_in_that_moment(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """That is RELAY's last word on it: with the leg ended nothing else is waited for."""
    on_dial(server, lambda link, tag: link.state("c1", "ringing", tag=tag))

    def end(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        answer(link, "t")
        link.reply(frame, OK)
        link.state("c1", "ended", tag="t")
        return SILENT

    server.answers["calling.end"] = end
    dial = Background(clock, client.dial_phone, TO, tag="t")
    server.wait_for("calling.dial")
    clock.sleep(1)
    before = clock.now()
    client.close()
    assert clock.now() - before < 0.5
    with pytest.raises(DialFailed):
        dial.outcome()


def test_a_dial_that_is_cancelled_before_it_is_sent_is_not_sent(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """close() found it known, and not sent yet."""
    run = Dial.run
    closing: list[Background] = []

    def run_late(dial: Dial, *args: Any) -> Any:
        closing.append(Background(clock, client.close))
        clock.sleep(0.1)
        return run(dial, *args)

    monkeypatch.setattr(Dial, "run", run_late)
    with pytest.raises(DialFailed) as caught:
        client.dial_phone(TO)
    assert "closed" == caught.value.reason
    closing[0].outcome()
    assert [] == server.params("calling.dial")


def test_a_dial_that_meets_a_close_is_not_sent(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """close() has looked what there is to end, and takes its time with it: nobody would look after another call."""
    on_dial(server, answer)
    client.dial_phone(TO, tag="first")
    server.answers["calling.end"] = lambda link, frame: SILENT
    closing: list[Background] = []

    def close() -> None:
        closing.append(Background(clock, client.close))
        clock.sleep(0.5)

    with pytest.raises(ConnectionClosed):
        client.dial([[devices.phone(TO, FROM)]], tag="second", gate=close)
    assert not client._connection.is_over
    assert [] == [dial.tag for dial in client._router.dials()]
    closing[0].outcome()
    assert ["first"] == [params["tag"] for params in server.params("calling.dial")]


def test_close_during_a_dial_without_news_of_it(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Within its deadline it can learn nothing: DialUnknown."""
    dial = Background(clock, client.dial_phone, TO, tag="t")
    server.wait_for("calling.dial")
    before = clock.now()
    client.close(timeout=1)
    assert clock.now() - before <= 1.5
    with pytest.raises(DialUnknown):
        dial.outcome()
    with pytest.raises(ConnectionClosed):
        client.dial_phone(TO)


def test_listeners_are_there_from_the_first_event(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """``listen`` hears of ringing, which is over when the dial returns."""
    states: list[str] = []
    on_dial(server, answer)
    client.dial_phone(TO, listen={"on_state_changed": lambda call: states.append(call.state)})
    clock.sleep(1)
    assert 3 == len(states)


def test_sip_devices(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """dial_sip sends the wire's names."""
    on_dial(server, answer)
    client.dial_sip("sip:a@example.com", from_="sip:b@example.com", headers={"X-A": "1"}, codecs=["PCMU"])
    assert [
        [
            {
                "type": "sip",
                "params": {
                    "to": "sip:a@example.com",
                    "from": "sip:b@example.com",
                    "headers": [{"name": "X-A", "value": "1"}],
                    "codecs": ["PCMU"],
                },
            }
        ]
    ] == server.params("calling.dial")[0]["devices"]


@pytest.mark.parametrize("bad", [[], [[]], "phone", [["x"]], None, [[{"params": {}}]]])
def test_devices_that_are_none(client: swsync.RelayClient, server: ScriptedServer, bad: Any) -> None:
    """They are refused before anything is sent."""
    with pytest.raises(ValueError, match="device"):
        client.dial(bad)
    assert [] == server.params("calling.dial")


def test_forged_headers_are_refused(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """CR and LF in a plain dict are found too."""
    with pytest.raises(ValueError, match="line break"):
        client.dial([[{"type": "sip", "params": {"to": "sip:a@b", "headers": [{"name": "X", "value": "1\r\nY: 2"}]}}]])


def test_allowed_destinations(server: ScriptedServer) -> None:
    """A prefix decides; what no prefix covers is refused before it is sent."""
    on_dial(server, answer)
    with swsync.RelayClient(**server.settings, allowed_destinations=["+1202", "sip:ok@"]) as client:
        client.dial_phone(TO)
        for bad in (devices.phone("+442071838750"), devices.sip("sip:bad@example.com")):
            with pytest.raises(ConfigurationError, match="allowed_destinations"):
                client.dial([[devices.phone(TO)], [bad]])
        with pytest.raises(ConfigurationError, match=r"^\+4420\.\.\. is not among"):  # errors end in logs
            client.dial_phone("+442071838750")
        far = {"type": "phone", "params": {"to_number": "+442071838750"}}
        for method in ("calling.dial", "calling.connect"):
            with pytest.raises(ConfigurationError, match="allowed_destinations"):
                client.execute(method, {"tag": "t", "devices": [[far]]})
        for method in ("calling.begin", "calling.refer"):
            with pytest.raises(ConfigurationError, match="allowed_destinations"):
                client.execute(method, {"tag": "t", "device": far})
        with pytest.raises(ConfigurationError, match="send that itself"):
            client.execute("signalwire.execute", {"method": "calling.dial", "params": {"devices": [[far]]}})
        near = {"type": "phone", "params": {"to_number": TO}}
        client.execute("calling.connect", {"devices": [[near]]})
    assert 1 == len(server.params("calling.dial"))
    assert [{"devices": [[near]]}] == server.params("calling.connect")


@pytest.mark.parametrize(
    "device",
    [
        {"type": "PHONE", "params": {"to": TO, "to_number": "+442071838750"}},
        {"type": "pstn", "params": {"to_number": TO}},
        {"type": "phone", "to": "+442071838750"},
        {"type": "phone"},
        devices.stream("wss://elsewhere.example.com/audio"),
    ],
    ids=["another case", "unknown type", "flat", "no params", "stream"],
)
def test_what_no_prefix_can_cover(server: ScriptedServer, device: Any) -> None:
    """A guard that does not know what a device reaches refuses it: what the service makes of it is not known here."""
    client = swsync.RelayClient(**server.settings, allowed_destinations=["+1202"])
    with client, pytest.raises(ConfigurationError, match="allowed_destinations"):
        client.dial([[device]])
    assert [] == server.params("calling.dial")


@pytest.mark.parametrize("wrong", ["+1202", "", [""], ["+1202", " "], ["+1202", ""], [None], [1202]])
def test_a_prefix_that_would_allow_everything(wrong: Any) -> None:
    """An empty variable, a comma too many, a text in place of a list: refused, and nothing is dialed by mistake."""
    with pytest.raises(ConfigurationError, match=r"none of them empty, such as \['\+1202'\]"):
        swsync.RelayClient("p", "t", host="ws://127.0.0.1:1", allowed_destinations=wrong)


def test_no_prefix_allows_nothing(server: ScriptedServer) -> None:
    """An empty list is a list."""
    client = swsync.RelayClient(**server.settings, allowed_destinations=[])
    with client, pytest.raises(ConfigurationError, match="allowed_destinations"):
        client.dial_phone(TO)


def test_arranging_devices() -> None:
    """One device and a flat list are brought into the wire's form; ring times add up."""
    one = {"type": "phone", "params": {"to_number": TO}}
    assert [[one]] == arrange(one) == arrange([one]) == arrange([[one]])
    assert [[one], [one]] == arrange([one, one])
    assert [[one]] == arrange({"type": "phone", "to": TO}) == arrange({"type": "phone", "to_number": TO})
    sip = {"to": "sip:a@example.com", "from": "sip:b@example.com"}
    assert [[{"type": "sip", "params": sip}]] == arrange({"type": "sip", **sip})
    assert [[{"type": "sip"}]] == arrange({"type": "sip"})
    with pytest.raises(ValueError, match="both to and to_number"):
        arrange({"type": "phone", "to": TO, "to_number": FROM})
    assert 60 == ring_time([[one], [one]])
    assert 5 == ring_time([[{"type": "phone", "params": {"timeout": 5}}]])


def begin(server: ScriptedServer, act: Any = None, **reply: Any) -> None:
    """Answer ``calling.begin`` and do something before the reply."""

    def answer(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        if act is not None:
            act(link, frame["params"]["tag"])
        link.reply(frame, {"code": "200", "message": "Call started", "call_id": "c1", "node_id": "n", **reply})
        return SILENT

    server.answers["calling.begin"] = answer


def test_begin_returns_before_it_rings(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """The reply names the call; its events come later, and are heard by listeners that were there before."""
    begin(server)
    heard: list[str] = []
    call = client.begin(
        devices.phone(TO, FROM), tag="t", max_duration=5, region="us", node_id="n",
        listen={"on_state_changed": lambda call: heard.append(call.call_id)},
    )  # fmt: skip

    assert ("c1", "n", "created", "outbound", TO) == (call.call_id, call.node_id, call.state, call.direction, call.to)
    device = {"type": "phone", "params": {"to_number": TO, "from_number": FROM}}
    params = server.params("calling.begin")[0]
    assert {"device": device, "tag": "t", "max_duration": 5, "region": "us", "node_id": "n"} == params
    assert call.is_owned
    for state in ("ringing", "answered"):
        server.link.state("c1", state, tag="t", direction="outbound")
    assert "answered" == call.wait_for_answered(5).call_state
    call.hangup()
    call.wait_for_ended(5)
    client.close()
    assert 3 == len(heard)


def test_events_may_overtake_the_reply_to_begin(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """It is one call, with its listeners once."""
    heard: list[str] = []

    def ring(link: Link, tag: str) -> None:
        for state in ("created", "ringing"):
            link.state("c1", state, tag=tag, direction="outbound")

    begin(server, ring)
    call = client.begin(devices.phone(TO, FROM), listen={"on_state_changed": lambda call: heard.append(call.call_id)})
    assert "ringing" == call.state
    assert [call] == client.calls
    client.close()
    assert ["c1"] * len(heard) == heard
    assert 3 >= len(heard) >= 1  # close() may end it first


def test_a_begin_without_a_reply_leaves_no_call(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """What may have been placed is ended on first sight."""
    server.answers["calling.begin"] = lambda link, frame: SILENT
    with pytest.raises(OutcomeUnknown):
        client.begin(devices.phone(TO, FROM), tag="t")
    server.link.state("c9", "ringing", tag="t", direction="outbound")
    assert "c9" == server.wait_for("calling.end")["call_id"]


def test_a_begin_whose_reply_names_no_call_is_unknown(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """It rings somewhere, and is ended once it shows itself."""
    begin(server, call_id="")
    with pytest.raises(DialUnknown):
        client.begin(devices.phone(TO, FROM), tag="t")
    server.link.state("c9", "ringing", tag="t", direction="outbound")
    assert "c9" == server.wait_for("calling.end")["call_id"]


def test_a_refused_begin_raises_what_relay_said(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """And its tag is free again."""
    server.answers["calling.begin"] = lambda link, frame: {"code": "402", "message": "Payment required"}
    for _ in range(2):
        with pytest.raises(RelayError, match="Payment required"):
            client.begin(devices.phone(TO, FROM), tag="t")
    assert [] == client._router.dials()


def test_begin_rings_one_device(client: swsync.RelayClient) -> None:
    """More are for dial."""
    phone = devices.phone(TO, FROM)
    for many in ([phone, phone], [[phone, phone]]):
        with pytest.raises(ValueError, match="one device"):
            client.begin(many)  # type: ignore[arg-type]
