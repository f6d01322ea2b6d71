"""What is meant to differ between swsync and the official SDK, and why. Whatever is not in here must be the same."""

from __future__ import annotations

__all__ = [
    "ATTRIBUTES", "CONNECT", "CONSTANTS", "METHODS", "NOT_DRIVEN", "NO_WORD_FOR", "OUTCOMES", "PARAMETERS", "RETURNS",
    "SILENT", "VALUES",
]  # fmt: skip

# Frames.

CONNECT = {"agent": "each client says what it is"}
"""Params of ``signalwire.connect``."""

NOT_DRIVEN = {
    "calling.begin": "deprecated, and the official client has no method for it; RelayClient.begin() sends it",
    "calling.receive": "the older form of signalwire.receive; no method of either client sends it",
    "signalwire.disconnect": "the server's word",
    "signalwire.execute": "an older wrapping that neither client sends",
    "signalwire.ping": "both send it when the link has been quiet for a while, not because of anything a user does",
    "signalwire.reauthenticate": "for browsers, whose tokens run out; neither client sends it",
}
"""Wire methods that no use can send."""

NO_WORD_FOR = {
    ("calling.collect", "continue"): "continue_ here, since Python keeps the word; the official collect() has no name",
    ("calling.dial", "max_price_per_minute"): "the official dial() does not take it; here it does",
    ("calling.dial", "region"): "the same",
}
"""(wire method, parameter) that the official SDK cannot be given by an argument's name."""

OUTCOMES = {
    "connect": "a handle in place of the reply (its .reply), so that one can wait for the peer",
    "send_digits": "a handle in place of the reply (its .reply), so that one can wait until the digits are out",
}
"""Methods that return something else."""

VALUES = {
    ("Call", "context"): "the context that the call came in on; the official SDK has the session's protocol there"
}
"""(class, attribute) with another value."""

# Names and signatures.

_OF_AGENTS = (
    "add_dynamic_hints", "change_voice", "clear_dynamic_hints", "connect", "enable_extensive_data",
    "enable_functions_on_timeout", "execute_rpc", "hold", "join_conference", "join_room", "pay", "play_background_file",
    "record_call", "remove_global_data", "remove_metadata", "replace_in_history", "rpc_ai_global_data",
    "rpc_ai_message",
    "rpc_ai_unhold", "rpc_dial", "say", "send_sms", "set_end_of_speech_timeout", "set_metadata", "set_semantic_state",
    "set_speech_event_timeout", "simulate_user_input", "sip_refer", "stop", "stop_background_file", "stop_record_call",
    "switch_context", "swml_change_context", "swml_change_step", "swml_transfer", "swml_user_event", "toggle_functions",
    "update_global_data", "update_settings", "wait_for_user", "create_payment_action", "create_payment_parameter",
    "create_payment_prompt",
)  # fmt: skip

METHODS = {
    ("CollectAction", "pause"): "calling.play_and_collect.pause does not exist",
    ("CollectAction", "resume"): "calling.play_and_collect.resume does not exist",
    **{
        (
            "FunctionResult",
            name,
        ): "of agents, which swsync is not for: add_action(name, data) and execute_swml() say all"
        for name in _OF_AGENTS
    },
}
"""(class, method) that swsync has not: the wire has not, or it is not for what swsync is."""

PARAMETERS = {
    ("PlayAction", "pause", "behavior"): "only calling.record.pause has it on the wire",
    ("Call", "tap", "tap"): "optional, because the Node form gives audio= in its place",
    ("Call", "tap", "device"): "optional for the same reason; None is a TypeError",
    ("Call", "on", "handler"): "optional: without it, on() is a decorator",
    ("RelayClient", "on_call", "handler"): "optional: on_call(contexts=...) is a decorator",
    ("Message", "__init__", "session"): "first and required; the client makes messages, not the user",
}
"""(class, method, parameter) that is another one here."""

RETURNS = {
    ("Action", "wait"): "the event class of the action; each is a RelayEvent",
    ("Call", "connect"): OUTCOMES["connect"],
    ("Call", "send_digits"): OUTCOMES["send_digits"],
    ("Call", "on"): "a function that takes the listener away again",
    ("Message", "on"): "a function that takes the listener away again",
    ("Call", "wait_for_answered"): "CallStateEvent, which is a RelayEvent",
    ("Call", "wait_for_ended"): "CallStateEvent, which is a RelayEvent",
    ("Call", "wait_for_ending"): "CallStateEvent, which is a RelayEvent",
    ("Call", "wait_for_ringing"): "CallStateEvent, which is a RelayEvent",
    ("RelayClient", "connect"): "the client itself",
    ("RelayClient", "on_call"): "the handler, in the type that it has",
    ("RelayClient", "on_message"): "the handler, in the type that it has",
}
"""(class, method) with another annotation of what it returns; those of Action are every action's."""

ATTRIBUTES = {
    ("RelayClient", "token"): "a secret: nothing reads it back, so that no log or traceback shows it",
    ("RelayClient", "jwt_token"): "the same",
}
"""(class, attribute) that swsync has not."""

CONSTANTS = {
    "AGENT_STRING": "the agent is swsync's own",
    "PROTOCOL_VERSION": "swsync.protocol sends it",
    "RECONNECT_MIN_DELAY": "how swsync reconnects is its own: with jitter",
    "RECONNECT_MAX_DELAY": "the same",
    "RECONNECT_BACKOFF_FACTOR": "the same",
    "RECONNECT_MAX_AUTH_ATTEMPTS": "the same",
}
"""Constants that are no part of the wire."""

SILENT = {
    "Call": {"on", "wait_for", "wait_for_answered", "wait_for_ringing", "wait_for_ending", "wait_for_ended"},
    "RelayClient": {"on_call", "on_message", "run"},
    "Action": {"wait"},
}
"""Public methods of the official SDK that send nothing by themselves."""
