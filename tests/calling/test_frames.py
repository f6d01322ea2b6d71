"""What each verb sends: literal frames for every method, with the fewest arguments and with all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_session import make_call

from swsync import devices

TTS = {"type": "tts", "params": {"text": "hi"}}
PHONE = {"type": "phone", "params": {"to_number": "+1", "from_number": "+2"}}
SIP = {"type": "sip", "params": {"to": "sip:a@b"}}
WS = {"type": "ws", "params": {"uri": "wss://example.com/x", "codec": "PCMU", "rate": 8000}}
AUDIO = {"type": "audio", "params": {"direction": "both"}}
CTL = {"control_id": "T"}

# name: (how it is called, the wire method, its parameters but for node_id and call_id)
FRAMES = {
    "hangup": (lambda c: c.hangup(), "end", {"reason": "hangup"}),
    "hangup busy": (lambda c: c.hangup("busy"), "end", {"reason": "busy"}),
    "answer": (lambda c: c.answer(), "answer", {}),
    "answer full": (
        lambda c: c.answer(max_duration=9, codecs=["PCMU"]),
        "answer",
        {"max_duration": 9, "codecs": ["PCMU"]},
    ),
    "pass": (lambda c: c.pass_(), "pass", {}),
    "play": (lambda c: c.play([TTS], **CTL), "play", {**CTL, "play": [TTS]}),
    "play full": (
        lambda c: c.play([TTS], volume=-4.5, direction="both", loop=0, status_url="https://s", **CTL),
        "play",
        {**CTL, "play": [TTS], "volume": -4.5, "direction": "both", "loop": 0, "status_url": "https://s"},
    ),
    "play values": (lambda c: c.play([devices.tts("hi")], **CTL), "play", {**CTL, "play": [TTS]}),
    "record": (lambda c: c.record(**CTL), "record", {**CTL, "record": {"audio": {}}}),
    "record full": (
        lambda c: c.record({"beep": True, "stereo": False}, status_url="https://s", **CTL),
        "record",
        {**CTL, "record": {"audio": {"beep": True, "stereo": False}}, "status_url": "https://s"},
    ),
    "record_audio": (
        lambda c: c.record_audio(
            beep=True, format="wav", stereo=True, direction="both", initial_timeout=0, end_silence_timeout=2.5,
            terminators="#", input_sensitivity=50, **CTL,
        ),
        "record",
        {
            **CTL,
            "record": {
                "audio": {
                    "beep": True, "format": "wav", "stereo": True, "direction": "both", "initial_timeout": 0,
                    "end_silence_timeout": 2.5, "terminators": "#", "input_sensitivity": 50,
                }
            },
        },
    ),
    "collect": (lambda c: c.collect(**CTL), "collect", CTL),
    "collect full": (
        lambda c: c.collect(
            digits={"max": 1}, speech={"language": "en-US"}, initial_timeout=3, partial_results=True, continuous=False,
            continue_=True, send_start_of_input=True, start_input_timers=False, status_url="https://s", **CTL,
        ),
        "collect",
        {
            **CTL, "digits": {"max": 1}, "speech": {"language": "en-US"}, "initial_timeout": 3, "partial_results": True,
            "continuous": False, "continue": True, "send_start_of_input": True, "start_input_timers": False,
            "status_url": "https://s",
        },
    ),
    "play_and_collect": (
        lambda c: c.play_and_collect([TTS], {"digits": {"max": 4}}, volume=0, status_url="https://s", **CTL),
        "play_and_collect",
        {**CTL, "play": [TTS], "collect": {"digits": {"max": 4}}, "volume": 0, "status_url": "https://s"},
    ),
    "detect": (
        lambda c: c.detect({"type": "machine", "params": {}}, timeout=20, status_url="https://s", **CTL),
        "detect",
        {**CTL, "detect": {"type": "machine", "params": {}}, "timeout": 20, "status_url": "https://s"},
    ),
    "connect": (lambda c: c.connect([[PHONE]]), "connect", {"devices": [[PHONE]]}),
    "connect full": (
        lambda c: c.connect(
            [[devices.phone("+1", "+2"), SIP], [PHONE]], ringback=[devices.ringtone("us")], tag="t", max_duration=60,
            max_price_per_minute=0.5, status_url="https://s",
        ),
        "connect",
        {
            "devices": [[PHONE, SIP], [PHONE]], "ringback": [{"type": "ringtone", "params": {"name": "us"}}],
            "tag": "t", "max_duration": 60, "max_price_per_minute": 0.5, "status_url": "https://s",
        },
    ),
    "connect_phone": (
        lambda c: c.connect_phone("+1", "+2", timeout=20),
        "connect",
        {"devices": [[{"type": "phone", "params": {"to_number": "+1", "from_number": "+2", "timeout": 20}}]]},
    ),
    "connect_sip": (
        lambda c: c.connect_sip("sip:a@b", "sip:c@d", headers={"X-A": "1"}),
        "connect",
        {
            "devices": [[{
                "type": "sip",
                "params": {"to": "sip:a@b", "from": "sip:c@d", "headers": [{"name": "X-A", "value": "1"}]},
            }]]
        },
    ),
    "disconnect": (lambda c: c.disconnect(), "disconnect", {}),
    "transfer": (lambda c: c.transfer("context:x"), "transfer", {"dest": "context:x"}),
    "refer": (
        lambda c: c.refer(SIP, status_url="https://s"),
        "refer",
        {"device": SIP, "status_url": "https://s"},
    ),
    "send_digits": (
        lambda c: c.send_digits("0123456789#*ABCDwW", **CTL),
        "send_digits",
        {**CTL, "digits": "0123456789#*ABCDwW"},
    ),
    "bind_digit": (
        lambda c: c.bind_digit("1", "calling.end"),
        "bind_digit",
        {"digits": "1", "bind_method": "calling.end"},
    ),
    "bind_digit with media": (
        lambda c: c.bind_digit("1", "calling.play", bind_params={"play": [devices.silence(1)]}),
        "bind_digit",
        {"digits": "1", "bind_method": "calling.play",
         "params": {"play": [{"type": "silence", "params": {"duration": 1}}]}},
    ),
    "bind_digit full": (
        lambda c: c.bind_digit("1", "calling.end", bind_params={"reason": "busy"}, realm="r", max_triggers=2),
        "bind_digit",
        {"digits": "1", "bind_method": "calling.end", "params": {"reason": "busy"}, "realm": "r", "max_triggers": 2},
    ),
    "clear_digit_bindings": (lambda c: c.clear_digit_bindings(realm="r"), "clear_digit_bindings", {"realm": "r"}),
    "send_fax": (
        lambda c: c.send_fax("https://d", identity="+1", header_info="h", status_url="https://s", **CTL),
        "send_fax",
        {**CTL, "document": "https://d", "identity": "+1", "header_info": "h", "status_url": "https://s"},
    ),
    "receive_fax": (lambda c: c.receive_fax(**CTL), "receive_fax", CTL),
    "tap": (lambda c: c.tap(AUDIO, WS, **CTL), "tap", {**CTL, "tap": AUDIO, "device": WS}),
    "tap full": (
        lambda c: c.tap(tap=AUDIO, device=WS, status_url="https://s", **CTL),
        "tap",
        {**CTL, "tap": AUDIO, "device": WS, "status_url": "https://s"},
    ),
    "stream": (lambda c: c.stream("wss://e.com/x", **CTL), "stream", {**CTL, "url": "wss://e.com/x"}),
    "stream full": (
        lambda c: c.stream(
            "wss://e.com/x", name="n", codec="PCMU", track="both_tracks", status_url="https://s",
            status_url_method="GET", authorization_bearer_token="b", custom_parameters={"session_id": "abc123"}, **CTL,
        ),
        "stream",
        {
            **CTL, "url": "wss://e.com/x", "name": "n", "codec": "PCMU", "track": "both_tracks",
            "status_url": "https://s", "status_url_method": "GET", "authorization_bearer_token": "b",
            "custom_parameters": {"session_id": "abc123"},
        },
    ),
    "pay": (lambda c: c.pay("https://p", **CTL), "pay", {**CTL, "payment_connector_url": "https://p"}),
    "pay full": (
        lambda c: c.pay(
            "https://p", input_method="dtmf", status_url="https://s", payment_method="credit-card", timeout="5",
            max_attempts="2", security_code="true", postal_code="false", min_postal_code_length="4",
            token_type="one-time", charge_amount="1.00", currency="usd", language="en-US", voice="v", description="d",
            valid_card_types="visa", bank_account_type="consumer-checking", parameters=[{"name": "a", "value": "b"}],
            prompts=[{"for": "x"}], **CTL,
        ),
        "pay",
        {
            **CTL, "payment_connector_url": "https://p", "input": "dtmf", "status_url": "https://s",
            "payment_method": "credit-card", "timeout": "5", "max_attempts": "2", "security_code": "true",
            "postal_code": "false", "min_postal_code_length": "4", "token_type": "one-time", "charge_amount": "1.00",
            "currency": "usd", "language": "en-US", "voice": "v", "description": "d", "valid_card_types": "visa",
            "bank_account_type": "consumer-checking", "parameters": [{"name": "a", "value": "b"}],
            "prompts": [{"for": "x"}],
        },
    ),
    "join_conference": (lambda c: c.join_conference("n"), "join_conference", {"name": "n"}),
    "join_conference full": (
        lambda c: c.join_conference(
            "n", muted=False, beep="onEnter", start_on_enter=True, end_on_exit=False, wait_url="https://w",
            max_participants=3, record="r", region="us", trim="t", coach="C", acl="a", status_callback="https://s",
            status_callback_event="e", status_callback_event_type="relay", status_callback_method="POST",
            recording_status_callback="https://r", recording_status_callback_event="f",
            recording_status_callback_event_type="cxml", recording_status_callback_method="GET",
            stream_obj={"url": "wss://e.com/x"},
        ),
        "join_conference",
        {
            "name": "n", "muted": False, "beep": "onEnter", "start_on_enter": True, "end_on_exit": False,
            "wait_url": "https://w", "max_participants": 3, "record": "r", "region": "us", "trim": "t", "coach": "C",
            "acl": "a", "status_callback": "https://s", "status_callback_event": "e",
            "status_callback_event_type": "relay", "status_callback_method": "POST",
            "recording_status_callback": "https://r", "recording_status_callback_event": "f",
            "recording_status_callback_event_type": "cxml", "recording_status_callback_method": "GET",
            "stream": {"url": "wss://e.com/x"},
        },
    ),
    "leave_conference": (lambda c: c.leave_conference("id"), "leave_conference", {"conference_id": "id"}),
    "hold": (lambda c: c.hold(), "hold", {}),
    "unhold": (lambda c: c.unhold(), "unhold", {}),
    "denoise": (lambda c: c.denoise(), "denoise", {}),
    "denoise_stop": (lambda c: c.denoise_stop(), "denoise.stop", {}),
    "transcribe": (
        lambda c: c.transcribe(status_url="https://s", **CTL),
        "transcribe",
        {**CTL, "status_url": "https://s"},
    ),
    "echo": (lambda c: c.echo(), "echo", {}),
    "echo full": (
        lambda c: c.echo(timeout=5, status_url="https://s"),
        "echo",
        {"timeout": 5, "status_url": "https://s"},
    ),
    "live_transcribe": (
        lambda c: c.live_transcribe({"start": {"lang": "en"}}),
        "live_transcribe",
        {"action": {"start": {"lang": "en"}}},
    ),
    "live_translate": (
        lambda c: c.live_translate({"start": {}}, status_url="https://s"),
        "live_translate",
        {"action": {"start": {}}, "status_url": "https://s"},
    ),
    "join_room": (
        lambda c: c.join_room("r", status_url="https://s", hagrid_json_api_url="https://h", hagrid_node_id="N"),
        "join_room",
        {"name": "r", "status_url": "https://s", "hagrid_json_api_url": "https://h", "hagrid_node_id": "N"},
    ),
    "leave_room": (lambda c: c.leave_room(), "leave_room", {}),
    "ai": (lambda c: c.ai(**CTL), "ai", CTL),
    "ai full": (
        lambda c: c.ai(
            agent="a", prompt={"text": "p"}, post_prompt={"text": "q"}, post_prompt_url="https://u",
            post_prompt_auth_user="u", post_prompt_auth_password="p", global_data={"a": 1}, pronounce=[{"x": "y"}],
            hints=["h"], languages=[{"code": "en"}], SWAIG={"functions": []}, ai_params={"k": 1}, **CTL,
        ),
        "ai",
        {
            **CTL, "agent": "a", "prompt": {"text": "p"}, "post_prompt": {"text": "q"}, "post_prompt_url": "https://u",
            "post_prompt_auth_user": "u", "post_prompt_auth_password": "p", "global_data": {"a": 1},
            "pronounce": [{"x": "y"}], "hints": ["h"], "languages": [{"code": "en"}], "SWAIG": {"functions": []},
            "params": {"k": 1},
        },
    ),
    "amazon_bedrock": (
        lambda c: c.amazon_bedrock(
            prompt={"text": "p"}, SWAIG={}, ai_params={"k": 1}, global_data={}, post_prompt={"text": "q"},
            post_prompt_url="https://u",
        ),
        "amazon_bedrock",
        {
            "prompt": {"text": "p"}, "SWAIG": {}, "params": {"k": 1}, "global_data": {}, "post_prompt": {"text": "q"},
            "post_prompt_url": "https://u",
        },
    ),
    "ai_message": (
        lambda c: c.ai_message(message_text="m", role="user", reset={"full_reset": True}, global_data={"a": 1}),
        "ai_message",
        {"message_text": "m", "role": "user", "reset": {"full_reset": True}, "global_data": {"a": 1}},
    ),
    "ai_hold": (lambda c: c.ai_hold(timeout="5", prompt="p"), "ai_hold", {"timeout": "5", "prompt": "p"}),
    "ai_unhold": (lambda c: c.ai_unhold(prompt="p"), "ai_unhold", {"prompt": "p"}),
    "user_event": (lambda c: c.user_event(event={"a": 1}), "user_event", {"event": {"a": 1}}),
    "queue_enter": (
        lambda c: c.queue_enter("q", wait_url="https://w", status_url="https://s", **CTL),
        "queue.enter",
        {**CTL, "queue_name": "q", "wait_url": "https://w", "status_url": "https://s"},
    ),
    "queue_leave": (
        lambda c: c.queue_leave("q", queue_id="Q", status_url="https://s", **CTL),
        "queue.leave",
        {**CTL, "queue_name": "q", "queue_id": "Q", "status_url": "https://s"},
    ),
    "play.pause": (lambda c: c.play([TTS], **CTL).pause(), "play.pause", CTL),
    "play.resume": (lambda c: c.play([TTS], **CTL).resume(), "play.resume", CTL),
    "play.stop": (lambda c: c.play([TTS], **CTL).stop(), "play.stop", CTL),
    "play.volume": (lambda c: c.play([TTS], **CTL).volume(-3), "play.volume", {**CTL, "volume": -3}),
    "record.pause": (lambda c: c.record(**CTL).pause(), "record.pause", CTL),
    "record.pause silence": (
        lambda c: c.record(**CTL).pause("silence"),
        "record.pause",
        {**CTL, "behavior": "silence"},
    ),
    "record.resume": (lambda c: c.record(**CTL).resume(), "record.resume", CTL),
    "record.stop": (lambda c: c.record(**CTL).stop(), "record.stop", CTL),
    "collect.stop": (lambda c: c.collect(**CTL).stop(), "collect.stop", CTL),
    "collect.start_input_timers": (lambda c: c.collect(**CTL).start_input_timers(), "collect.start_input_timers", CTL),
    "play_and_collect.stop": (lambda c: c.play_and_collect([TTS], {}, **CTL).stop(), "play_and_collect.stop", CTL),
    "play_and_collect.volume": (
        lambda c: c.play_and_collect([TTS], {}, **CTL).volume(3),
        "play_and_collect.volume",
        {**CTL, "volume": 3},
    ),
    "play_and_collect timers": (
        lambda c: c.play_and_collect([TTS], {}, **CTL).start_input_timers(),
        "collect.start_input_timers",
        CTL,
    ),
    "detect.stop": (lambda c: c.detect({}, **CTL).stop(), "detect.stop", CTL),
    "send_fax.stop": (lambda c: c.send_fax("https://d", **CTL).stop(), "send_fax.stop", CTL),
    "receive_fax.stop": (lambda c: c.receive_fax(**CTL).stop(), "receive_fax.stop", CTL),
    "tap.stop": (lambda c: c.tap(AUDIO, WS, **CTL).stop(), "tap.stop", CTL),
    "stream.stop": (lambda c: c.stream("wss://e.com/x", **CTL).stop(), "stream.stop", CTL),
    "pay.stop": (lambda c: c.pay("https://p", **CTL).stop(), "pay.stop", CTL),
    "transcribe.stop": (lambda c: c.transcribe(**CTL).stop(), "transcribe.stop", CTL),
    "ai.stop": (lambda c: c.ai(**CTL).stop(), "ai.stop", CTL),
}  # fmt: skip

# Wire methods that are the client's and not a call's.
OF_THE_CLIENT = {"calling.dial", "calling.begin", "calling.receive", "calling.call"}
METHODS = Path(__file__).parents[1] / "data" / "relay_methods.json"


@pytest.mark.parametrize("name", FRAMES)
def test_the_frame_of(name):
    """The verb sends exactly this, and only this beyond what had to come before it."""
    use, method, params = FRAMES[name]
    call = make_call()

    use(call)

    assert (f"calling.{method}", params) == call.session.last
    json.dumps(params)


@pytest.mark.parametrize(
    ("use", "media"),
    [
        (
            lambda c: c.play_tts("hi", language="en-US", gender="male", voice="v", volume=1),
            {"type": "tts", "params": {"text": "hi", "language": "en-US", "gender": "male", "voice": "v"}},
        ),
        (
            lambda c: c.play_audio("https://a/b.mp3", volume=1),
            {"type": "audio", "params": {"url": "https://a/b.mp3"}},
        ),
        (lambda c: c.play_silence(2.5), {"type": "silence", "params": {"duration": 2.5}}),
        (
            lambda c: c.play_ringtone("us", duration=3, volume=1),
            {"type": "ringtone", "params": {"name": "us", "duration": 3}},
        ),
        (
            lambda c: c.prompt_tts("hi", {"digits": {}}, voice="v"),
            {"type": "tts", "params": {"text": "hi", "voice": "v"}},
        ),
        (
            lambda c: c.prompt_audio("https://a/b.mp3", {"digits": {}}),
            {"type": "audio", "params": {"url": "https://a/b.mp3"}},
        ),
        (
            lambda c: c.prompt_ringtone("us", {"digits": {}}, duration=3),
            {"type": "ringtone", "params": {"name": "us", "duration": 3}},
        ),
    ],
)
def test_the_typed_forms_of_play_and_prompt(use, media):
    """They build the media that play and play_and_collect send."""
    call = make_call()

    use(call)

    assert [media] == call.session.last[1]["play"]


@pytest.mark.parametrize(
    ("use", "detect"),
    [
        (lambda c: c.detect_digit(), {"type": "digit", "params": {}}),
        (lambda c: c.detect_digit(digits="12"), {"type": "digit", "params": {"digits": "12"}}),
        (lambda c: c.detect_fax(tone="CED"), {"type": "fax", "params": {"tone": "CED"}}),
        (lambda c: c.detect_answering_machine(), {"type": "machine", "params": {}}),
        (
            lambda c: c.detect_answering_machine(
                initial_timeout=4.5, end_silence_timeout=1, machine_ready_timeout=9, machine_voice_threshold=1.25,
                machine_words_threshold=6, detect_interruptions=False, detect_message_end=True,
            ),
            {"type": "machine", "params": {
                "initial_timeout": 4.5, "end_silence_timeout": 1, "machine_ready_timeout": 9,
                "machine_voice_threshold": 1.25, "machine_words_threshold": 6, "detect_interruptions": False,
                "detect_message_end": True,
            }},
        ),
    ],
)  # fmt: skip
def test_the_typed_forms_of_detect(use, detect):
    """They build the object that detect sends."""
    call = make_call()

    use(call)

    assert detect == call.session.last[1]["detect"]


def test_an_action_without_a_name_is_given_one():
    """control_id is made where none was passed, a new one each time."""
    call = make_call()

    first, second = call.play_tts("a"), call.play_tts("b")

    assert [first.control_id, second.control_id] == [params["control_id"] for _, params in call.session.sent]
    assert 36 == len(first.control_id)
    assert first.control_id != second.control_id


def test_every_method_of_the_wire_is_sent_by_somebody():
    """No method of RELAY was forgotten, and no parameter of one either."""
    methods = json.loads(METHODS.read_text())
    sent: dict[str, set[str]] = {}
    for use, _, _ in FRAMES.values():
        call = make_call()
        use(call)
        for method, params in call.session.sent:
            sent.setdefault(method, {"node_id", "call_id"}).update(params)

    known = {name for name in methods if name.startswith("calling.")} - OF_THE_CLIENT

    assert set() == known - set(sent)
    assert {} == {name: missing for name in known if (missing := set(methods[name]["params"]) - sent[name])}
