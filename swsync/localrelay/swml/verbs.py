"""What each verb of SWML does on a call, by the relay's own verbs and with the same checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..session import Failed
from .script import Script, Seconds, Steps, Until
from .values import Variables, devices_of, media_of

if TYPE_CHECKING:
    from ..call import LocalCall
    from ..core import Core

__all__ = ["Verbs"]

ANSWER_SECONDS = 14_400
RECORDS = ("stereo", "direction", "terminators", "beep", "input_sensitivity", "initial_timeout", "end_silence_timeout")
RECORD = {"direction": "speak", "terminators": "#", "initial_timeout": 4, "end_silence_timeout": 5}
RECORD_CALL = {"direction": "both", "terminators": "", "initial_timeout": 0, "end_silence_timeout": 0}
PTIME = 20


class Verbs:
    """The verbs that do something on one call; each is a generator named after its verb.

    Args:
        core: The relay.
        call: The call.
        script: Whose generator this is.
        params: The variables ``params``.
    """

    def __init__(self, core: Core, call: LocalCall, script: Script, params: dict[str, Any] | None = None) -> None:
        self.core = core
        self.call = call
        self.script = script
        self.variables = Variables(call, params)

    def _do(self, method: str, **params: Any) -> dict[str, Any]:
        given = {name: value for name, value in params.items() if value is not None}
        return self.script.perform(method, **given)

    def _set_vars(self, **values: Any) -> None:
        self.variables.vars.update(values)

    def _control_id(self, value: dict[str, Any]) -> str:
        return str(value.get("control_id") or self.core.new_id())

    @staticmethod
    def _until(event: str, control_id: str, *states: str) -> Until:
        return Until(
            lambda kind, p: kind == event and p.get("control_id", "") == control_id and p.get("state") in states
        )

    # The life of the call

    def _answer(self, value: dict[str, Any]) -> Steps:
        if self.call.answered_at is None:
            self.core.offers.pop(self.call.call_id, None)
            self.call.max_duration = float(value.get("max_duration", ANSWER_SECONDS))
            self.call.answer()
        yield Seconds(0)

    def _hangup(self, value: dict[str, Any]) -> Steps:
        self.call.end(value.get("reason", "hangup"))
        yield Seconds(0)

    def _sleep(self, value: Any) -> Steps:
        seconds = float(value["duration"] if isinstance(value, dict) else value)
        yield Seconds(None if seconds < 0 else seconds)

    def _connect(self, value: dict[str, Any]) -> Steps:
        device = self.call.device.get("params", {})
        default_from = device.get("from_number") or device.get("from") or ""
        seconds = value.get("max_duration")
        self._do(
            "calling.connect",
            devices=devices_of(value, default_from),
            max_duration=None if seconds is None else -(-int(seconds) // 60),
            status_url=value.get("status_url"),
        )
        ended = yield Until(
            lambda kind, p: (
                kind == "calling.call.connect"
                and p.get("call_id") == self.call.call_id
                and p.get("connect_state") in ("disconnected", "failed")
            )
        )
        self._set_vars(connect_result="connected" if ended["connect_state"] == "disconnected" else "failed")
        self._set_vars(connect_failed_reason=ended.get("failed_reason", ""))

    def _denoise(self, value: dict[str, Any]) -> Steps:
        self._do("calling.denoise")
        yield Seconds(0)

    def _stop_denoise(self, value: dict[str, Any]) -> Steps:
        self._do("calling.denoise.stop")
        yield Seconds(0)

    def _user_event(self, value: dict[str, Any]) -> Steps:
        self._do("calling.user_event", event=value["event"])
        yield Seconds(0)

    # Playing and asking

    def _play(self, value: dict[str, Any]) -> Steps:
        if self.call.answered_at is None and value.get("auto_answer", True):
            yield from self._answer({})
        urls = value["urls"] if "urls" in value else [value["url"]]
        control_id = self.core.new_id()
        self._do(
            "calling.play", control_id=control_id, play=media_of(urls, value),
            volume=value.get("volume"), status_url=value.get("status_url"),
        )  # fmt: skip
        done = yield self._until("calling.call.play", control_id, "finished", "error")
        self._set_vars(play_result="success" if done["state"] == "finished" else "failed")

    def _prompt(self, value: dict[str, Any]) -> Steps:
        if self.call.answered_at is None:
            yield from self._answer({})
        control_id = self.core.new_id()
        urls = value["play"] if isinstance(value["play"], list) else [value["play"]]
        self._do(
            "calling.play_and_collect", control_id=control_id, play=media_of(urls, value), collect=_asked(value),
            volume=value.get("volume"), status_url=value.get("status_url"),
        )  # fmt: skip
        done = yield self._until("calling.call.collect", control_id, "finished", "error")
        result = done.get("result", {})
        said = result.get("params", {})
        self._set_vars(
            prompt_result={"digit": "match_digits", "speech": "match_speech"}.get(result.get("type"), "no_input"),
            prompt_value=said.get("digits") or said.get("text") or "",
            prompt_digit_terminator=said.get("terminator", ""),
        )

    def _send_digits(self, value: dict[str, Any]) -> Steps:
        control_id = self.core.new_id()
        self._do("calling.send_digits", control_id=control_id, digits=value["digits"])
        yield self._until("calling.call.send_digits", control_id, "finished")

    # Recordings and copies of the audio

    def _start_recording(self, value: dict[str, Any], control_id: str, defaults: dict[str, Any]) -> Any:
        audio = {**defaults, **{name: value[name] for name in RECORDS if name in value}}
        if value.get("format", "wav") != "wav":
            self.core.note(f"swml: a WAV is made: the local relay has no {value['format']}")
        audio["format"] = "wav"
        began = self._do(
            "calling.record", control_id=control_id, record={"audio": audio}, status_url=value.get("status_url")
        )
        if value.get("max_length"):
            action = self.call.actions["record", control_id]
            self.core.loop.call_later(float(value["max_length"]), action.finish)
        return began["url"]

    def _record(self, value: dict[str, Any]) -> Steps:
        control_id = self.core.new_id()
        url = self._start_recording(value, control_id, RECORD)
        done = yield self._until("calling.call.record", control_id, "finished", "no_input")
        self._set_vars(record_url=url, record_result="success" if done["state"] == "finished" else "no_input")

    def _record_call(self, value: dict[str, Any]) -> Steps:
        control_id = self._control_id(value)
        url = self._start_recording(value, control_id, RECORD_CALL)
        self._set_vars(record_call_url=url, record_control_id=control_id)
        yield Seconds(0)

    def _stop(self, method: str, value: dict[str, Any], kind: str) -> Steps:
        running = (control_id for its_kind, control_id in reversed(self.call.actions) if its_kind == kind)
        control_id = value.get("control_id") or next(running, "")
        if not control_id:
            raise Failed("404", f"no {kind} is running")
        self._do(method, control_id=control_id)
        yield Seconds(0)

    def _stop_record_call(self, value: dict[str, Any]) -> Steps:
        return self._stop("calling.record.stop", value, "record")

    def _tap(self, value: dict[str, Any]) -> Steps:
        control_id = self._control_id(value)
        about = {"type": "audio", "params": {"direction": value.get("direction", "speak")}}
        codec, uri = value.get("codec", "PCMU"), value["uri"]
        device: dict[str, Any] = {"type": "ws", "params": {"uri": uri, "codec": codec}}
        if uri.startswith("rtp://"):
            address, _, port = uri.removeprefix("rtp://").rstrip("/").rpartition(":")
            ptime = int(value.get("rtp_ptime", PTIME))
            device = {"type": "rtp", "params": {"addr": address, "port": port, "codec": codec, "ptime": ptime}}
        began = self._do(
            "calling.tap", control_id=control_id, tap=about, device=device, status_url=value.get("status_url")
        )
        source = began["source_device"]["params"]
        self._set_vars(
            tap_uri=uri, tap_control_id=control_id, tap_codec=codec, tap_rate=source["rate"],
            tap_rtp_src_addr=source.get("addr", ""), tap_rtp_src_port=source.get("port", ""),
            tap_ptime=source.get("ptime", PTIME),
        )  # fmt: skip
        yield Seconds(0)

    def _stop_tap(self, value: dict[str, Any]) -> Steps:
        return self._stop("calling.tap.stop", value, "tap")

    def _stream(self, value: dict[str, Any]) -> Steps:
        control_id = self._control_id(value)
        self._do("calling.stream", **{**value, "control_id": control_id})
        self._set_vars(stream_control_id=control_id, stream_url=value["url"])
        yield Seconds(0)

    def _stop_stream(self, value: dict[str, Any]) -> Steps:
        return self._stop("calling.stream.stop", value, "stream")

    def _ai(self, value: dict[str, Any]) -> Steps:
        """An agent is on the call until it is stopped or leaves: ``LocalCall.call_function`` speaks for its model."""
        control_id = self.core.new_id()
        known = ("SWAIG", "prompt", "post_prompt", "post_prompt_url", "params", "global_data", "hints", "languages")
        self._do("calling.ai", control_id=control_id, **{name: value[name] for name in known if name in value})
        yield self._until("ai", control_id, "finished")


def _asked(value: dict[str, Any]) -> dict[str, Any]:
    """Return what a prompt collects: digits unless it names what concerns speech alone."""
    collect: dict[str, Any] = {"initial_timeout": value.get("initial_timeout", 5)}
    speech = {
        new: value[old]
        for old, new in (
            ("speech_timeout", "speech_timeout"), ("speech_end_timeout", "end_silence_timeout"),
            ("speech_language", "language"), ("speech_hints", "hints"), ("speech_engine", "engine"),
        )
        if old in value
    }  # fmt: skip
    if not speech or "max_digits" in value or "terminators" in value:
        digits = {"max": value.get("max_digits", 1), "digit_timeout": value.get("digit_timeout", 5)}
        collect["digits"] = {**digits, "terminators": value.get("terminators", "")}
    if speech:
        collect["speech"] = speech
    return collect
