"""call.capture without a relay: what it asks of the call, and that it takes everything down again."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import wave

import pytest
from fake_session import FakeSession, make_call, tell, tell_state

from swsync import media
from swsync.calling import capture as module
from swsync.errors import (
    ActionFailed,
    CallEnded,
    ConfigurationError,
    ConnectionClosed,
    MediaError,
    OutcomeUnknown,
    RelayError,
)

RATE = 8000
TONE = bytes(range(256)) * 5  # 640 samples = 80 ms


class Service:
    """Plays SignalWire's part: accepts taps and streams, says that they start and stop."""

    def __init__(self, starts=True, finishes=True):
        self.session = FakeSession(is_local_host=True)
        self.call = make_call(self.session)
        self.starts, self.finishes = starts, finishes
        self.devices = {}
        self.names = []
        self.session.reply = self.reply
        self.session.post = self.post

    def reply(self, method, params):
        if method in ("calling.tap", "calling.stream"):
            kind = method.removeprefix("calling.")
            self.names.append((kind, params["control_id"]))
            if kind == "tap":
                self.devices[params["tap"]["params"]["direction"]] = params["device"]["params"]
            if self.starts:
                state = {"tap": "tapping", "stream": "streaming"}[kind]
                tell(self.call, f"calling.call.{kind}", control_id=params["control_id"], state=state)
        return {"code": "200"}

    def post(self, method, params):
        self.session.sent.append((method, params["control_id"]))
        if self.finishes:
            kind = method.split(".")[1]
            tell(self.call, f"calling.call.{kind}", control_id=params["control_id"], state="finished")

    def send(self, direction, pcm, codec="PCMU"):
        """RTP to one of the taps."""
        device = self.devices[direction]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for datagram in media.packetize(pcm, codec=codec, ptime=20, ssrc=1):
                sock.sendto(datagram, (device["addr"], device["port"]))

    def make_source(self, stack, is_strangers_first):
        """Answer taps with a source_device; strangers may come before the answer."""
        self.source = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.source.bind(("127.0.0.1", 0))
        addr, port = self.source.getsockname()
        plain = self.session.reply

        def reply(method, params):
            answer = plain(method, params)
            if method == "calling.tap":
                if is_strangers_first:
                    self.send(params["tap"]["params"]["direction"], TONE)
                answer["source_device"] = {"type": "rtp", "params": {"addr": addr, "port": port}}
            return answer

        self.session.reply = reply

    def send_from_source(self, direction, pcm):
        """RTP from where the reply said."""
        device = self.devices[direction]
        for datagram in media.packetize(pcm, codec="PCMU", ptime=20, ssrc=2):
            self.source.sendto(datagram, (device["addr"], device["port"]))

    def stops(self):
        """The names of what was asked to stop."""
        return [params for method, params in self.session.sent if method.endswith(".stop")]


@pytest.fixture
def service(monkeypatch):
    """A service whose ends need not be waited for long."""
    monkeypatch.setattr(module, "FINISH_TIMEOUT", 0.3)
    monkeypatch.setattr(module, "LINGER", 0.05)
    return Service()


def frames(path):
    """Channels and frames of a WAV."""
    with wave.open(str(path), "rb") as file:
        return file.getnchannels(), file.getnframes()


def test_two_taps_become_two_channels(service, tmp_path):
    """speak is asked for the left channel, listen for the right; both are stopped at the end."""
    path = tmp_path / "call.wav"

    with service.call.capture(path, via="rtp", codec="PCMA") as capture:
        assert ["speak", "listen"] == list(service.devices)
        assert {"PCMA"} == {device["codec"] for device in service.devices.values()}
        assert not path.exists()
        assert (False, path, "rtp") == (capture.closed, capture.path, capture.via)
        service.send("listen", TONE, codec="PCMA")
        capture.wait_duration(0.05, timeout=10)

    assert 2 == frames(path)[0]
    assert [name for _, name in service.names] == service.stops()


def test_audio_gets_into_the_file(service, tmp_path):
    """What came before the end of the block is in it, on both sides."""
    path = tmp_path / "call.wav"

    with service.call.capture(path, via="rtp") as capture:
        for direction in ("speak", "listen"):
            service.send(direction, TONE * 5)
        capture.wait_duration(0.3, timeout=10)

    channels, count = frames(path)
    assert 2 == channels
    assert 0.3 * RATE <= count
    assert count / RATE == capture.duration
    assert {"said": 20, "heard": 20} == {side: quality.packets for side, quality in capture.quality.items()}
    assert capture.closed
    assert [name for _, name in service.names] == service.stops()


@pytest.mark.parametrize(("via", "methods"), [("rtp", ["tap", "tap"]), ("ws", ["tap", "tap"]), ("stream", ["stream"])])
def test_no_audio_at_all_is_an_error(service, tmp_path, via, methods):
    """An empty file would look like a recording."""
    with pytest.raises(MediaError, match="no audio"), service.call.capture(tmp_path / "call.wav", via=via):
        pass

    assert methods == [kind for kind, _ in service.names]
    assert len(methods) == len(service.stops())


@pytest.mark.parametrize("via", ["rtp", "ws", "stream"])
def test_the_users_error_is_not_masked(service, tmp_path, via):
    """Not by the missing audio, not by anything."""
    with pytest.raises(KeyError, match="mine"), service.call.capture(tmp_path / "call.wav", via=via):
        raise KeyError("mine")

    assert len(service.names) == len(service.stops())


def test_a_stream_carries_the_receivers_token(service, tmp_path):
    """One stream of both tracks, with the receiver's address and its token."""
    with pytest.raises(KeyError), service.call.capture(tmp_path / "call.wav"):
        method, params = service.session.sent[0]
        raise KeyError

    assert "calling.stream" == method
    assert ("both_tracks", "PCMU") == (params["track"], params["codec"])
    assert params["url"].startswith("ws://127.0.0.1:")
    assert len(params["authorization_bearer_token"]) > 20


def test_a_refused_tap_undoes_the_first(service, tmp_path):
    """Entry fails half way: the first tap is stopped, the file is not made, an old one is not touched."""
    path = tmp_path / "call.wav"
    path.write_bytes(b"old")
    accept = service.session.reply

    def refuse_the_second(method, params):
        return RelayError(400, "no") if service.names else accept(method, params)

    service.session.reply = refuse_the_second
    with pytest.raises(RelayError, match="no"), service.call.capture(path, via="rtp"):
        pytest.fail("it started")

    assert [name for _, name in service.names] == service.stops()
    assert b"old" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_a_tap_that_never_starts_times_out(tmp_path, monkeypatch):
    """And is stopped again."""
    monkeypatch.setattr(module, "FINISH_TIMEOUT", 0.1)
    service = Service(starts=False)

    with pytest.raises(TimeoutError), service.call.capture(tmp_path / "call.wav", via="ws", timeout=0.05):
        pytest.fail("it started")

    assert 2 == len(service.stops())
    assert [] == list(tmp_path.iterdir())


def test_a_receiver_that_cannot_be_reached_is_an_error(tmp_path):
    """finished without tapping."""
    service = Service(starts=False)
    accept = service.session.reply

    def fail(method, params):
        reply = accept(method, params)
        tell(service.call, "calling.call.tap", control_id=params["control_id"], state="finished")
        return reply

    service.session.reply = fail
    with pytest.raises(ActionFailed, match=r"rtp://127\.0\.0\.1"), service.call.capture(tmp_path / "c.wav", via="rtp"):
        pytest.fail("it started")


@pytest.mark.parametrize("via", ["rtp", "ws", "stream"])
def test_a_loopback_address_is_refused_with_a_real_account(tmp_path, via):
    """Before any request, with the setting's name."""
    call = make_call()

    with pytest.raises(ConfigurationError, match="SWSYNC_"), call.capture(tmp_path / "call.wav", via=via):
        pytest.fail("it started")

    assert [] == call.session.sent
    assert [] == list(tmp_path.iterdir())


def test_an_unwritable_path_is_refused_first(service, tmp_path):
    """Nothing is asked of the call."""
    for path in (tmp_path / "missing" / "call.wav", tmp_path):
        with pytest.raises(MediaError, match="cannot write"), service.call.capture(path):
            pytest.fail("it started")

    assert [] == service.session.sent


def test_the_call_may_end_in_the_middle(service, tmp_path):
    """What came before is in the file."""
    path = tmp_path / "call.wav"

    with service.call.capture(path, via="rtp") as capture:
        service.send("speak", TONE * 5)
        capture.wait_duration(0.3, timeout=10)
        tell_state(service.call, "ended", end_reason="hangup")
        service.session.run_timers()

    assert 0.3 * RATE <= frames(path)[1]
    assert [] == service.stops()


def test_the_session_may_be_lost_in_the_middle(service, tmp_path):
    """Stopping fails, and the file is finished all the same."""
    path = tmp_path / "call.wav"

    with service.call.capture(path, via="rtp") as capture:
        service.send("listen", TONE * 5)
        capture.wait_duration(0.3, timeout=10)
        service.call._abandon(lambda: CallEnded("session_lost"))

    assert 0.3 * RATE <= frames(path)[1]


def test_the_client_may_be_closed_in_the_middle(service, tmp_path, caplog):
    """Stops cannot be sent and no end is reported: it waits for so long and no longer, and says so."""
    path = tmp_path / "call.wav"

    def post(method, params):
        raise ConnectionClosed("the client is closed")

    with service.call.capture(path, via="rtp") as capture:
        service.send("speak", TONE * 5)
        capture.wait_duration(0.3, timeout=10)
        service.session.post = post

    assert 0.3 * RATE <= frames(path)[1]
    assert "not reported as finished" in caplog.text


def test_an_interrupt_while_stopping_still_finishes_the_file(service, tmp_path):
    """A second Ctrl-C."""
    path = tmp_path / "call.wav"

    def post(method, params):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), service.call.capture(path, via="rtp") as capture:
        service.send("speak", TONE * 5)
        capture.wait_duration(0.3, timeout=10)
        service.session.post = post

    assert 0.3 * RATE <= frames(path)[1]


def test_close_is_idempotent_and_knows_nothing_before_the_start(service, tmp_path):
    """Properties have values before, and closing twice does nothing more."""
    capture = service.call.capture(tmp_path / "call.wav", via="rtp")
    assert (0.0, {}, None, []) == (capture.duration, dict(capture.quality), capture.alignment, capture.lost_spans)
    with pytest.raises(MediaError):
        capture.wait_duration(1)

    with pytest.raises(MediaError), capture:
        pass
    capture.close()

    assert 2 == len(service.stops())


def test_a_capture_is_entered_once(service, tmp_path):
    """Inside itself or a second time it says so, and nothing of the first is lost or left running."""
    path = tmp_path / "call.wav"
    capture = service.call.capture(path, via="rtp")
    capture.close()  # not begun: this means nothing

    with capture:
        service.send("speak", TONE * 5)
        with pytest.raises(MediaError, match="once"), capture:
            pytest.fail("it started again")
        capture.wait_duration(0.3, timeout=10)
    with pytest.raises(MediaError, match="once"), capture:
        pytest.fail("it started again")

    assert 2 == len(service.names) == len(service.stops())
    assert 0.3 * RATE <= frames(path)[1]
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("via", ["rtp", "ws", "stream"])
def test_waiting_for_more_ends_with_the_call(service, tmp_path, via):
    """Nobody sends any more: no wait hangs."""
    with pytest.raises(MediaError, match="no audio"), service.call.capture(tmp_path / "call.wav", via=via) as capture:
        timer = threading.Timer(0.1, lambda: (tell_state(service.call, "ended"), service.session.run_timers()))
        timer.start()
        capture.wait_duration(60, timeout=20)
    timer.join(60)


def test_two_captures_do_not_share_a_file(service, tmp_path):
    """The second is refused before anything is asked of the call, and the first goes on."""
    path = tmp_path / "call.wav"

    with service.call.capture(path, via="rtp") as capture:
        with pytest.raises(MediaError, match="another recording"), service.call.capture(path, via="rtp"):
            pytest.fail("it started")
        assert 2 == len(service.names)
        service.send("speak", TONE * 5)
        capture.wait_duration(0.3, timeout=10)

    assert 0.3 * RATE <= frames(path)[1]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_leaves_the_capture_to_its_parent(service, tmp_path):
    """Leaving ``with`` in the child asks nothing of the call, and the parent's recording goes on."""
    path = tmp_path / "call.wav"

    with service.call.capture(path, via="rtp") as capture:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                capture.close()
                code = len(service.stops())
            finally:
                os._exit(code)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        service.send("speak", TONE * 5)
        capture.wait_duration(0.3, timeout=10)

    assert 0.3 * RATE <= frames(path)[1]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OutcomeUnknown(-1, "no reply")])
def test_a_tap_of_which_nothing_is_known_is_stopped(service, tmp_path, error):
    """Ctrl-C, or a lost reply, while the request is under way: the service may have begun."""
    accept = service.session.reply

    def interrupt(method, params):
        accept(method, params)
        raise error

    service.session.reply = interrupt
    with pytest.raises(type(error)), service.call.capture(tmp_path / "call.wav", via="rtp"):
        pytest.fail("it started")

    assert 1 == len(service.names)
    assert [name for _, name in service.names] == service.stops()


def test_there_are_three_ways():
    """Another one is a ValueError at once."""
    with pytest.raises(ValueError, match="via"):
        make_call().capture("call.wav", via="smoke")


@pytest.mark.parametrize("is_early", [True, False])
def test_a_stranger_before_the_first_packet_is_not_recorded(service, tmp_path, is_early):
    """Four packets on each port, before the tap is answered or after: the source_device is believed, they are not."""
    path = tmp_path / "call.wav"
    with contextlib.ExitStack() as stack:
        service.make_source(stack, is_early)
        with service.call.capture(path, via="rtp") as capture:
            if not is_early:
                for direction in ("speak", "listen"):
                    service.send(direction, bytes(range(256)) * 5)  # a stranger's: from another port
            for direction in ("speak", "listen"):
                service.send_from_source(direction, TONE * 5)
            capture.wait_duration(0.39, timeout=10)
        assert {"said": 20, "heard": 20} == {side: stats.packets for side, stats in capture.quality.items()}
        assert {"said": 4, "heard": 4} == {side: stats.rejected["source"] for side, stats in capture.quality.items()}
    assert 3200 <= frames(path)[1] < 3600
