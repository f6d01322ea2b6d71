"""Taps: every form of the request, how they start and end, and addresses that could not work."""

from __future__ import annotations

import pytest
from fake_session import FakeReceiver, FakeSession, make_call, tell, tell_state

from swsync import media
from swsync.calling.tap import CallTap, TapAction
from swsync.errors import ActionFailed, CallEnded, ConfigurationError, MediaError, RelayError

AUDIO = {"type": "audio", "params": {"direction": "both"}}
WS = {"type": "ws", "params": {"uri": "wss://example.com/tap/secret", "codec": "PCMU", "rate": 8000}}
LONG = 60.0


def start(call, **settings):
    """A tap that has been accepted."""
    return call.tap_audio(**{"direction": "both", "device": WS, **settings})


def test_the_official_form_sends_the_tap_as_it_is():
    """Even a direction that swsync does not know goes out: the dict is the user's."""
    call = make_call()

    call.tap(tap={"type": "audio", "params": {"direction": "hear"}}, device=WS, control_id="T")

    assert {"type": "audio", "params": {"direction": "hear"}} == call.session.last[1]["tap"]


def test_the_node_form_is_the_same_wire():
    """v4: audio= and a flat device."""
    call = make_call()
    flat = {"type": "rtp", "addr": "8.8.8.8", "port": 5004, "codec": "PCMU"}

    call.tap(audio={"direction": "both"}, device=flat, control_id="T")

    expected = {
        "control_id": "T",
        "tap": AUDIO,
        "device": {"type": "rtp", "params": {"addr": "8.8.8.8", "port": 5004, "codec": "PCMU"}},
    }
    assert ("calling.tap", expected) == call.session.last


@pytest.mark.parametrize(
    ("word", "wire"), [("listen", "listen"), ("hear", "listen"), ("speak", "speak"), ("both", "both")]
)
def test_directions(word, wire):
    """hear is understood as listen, and the direction is always written."""
    call = make_call()

    start(call, direction=word)

    assert {"direction": wire} == call.session.last[1]["tap"]["params"]


@pytest.mark.parametrize("direction", ["", "inbound", "LISTEN", None])
def test_other_directions_are_refused(direction):
    """Before anything is sent."""
    call = make_call()

    with pytest.raises(ValueError, match="direction"):
        start(call, direction=direction)
    with pytest.raises(ValueError, match="direction"):
        call.tap(audio={"direction": direction}, device=WS)
    assert [] == call.session.sent


def test_tap_wants_one_form():
    """Neither both forms nor none."""
    call = make_call()

    with pytest.raises(TypeError):
        call.tap(device=WS)
    with pytest.raises(TypeError):
        call.tap(AUDIO, WS, audio={"direction": "both"})
    with pytest.raises(TypeError, match="device"):
        call.tap(AUDIO)
    with pytest.raises(ValueError, match="type"):
        call.tap(AUDIO, {"uri": "wss://example.com/x"})


def test_a_tap_starts_and_ends():
    """wait_started returns at tapping, wait at finished, stop in between."""
    call = make_call()
    started, ended, completed = [], [], []
    tap = start(call, on_started=started.append, on_ended=ended.append, on_completed=completed.append)
    assert ("", False, False) == (tap.state, tap.has_started, tap.is_done)

    tell(call, "calling.call.tap", control_id=tap.id, state="tapping", device=WS)
    assert tap is tap.wait_started(LONG)
    assert ("tapping", [tap], WS) == (tap.state, started, tap.device)

    tap.stop()
    assert ("calling.tap.stop", {"control_id": tap.id}) == call.session.last
    assert "tapping" == tap.state

    tell(call, "calling.call.tap", control_id=tap.id, state="finished")
    event = tap.wait(LONG)
    assert ("finished", False) == (event.state, event.synthetic)
    assert ("finished", True, True, event) == (tap.state, tap.is_done, tap.completed, tap.result)
    assert ([tap], [event]) == (ended, completed)
    assert tap is tap.ended(LONG)


def test_listen_takes_both_spellings():
    """v4: listen={"on_started": ..., "onEnded": ...}; another key is an error."""
    call = make_call()
    heard = []
    tap = call.tap(audio={"direction": "both"}, device=WS, listen={"on_started": heard.append, "onEnded": heard.append})

    tell(call, "calling.call.tap", control_id=tap.id, state="tapping")
    tell(call, "calling.call.tap", control_id=tap.id, state="finished")

    assert [tap, tap] == heard
    with pytest.raises(ValueError, match="on_begun"):
        start(call, listen={"on_begun": print})


def test_two_taps_do_not_disturb_each_other():
    """Events go by control_id."""
    call = make_call()
    first, second = start(call), start(call)

    tell(call, "calling.call.tap", control_id=first.id, state="finished")

    assert (True, False) == (first.is_done, second.is_done)


def test_a_name_in_use_is_refused():
    """Two actions of one name could not be told apart."""
    call = make_call()
    start(call, control_id="T")

    with pytest.raises(ValueError, match="in use"):
        start(call, control_id="T")


def test_an_event_that_overtakes_the_reply_counts():
    """The action is registered before its request is sent."""
    session = FakeSession()
    call = make_call(session)
    session.reply = lambda method, params: (
        tell(call, "calling.call.tap", control_id="T", state="tapping"),
        {"code": "200", "source_device": {"type": "rtp", "params": {"addr": "8.8.8.8", "port": 1}}},
    )[1]

    tap = start(call, control_id="T")

    assert tap.has_started
    assert {"type": "rtp", "params": {"addr": "8.8.8.8", "port": 1}} == tap.source_device


def test_the_source_is_empty_where_relay_does_not_say():
    """No source_device, no error."""
    assert {} == start(make_call()).source_device


def test_finished_before_tapping_names_the_address():
    """Nothing else on the wire says that a tap's receiver could not be reached. The secret in its path is not shown."""
    call = make_call()
    tap = start(call)

    tell(call, "calling.call.tap", control_id=tap.id, state="finished")

    with pytest.raises(ActionFailed, match=r"wss://example\.com") as info:
        tap.wait_started(LONG)
    assert "secret" not in str(info.value)
    assert "finished" == tap.wait(0).state


def test_a_tap_that_ends_with_its_call_is_finished():
    """Half a second after the call's end, a finished event is made up and marked as such."""
    call = make_call()
    done = []
    tap = start(call, on_completed=done.append)
    tell(call, "calling.call.tap", control_id=tap.id, state="tapping")

    tell_state(call, "ended", end_reason="hangup")
    with pytest.raises(TimeoutError):
        tap.wait(0)
    call.session.run_timers()

    event = tap.wait(0)
    assert ("finished", True, tap.id) == (event.state, event.synthetic, event.control_id)
    assert [event] == done


def test_the_taps_own_end_wins_over_the_made_up_one():
    """If it comes within the half second."""
    call = make_call()
    tap = start(call)

    tell_state(call, "ended")
    tell(call, "calling.call.tap", control_id=tap.id, state="finished")
    call.session.run_timers()

    assert not tap.wait(0).synthetic


def test_a_tap_that_never_began_before_the_call_ended():
    """wait_started says that the call ended, not that the address is wrong."""
    call = make_call()
    tap = start(call)

    tell_state(call, "ended", end_reason="busy")
    call.session.run_timers()

    with pytest.raises(CallEnded) as info:
        tap.wait_started(0)
    assert "busy" == info.value.end_reason


def test_a_refused_tap_raises_and_is_forgotten():
    """The name is free again, and the receiver is ended."""
    call = make_call()
    receiver = FakeReceiver(WS)
    call.session.reply = RelayError(-32602, "bad device", "calling.tap")

    with pytest.raises(RelayError):
        start(call, device=receiver, control_id="T")
    call.session.reply = {"code": "200"}

    assert 1 == receiver.ended
    assert start(call, control_id="T").id == "T"


def test_stop_after_the_end_does_nothing():
    """No request, no error; nor when RELAY says that the call is gone."""
    call = make_call()
    tap = start(call)
    tell(call, "calling.call.tap", control_id=tap.id, state="finished")
    before = len(call.session.sent)

    assert {} == tap.stop()
    assert before == len(call.session.sent)


def test_a_receiver_is_a_device_and_is_ended_by_the_tap():
    """Anything with .device will do; its end() ends frames() and read()."""
    call = make_call()
    receiver = FakeReceiver(WS)
    tap = start(call, device=receiver)
    assert WS == call.session.last[1]["device"]

    tell(call, "calling.call.tap", control_id=tap.id, state="tapping")
    assert 0 == receiver.ended
    tell(call, "calling.call.tap", control_id=tap.id, state="finished")

    assert 1 == receiver.ended


def test_a_receiver_whose_end_fails_disturbs_nobody(caplog):
    """It is logged; the callbacks run all the same."""
    call = make_call()
    receiver = FakeReceiver(WS)
    receiver.end = lambda: 1 // 0
    done = []
    tap = start(call, device=receiver, on_completed=done.append)

    tell(call, "calling.call.tap", control_id=tap.id, state="finished")

    assert 1 == len(done)
    assert "ZeroDivisionError" in caplog.text


RTP = [{"type": "rtp", "params": {"addr": addr, "port": 5004}} for addr in (
    "127.0.0.1", "10.0.0.1", "192.168.1.2", "172.16.0.1", "100.64.0.1", "169.254.0.1", "0.0.0.0", "224.0.0.1", "::1",
    "2606:4700::1", "example.com", "", "127.1", "134744072", "::ffff:8.8.8.8",
)]  # fmt: skip
URIS = [
    "ws://localhost/x",
    "wss://127.0.0.1:9/x",
    "ws://[::1]/x",
    "ws://0.0.0.0/x",
    "wss://a.localhost/x",
    "wss://localhost./x",
    "wss://127.1/x",
    "wss://127.0.0.1./x",
    "wss://2130706433/x",
    "wss://0x7f.1/x",
    "wss://0X7F000001/x",
    "wss://0177.0.0.1/x",
    "wss://127.65535/x",
    "wss://0/x",
    "wss://[::ffff:127.0.0.1]/x",
    "wss://[::ffff:0.0.0.0]/x",
    "http://e.com",
    "wss://",
    "ws://e.com:x/",
]
LOCAL = [*RTP, *({"type": "ws", "params": {"uri": uri}} for uri in URIS)]


@pytest.mark.parametrize("device", LOCAL, ids=lambda device: str(next(iter(device["params"].values()))))
def test_an_address_that_signalwire_cannot_use_is_refused(device):
    """Before any request; the text names the setting that supplies a better one."""
    call = make_call()

    with pytest.raises(ConfigurationError, match=r"SWSYNC_|address"):
        call.tap(AUDIO, device)
    assert [] == call.session.sent


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "134744072", "8.8.2056", "e.com", "127.1.example", "256.1", "1.2.3.4.5", "08.8.8.8", "[::2]"]
)
def test_other_addresses_in_other_forms_are_left_to_the_service(host):
    """A number that is no loopback, a name that only begins like one, nonsense: whoever resolves it knows."""
    call = make_call()

    call.tap(AUDIO, {"type": "ws", "params": {"uri": f"wss://{host}/x"}})

    assert 1 == len(call.session.sent)


@pytest.mark.parametrize("device", LOCAL[:1] + LOCAL[len(RTP) : len(RTP) + 2])
def test_the_same_addresses_are_fine_with_a_local_relay(device):
    """On this machine they can be reached."""
    call = make_call(FakeSession(is_local_host=True))

    call.tap(AUDIO, device)

    assert device == call.session.last[1]["device"]


@pytest.mark.parametrize("uri", ["ws://example.com/x", "wss://8.8.8.8:8443/x", "wss://10.0.0.1/x"])
def test_public_and_private_websockets_are_let_through(uri):
    """Only what can never work is refused: a private network may be one that SignalWire is connected to."""
    call = make_call()

    call.tap(AUDIO, {"type": "ws", "params": {"uri": uri}})

    assert uri == call.session.last[1]["device"]["params"]["uri"]


def test_call_tap_is_the_nodes_name():
    """CallTap and TapAction are one class."""
    assert CallTap is TapAction
    tap = start(make_call())
    assert ("call-1", "node-1", tap.control_id) == (tap.call_id, tap.node_id, tap.id)
    assert not tap.has_ended


@pytest.mark.parametrize("kind", [media.RtpReceiver, media.TapReceiver, media.StreamReceiver])
def test_a_receiver_that_has_ended_is_refused(kind):
    """Before any request: its port may be somebody else's by then."""
    call = make_call(FakeSession(is_local_host=True))
    with kind() as receiver:
        pass

    with pytest.raises(MediaError, match="ended"):
        call.stream(receiver) if kind is media.StreamReceiver else start(call, device=receiver)

    assert [] == call.session.sent


class Expecting(FakeReceiver):
    """A receiver that wants to know who sends."""

    def __init__(self):
        super().__init__({"type": "rtp", "params": {"addr": "8.8.4.4", "port": 5004}})
        self.told = []

    def expect(self, addr, port):
        self.told.append((addr, port))


def source_told(source_device, is_local_host=False):
    """What a receiver hears of this source_device."""
    session = FakeSession(is_local_host=is_local_host)
    session.reply = lambda method, params: {"code": "200", "source_device": source_device}
    receiver = Expecting()
    start(make_call(session), device=receiver)
    return receiver.told


@pytest.mark.parametrize("port", [4000, "4000"])
def test_a_receiver_is_told_who_sends(port):
    """As the reply's source_device says, whatever the type of its port."""
    assert [("8.8.8.8", 4000)] == source_told({"type": "rtp", "params": {"addr": "8.8.8.8", "port": port}})


@pytest.mark.parametrize(
    ("addr", "port"),
    [
        ("10.0.0.1", 1), ("127.0.0.1", 1), ("0.0.0.0", 1), ("2606:4700::1", 1), ("x", 1), (None, 1),
        ("8.8.8.8", 70000), ("8.8.8.8", "x"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_true_is_passed_over_and_logged(addr, port, caplog):
    """Behind NAT packets come from elsewhere: believing it would refuse them all."""
    assert [] == source_told({"type": "rtp", "params": {"addr": addr, "port": port}})
    assert "source_device" in caplog.text


@pytest.mark.parametrize("source", [{}, {"type": "ws", "params": {"codec": "PCMU"}}, {"type": "rtp"}, "x", None])
def test_no_source_is_no_news(source, caplog):
    """A WebSocket's, or none: nothing is told, nothing logged."""
    assert [] == source_told(source)
    assert "" == caplog.text


def test_a_local_relay_sends_from_this_machine():
    """There a private source is true; no address at all never is."""
    device = {"type": "rtp", "params": {"addr": "127.0.0.1", "port": 7}}
    assert [("127.0.0.1", 7)] == source_told(device, is_local_host=True)
    assert [] == source_told({"type": "rtp", "params": {"addr": "0.0.0.0", "port": 7}}, is_local_host=True)
