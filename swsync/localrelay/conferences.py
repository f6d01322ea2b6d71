"""``calling.join_conference`` and ``join_room``: parties that all hear each other, mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import schema
from .action import Action
from .audio import Sound
from .call import LocalCall
from .live import Mix
from .requests import Params, Requests, Result, Verb
from .session import Failed
from .sound import tone

if TYPE_CHECKING:
    from .core import Core
    from .session import Session

__all__ = ["Conference", "ConferenceVerbs", "Room"]

MAX_PARTICIPANTS = 250
BEEPS = ("true", "false", "onEnter", "onExit")
NOT_SIMULATED = ("wait_url", "stream", "coach")


class Conference:
    """One conference of a project. Its parties hear each other once somebody is in who may start it."""

    def __init__(self, core: Core, project: str, name: str) -> None:
        self._core = core
        self._project = project
        self.conference_id = core.new_id()
        self.name = name
        self.members: list[ConferenceAction] = []
        self._mix = Mix()
        self._is_started = False

    def enter(self, member: ConferenceAction) -> None:
        """Let somebody in."""
        self.members.append(member)
        if self._is_started:
            self._mix.add(member.call, is_muted=member.is_muted)
        elif member.starts:
            self._is_started = True
            for each in self.members:
                self._mix.add(each.call, is_muted=each.is_muted)
            self.tell("conference-start")
        self.tell("participant-join", member.call)
        self._beep(member, "onEnter")

    def leave(self, member: ConferenceAction) -> None:
        """Let somebody out; the conference ends with its last party, or with one that ends it."""
        if member not in self.members:  # its call ended before it was answered
            self._forget_if_empty()
            return
        self._mix.remove(member.call)
        self.tell("participant-leave", member.call, size=len(self.members) - 1)
        self.members.remove(member)
        self._beep(member, "onExit")
        if member.ends:
            for other in list(self.members):
                self._core.loop.call_soon(other.finish)
        if not self.members:
            self.tell("conference-end", to=member)
        self._forget_if_empty()

    def _forget_if_empty(self) -> None:
        key = (self._project, self.name)
        if not self.members and self._core.conferences.get(key) is self:
            del self._core.conferences[key]

    def _beep(self, member: ConferenceAction, when: str) -> None:
        if member.beep in ("true", when) and self._is_started:
            for each in self.members:
                if each.call.answered_at is not None:
                    each.call.sound(Sound([tone(800.0, 800.0, 0.2, 2000.0)]), "heard")

    def tell(
        self, status: str, call: LocalCall | None = None, *, size: int | None = None, to: ConferenceAction | None = None
    ) -> None:
        """Tell the clients of every party, and their webhooks."""
        members = [to] if to is not None else self.members
        params: dict[str, Any] = {
            "conference_id": self.conference_id,
            "name": self.name,
            "status": status,
            "size": len(self.members) if size is None else size,
        }
        if call is not None:
            params |= {"call_id": call.call_id, "node_id": call.node_id}
        told: dict[str, Any] = {}
        for session in {id(m.call.session): m.call.session for m in members}.values():
            if session is not None:
                told = session.event("calling.conference", params)
        for url, method in dict.fromkeys(m.callback for m in members if m.callback[0]):
            self._core.webhooks.post(url, told, method)


class ConferenceAction(Action):
    """One party in a conference; it tells of itself through the conference."""

    kind = "conference"

    def __init__(self, conference: Conference, call: LocalCall, params: Params) -> None:
        super().__init__(call, conference.conference_id)
        self.conference = conference
        self.is_muted = bool(params.get("muted"))
        self.starts = params.get("start_on_enter") is not False
        self.ends = bool(params.get("end_on_exit"))
        self.beep = params.get("beep") or "true"
        self.callback = (params.get("status_callback") or "", params.get("status_callback_method") or "POST")
        self._is_in = False

    def begin(self) -> None:
        if not self._is_in and self.call.answered_at is not None and not self.is_finished:
            self._is_in = True
            self.conference.enter(self)

    def tell(self, state: str, **fields: Any) -> None:
        pass

    def release(self) -> None:
        self.conference.leave(self)


class Room:
    """One room of a project: audio only, and no events."""

    def __init__(self, core: Core, project: str, name: str) -> None:
        self._core = core
        self._key = (project, name)
        self._mix = Mix()

    def enter(self, call: LocalCall) -> None:
        self._mix.add(call)

    def leave(self, call: LocalCall) -> None:
        self._mix.remove(call)
        if not self._mix.members:
            self._core.rooms.pop(self._key, None)


class RoomAction(Action):
    """One party in a room."""

    kind = "room"

    def __init__(self, room: Room, call: LocalCall) -> None:
        super().__init__(call, "")
        self._room = room
        self._is_in = False

    def begin(self) -> None:
        if not self._is_in and self.call.answered_at is not None and not self.is_finished:
            self._is_in = True
            self._room.enter(self.call)

    def tell(self, state: str, **fields: Any) -> None:
        pass

    def release(self) -> None:
        self._room.leave(self.call)


class ConferenceVerbs(Requests):
    """Conferences and rooms."""

    def table(self) -> dict[str, Verb]:
        return {
            "calling.join_conference": self.join_conference,
            "calling.leave_conference": self.leave_conference,
            "calling.join_room": self.join_room,
            "calling.leave_room": self.leave_room,
        }

    def join_conference(self, session: Session, params: Params) -> Result:
        name = self._name(params)
        schema.word(params, "beep", BEEPS, default="true")
        for field in ("status_callback_method", "recording_status_callback_method"):
            schema.word(params, field, ("GET", "POST"), default="POST")
        for field in ("status_callback_event_type", "recording_status_callback_event_type"):
            schema.word(params, field, ("relay", "cxml"), default="relay")
        limit = MAX_PARTICIPANTS if params.get("max_participants") is None else params["max_participants"]
        if not 2 <= limit <= MAX_PARTICIPANTS:
            raise schema.refuse("max_participants", f"must be from 2 to {MAX_PARTICIPANTS}")
        call = self.call_of(session, params)
        if any(kind == "conference" for kind, _ in call.actions):
            raise Failed("409", "Conflict: the call is in a conference already")
        key = (session.project, name)
        conference = self.core.conferences.get(key)
        if conference is None:
            conference = self.core.conferences[key] = Conference(self.core, *key)
        if len(conference.members) >= limit:
            raise Failed("409", f"Conflict: the conference has {limit} participants")
        for field in NOT_SIMULATED:
            if params.get(field):
                self.core.note(f"join_conference: {field} is not simulated by the local relay")
        if params.get("record") not in (None, "", "do-not-record"):
            self.core.note("join_conference: record is not simulated by the local relay; record a call of it")
        self.after(ConferenceAction(conference, call, params).begin)
        return self.accepted(params, "Joining conference", conference_id=conference.conference_id)

    def leave_conference(self, session: Session, params: Params) -> Result:
        call = self.call_of(session, params)
        action = call.actions.get(("conference", params["conference_id"]))
        if action is None:
            raise Failed("409", "Conflict: the call is not in that conference")
        self.after(action.finish)
        return self.accepted(params, "Leaving conference")

    def join_room(self, session: Session, params: Params) -> Result:
        name = self._name(params)
        call = self.call_of(session, params)
        if ("room", "") in call.actions:
            raise Failed("409", "Conflict: the call is in a room already")
        key = (session.project, name)
        room = self.core.rooms.get(key)
        if room is None:
            room = self.core.rooms[key] = Room(self.core, *key)
        self.after(RoomAction(room, call).begin)
        return self.accepted(params, "Joining room")

    def leave_room(self, session: Session, params: Params) -> Result:
        action = self.call_of(session, params).actions.get(("room", ""))
        if action is None:
            raise Failed("409", "Conflict: the call is in no room")
        self.after(action.finish)
        return self.accepted(params, "Leaving room")

    @staticmethod
    def _name(params: Params) -> str:
        name: str = params["name"]
        if not name.strip():
            raise schema.refuse("name", "must not be empty")
        return name
