"""The listeners of the older SDKs: which event each of them means."""

from __future__ import annotations

import pytest
from fake_session import make_call, tell

from swsync.calling.listening import listen_key

TTS = [{"type": "tts", "params": {"text": "x"}}]
DIGIT = {"type": "digit", "params": {"digits": "1"}}

# name: (how the action starts, the event, params that it means, params that it does not mean)
MEANINGS = {
    "playback.started": ("play", "play", {"state": "playing"}, {"state": "finished"}),
    "playback.updated": ("play", "play", {"state": "paused"}, {"state": "finished"}),
    "playback.failed": ("play", "play", {"state": "error"}, {"state": "finished"}),
    "playback.ended": ("play", "play", {"state": "finished"}, {"state": "playing"}),
    "recording.started": ("record", "record", {"state": "recording"}, {"state": "finished"}),
    "recording.failed": ("record", "record", {"state": "no_input"}, {"state": "finished"}),
    "recording.ended": ("record", "record", {"state": "finished"}, {"state": "paused"}),
    "prompt.ended": ("prompt", "collect", {"result": DIGIT, "final": True}, {"state": "collecting"}),
    "prompt.failed": ("prompt", "collect", {"result": {"type": "no_match"}}, {"result": DIGIT}),
    "collect.started": ("collect", "collect", {"state": "collecting"}, {"result": DIGIT}),
    "collect.input_started": ("collect", "collect", {"result": {"type": "start_of_input"}}, {"result": DIGIT}),
    "collect.updated": ("collect", "collect", {"result": DIGIT, "final": False}, {"result": DIGIT, "final": True}),
    "collect.ended": ("collect", "collect", {"result": DIGIT}, {"result": DIGIT, "final": False}),
    "collect.failed": ("collect", "collect", {"result": {"type": "no_input"}}, {"result": "odd"}),
    "detect.updated": (
        "detect", "detect", {"detect": {"params": {"event": "HUMAN"}}}, {"detect": {"params": {"event": "finished"}}},
    ),
    "detect.ended": (
        "detect", "detect", {"detect": {"params": {"event": "finished"}}}, {"detect": {"params": {"event": "HUMAN"}}},
    ),
    "stream.started": ("stream", "stream", {"state": "streaming"}, {"state": "finished"}),
    "stream.ended": ("stream", "stream", {"state": "finished"}, {"state": "streaming"}),
}  # fmt: skip

STARTS = {
    "play": lambda call: call.play(TTS),
    "record": lambda call: call.record(),
    "prompt": lambda call: call.play_and_collect(TTS, {}),
    "collect": lambda call: call.collect(continuous=True),
    "detect": lambda call: call.detect({}),
    "stream": lambda call: call.stream("wss://e.com/x"),
}


@pytest.mark.parametrize("name", MEANINGS)
def test_a_short_name_means(name):
    """This event and not that one; the listener is given the action."""
    start, event, meant, other = MEANINGS[name]
    call = make_call()
    heard = []
    call.on(name, heard.append)
    action = STARTS[start](call)
    second = STARTS[start](call)

    tell(call, f"calling.call.{event}", control_id=action.id, **other)
    assert [] == heard
    tell(call, f"calling.call.{event}", control_id=second.id, **meant)
    assert [second] == heard


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("onTapStarted", "tap.started"),
        ("on_tap_started", "tap.started"),
        ("onCollectInputStarted", "collect.input_started"),
        ("onStateChanged", "state_changed"),
        ("on_recording_ended", "recording.ended"),
    ],
)
def test_keys_of_listen(key, name):
    """Both spellings name the same listener."""
    assert name == listen_key(key)
