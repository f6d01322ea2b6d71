"""The official SDK's constants under their official names, as plain strings. ``swsync.states`` has them as enums."""

from __future__ import annotations

from swsync.states import (
    CallState,
    ConnectState,
    DetectType,
    EndReason,
    MessageState,
    PlayState,
    RecordState,
    RoomState,
)

METHOD_SIGNALWIRE_CONNECT = "signalwire.connect"
METHOD_SIGNALWIRE_EVENT = "signalwire.event"
METHOD_SIGNALWIRE_PING = "signalwire.ping"
METHOD_SIGNALWIRE_DISCONNECT = "signalwire.disconnect"
METHOD_SIGNALWIRE_RECEIVE = "signalwire.receive"
METHOD_SIGNALWIRE_UNRECEIVE = "signalwire.unreceive"

EVENT_AUTHORIZATION_STATE = "signalwire.authorization.state"

CALL_STATE_CREATED = CallState.CREATED.value
CALL_STATE_RINGING = CallState.RINGING.value
CALL_STATE_ANSWERED = CallState.ANSWERED.value
CALL_STATE_ENDING = CallState.ENDING.value
CALL_STATE_ENDED = CallState.ENDED.value
CALL_STATES = tuple(state.value for state in CallState)

END_REASON_HANGUP = EndReason.HANGUP.value
END_REASON_CANCEL = EndReason.CANCEL.value
END_REASON_BUSY = EndReason.BUSY.value
END_REASON_NO_ANSWER = EndReason.NO_ANSWER.value
END_REASON_DECLINE = EndReason.DECLINE.value
END_REASON_ERROR = EndReason.ERROR.value
END_REASON_ABANDONED = EndReason.ABANDONED.value
END_REASON_MAX_DURATION = EndReason.MAX_DURATION.value
END_REASON_NOT_FOUND = EndReason.NOT_FOUND.value

CONNECT_STATE_CONNECTING = ConnectState.CONNECTING.value
CONNECT_STATE_CONNECTED = ConnectState.CONNECTED.value
CONNECT_STATE_DISCONNECTED = ConnectState.DISCONNECTED.value
CONNECT_STATE_FAILED = ConnectState.FAILED.value

EVENT_CALL_STATE = "calling.call.state"
EVENT_CALL_RECEIVE = "calling.call.receive"
EVENT_CALL_CONNECT = "calling.call.connect"
EVENT_CALL_PLAY = "calling.call.play"
EVENT_CALL_COLLECT = "calling.call.collect"
EVENT_CALL_RECORD = "calling.call.record"
EVENT_CALL_DETECT = "calling.call.detect"
EVENT_CALL_FAX = "calling.call.fax"
EVENT_CALL_TAP = "calling.call.tap"
EVENT_CALL_SEND_DIGITS = "calling.call.send_digits"
EVENT_CALL_DIAL = "calling.call.dial"
EVENT_CALL_REFER = "calling.call.refer"
EVENT_CALL_DENOISE = "calling.call.denoise"
EVENT_CALL_PAY = "calling.call.pay"
EVENT_CALL_QUEUE = "calling.call.queue"
EVENT_CALL_STREAM = "calling.call.stream"
EVENT_CALL_ECHO = "calling.call.echo"
EVENT_CALL_TRANSCRIBE = "calling.call.transcribe"
EVENT_CONFERENCE = "calling.conference"
EVENT_CALLING_ERROR = "calling.error"
EVENT_MESSAGING_RECEIVE = "messaging.receive"
EVENT_MESSAGING_STATE = "messaging.state"

MESSAGE_STATE_QUEUED = MessageState.QUEUED.value
MESSAGE_STATE_INITIATED = MessageState.INITIATED.value
MESSAGE_STATE_SENT = MessageState.SENT.value
MESSAGE_STATE_DELIVERED = MessageState.DELIVERED.value
MESSAGE_STATE_UNDELIVERED = MessageState.UNDELIVERED.value
MESSAGE_STATE_FAILED = MessageState.FAILED.value
MESSAGE_STATE_RECEIVED = MessageState.RECEIVED.value
MESSAGE_TERMINAL_STATES = (MESSAGE_STATE_DELIVERED, MESSAGE_STATE_UNDELIVERED, MESSAGE_STATE_FAILED)

PLAY_STATE_PLAYING = PlayState.PLAYING.value
PLAY_STATE_PAUSED = PlayState.PAUSED.value
PLAY_STATE_FINISHED = PlayState.FINISHED.value
PLAY_STATE_ERROR = PlayState.ERROR.value

RECORD_STATE_RECORDING = RecordState.RECORDING.value
RECORD_STATE_PAUSED = RecordState.PAUSED.value
RECORD_STATE_FINISHED = RecordState.FINISHED.value
RECORD_STATE_NO_INPUT = RecordState.NO_INPUT.value

DETECT_TYPE_MACHINE = DetectType.MACHINE.value
DETECT_TYPE_FAX = DetectType.FAX.value
DETECT_TYPE_DIGIT = DetectType.DIGIT.value

ROOM_STATE_JOINING = RoomState.JOINING.value
ROOM_STATE_JOIN = RoomState.JOIN.value
ROOM_STATE_LEAVING = RoomState.LEAVING.value
ROOM_STATE_LEAVE = RoomState.LEAVE.value

DEFAULT_RELAY_HOST = "relay.signalwire.com"

__all__ = sorted(name for name in dir() if name.isupper())  # noqa: PLE0605 -- every constant, and nothing else
