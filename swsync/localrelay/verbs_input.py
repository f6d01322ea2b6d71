"""The verbs that wait for what the party does: collect, play_and_collect, detect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import schema
from .collecting import CollectAction, Prompt, check_collect
from .detecting import DetectAction, check_detect
from .playback import check_media, check_volume
from .requests import Params, Requests, Result, Verb

if TYPE_CHECKING:
    from .session import Session

__all__ = ["InputVerbs"]


class InputVerbs(Requests):
    """Collecting and detecting."""

    def table(self) -> dict[str, Verb]:
        return {
            "calling.collect": self.collect,
            "calling.collect.stop": self.stop("collect"),
            "calling.collect.start_input_timers": self.start_input_timers,
            "calling.play_and_collect": self.play_and_collect,
            "calling.play_and_collect.stop": self.stop("play_and_collect"),
            "calling.play_and_collect.volume": self.volume,
            "calling.detect": self.detect,
            "calling.detect.stop": self.stop("detect"),
        }

    def collect(self, session: Session, params: Params) -> Result:
        check_collect(params)
        call = self.new_action(session, params, "collect")
        self.after(CollectAction(self.core, call, params, params).begin)
        return self.accepted(params, "Collecting")

    def start_input_timers(self, session: Session, params: Params) -> Result:
        self.after(self.action(session, params, "collect", CollectAction).start_timers)
        return self.accepted(params, "Input timers started")

    def play_and_collect(self, session: Session, params: Params) -> Result:
        check_media(self.core, params["play"])
        check_volume(params)
        check_collect(params["collect"], "collect")
        call = self.new_action(session, params, "play_and_collect")
        collect = CollectAction(self.core, call, params, params["collect"], "play_and_collect")
        Prompt(self.core, call, params, collect)
        return self.accepted(params, "Playing and collecting")

    def volume(self, session: Session, params: Params) -> Result:
        check_volume(params)
        prompt = self.action(session, params, "play_and_collect", CollectAction).prompt
        if prompt is not None:
            prompt.set_volume(float(params["volume"]))
        return self.accepted(params, "Volume set")

    def detect(self, session: Session, params: Params) -> Result:
        check_detect(params["detect"])
        if schema.need(params, "timeout", "number", default=0) < 0:
            raise schema.refuse("timeout", "must not be negative")
        call = self.new_action(session, params, "detect")
        self.after(DetectAction(self.core, call, params).begin)
        return self.accepted(params, "Detecting")
