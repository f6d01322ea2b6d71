"""Conferences and rooms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swsync.calling._base import Verbs
from swsync.calling.media_address import check_stream_url

__all__ = ["ConferenceVerbs"]


class ConferenceVerbs(Verbs):
    """The verbs that join and leave conferences and rooms."""

    def join_conference(
        self,
        name: str,
        *,
        muted: bool | None = None,
        beep: str | None = None,
        start_on_enter: bool | None = None,
        end_on_exit: bool | None = None,
        wait_url: str | None = None,
        max_participants: int | None = None,
        record: str | None = None,
        region: str | None = None,
        trim: str | None = None,
        coach: str | None = None,
        acl: str | None = None,
        status_callback: str | None = None,
        status_callback_event: str | None = None,
        status_callback_event_type: str | None = None,
        status_callback_method: str | None = None,
        recording_status_callback: str | None = None,
        recording_status_callback_event: str | None = None,
        recording_status_callback_event_type: str | None = None,
        recording_status_callback_method: str | None = None,
        stream_obj: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Put the call into a conference, which is made when it is the first.

        Args:
            name: The conference.
            muted: Whether the party is heard.
            beep: ``true``, ``false``, ``onEnter`` or ``onExit``.
            start_on_enter: Whether the conference begins with this party; true.
            end_on_exit: Whether it ends with this party.
            wait_url: What is played until it begins.
            max_participants: At most 250.
            record: Such as ``record-from-start``.
            region: Where it is mixed.
            trim: Such as ``trim-silence``.
            coach: The call id of the party that alone hears this one.
            acl: Who may join.
            status_callback: A webhook for its events.
            status_callback_event: Which events.
            status_callback_event_type: ``relay`` or ``cxml``.
            status_callback_method: GET or POST.
            recording_status_callback: A webhook for its recording.
            recording_status_callback_event: Which events.
            recording_status_callback_event_type: ``relay`` or ``cxml``.
            recording_status_callback_method: GET or POST.
            stream_obj: The wire's ``stream``: a two-way media WebSocket that joins as well.

        Returns:
            RELAY's reply, with ``conference_id``.

        Raises:
            ConfigurationError: A stream's address that SignalWire could not reach.
        """
        if stream_obj is not None and "url" in stream_obj:
            check_stream_url(str(stream_obj["url"]), self.session.is_local_host)
        with self._handing_to("join_conference"):
            return self.request("join_conference", name=name, muted=muted, beep=beep, start_on_enter=start_on_enter,
                                end_on_exit=end_on_exit, wait_url=wait_url, max_participants=max_participants,
                                record=record, region=region, trim=trim, coach=coach, acl=acl,
                                status_callback=status_callback, status_callback_event=status_callback_event,
                                status_callback_event_type=status_callback_event_type,
                                status_callback_method=status_callback_method,
                                recording_status_callback=recording_status_callback,
                                recording_status_callback_event=recording_status_callback_event,
                                recording_status_callback_event_type=recording_status_callback_event_type,
                                recording_status_callback_method=recording_status_callback_method,
                                stream=stream_obj)  # fmt: skip

    def leave_conference(self, conference_id: str) -> dict[str, Any]:
        """Take the call out of a conference.

        Args:
            conference_id: As the reply to ``join_conference`` gave it.
        """
        reply = self.request("leave_conference", conference_id=conference_id)
        self._take_back("join_conference")
        return reply

    def join_room(
        self,
        name: str,
        *,
        status_url: str | None = None,
        hagrid_json_api_url: str | None = None,
        hagrid_node_id: str | None = None,
    ) -> dict[str, Any]:
        """Put the call into a video room.

        Args:
            name: The room.
            status_url: A webhook for its states.
            hagrid_json_api_url: A field of the server's schema that no page explains.
            hagrid_node_id: Another.
        """
        with self._handing_to("join_room"):
            return self.request("join_room", name=name, status_url=status_url,
                                hagrid_json_api_url=hagrid_json_api_url, hagrid_node_id=hagrid_node_id)  # fmt: skip

    def leave_room(self) -> dict[str, Any]:
        """Take the call out of its room."""
        reply = self.request("leave_room")
        self._take_back("join_room")
        return reply
