"""Events: every documented field typed, the server's own words untouched, and never an error."""

from __future__ import annotations

import copy
import pickle

import attrs
import pytest

from swsync import events
from swsync.events import EVENT_CLASSES, RelayEvent, TapEvent, parse_event
from swsync.eventtext import KeptEvent, as_text, from_text


def test_each_of_the_23_types_has_its_class():
    """Every event type that the official SDK types is typed here, under the same class name."""
    assert 23 == len(EVENT_CLASSES)
    assert 23 == len(set(EVENT_CLASSES.values()))


@pytest.mark.parametrize("event_type", sorted(EVENT_CLASSES))
def test_an_event_without_any_field_takes_defaults(event_type):
    """An event that says nothing but its type is still an event of its class."""
    event = parse_event({"event_type": event_type, "params": {}})

    assert EVENT_CLASSES[event_type] is type(event)
    assert "" == event.call_id
    assert 0.0 == event.timestamp
    assert event.synthetic is False


@pytest.mark.parametrize("event_type", [*sorted(EVENT_CLASSES), "calling.call.unheard_of"])
@pytest.mark.parametrize("wrong", [None, 5, 5.5, True, "word", [], {}, [1], {"a": 1}, float("nan"), 10**400])
def test_wrong_types_never_raise(event_type, wrong):
    """Whatever type a field has, parsing succeeds and the field has its declared type."""
    cls = EVENT_CLASSES.get(event_type, RelayEvent)
    names = {key for field in attrs.fields(cls) for key in (field.name, *field.metadata.get("keys", ()))}
    params = {name.split(".", maxsplit=1)[0]: wrong for name in names}

    event = parse_event({"event_type": event_type, "timestamp": wrong, "params": params})

    assert params is event.params
    assert isinstance(event.timestamp, float)
    for field in attrs.fields(cls):
        default = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default
        if default is not None:
            assert isinstance(getattr(event, field.name), type(default)), field.name


@pytest.mark.parametrize("payload", [{}, {"params": None}, {"params": 7}, {"event_type": 9, "params": []}])
def test_payloads_that_are_none_never_raise(payload):
    """A payload without sense gives a plain event."""
    assert RelayEvent is type(parse_event(payload))


def test_params_are_the_very_object_of_the_server():
    """What RELAY adds is kept: ``params`` is not a copy and nothing is taken out of it."""
    params = {"call_id": "C", "state": "playing", "brand_new": {"x": 1}}

    event = parse_event({"event_type": "calling.call.play", "params": params})

    assert params is event.params
    assert "playing" == event.state


def test_events_are_frozen():
    """An event that several listeners share cannot be changed by one of them."""
    event = parse_event({"event_type": "calling.call.play", "params": {}})

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.state = "finished"


def test_a_field_is_read_once():
    """What an event has said, it says for ever: a listener that changes ``params`` changes no field after that."""
    event = parse_event({"event_type": "calling.call.state", "params": {"call_state": "ringing"}})

    first, device = event.call_state, event.device
    event.params["call_state"] = "ended"

    assert ("ringing", "ringing") == (first, event.call_state)
    assert device is event.device


def test_what_is_no_field_is_no_attribute():
    """A wrong name is an error, as with any object."""
    event = parse_event({"event_type": "calling.call.play", "params": {"mood": "good"}})

    for name in ("mood", "call_state", "__wrapped__"):
        with pytest.raises(AttributeError, match=f"'PlayEvent' object has no attribute '{name}'"):
            getattr(event, name)
    assert not hasattr(object.__new__(TapEvent), "params")


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e)), attrs.evolve])
@pytest.mark.parametrize("event_type", [*sorted(EVENT_CLASSES), "calling.call.unheard_of"])
def test_a_copy_has_every_field(event_type, again):
    """Also of an event of which no field was read."""
    params = {"call_id": "C", "state": "playing", "device": {"type": "phone"}, "tags": ["t"], "position": 3}
    payload = {"event_type": event_type, "timestamp": 1.5, "params": params}

    assert attrs.asdict(parse_event(payload)) == attrs.asdict(again(parse_event(payload)))


def test_defaults_are_nobody_elses():
    """An empty object of one event is not that of another."""
    first, second = (parse_event({"event_type": "calling.call.state", "params": {}}) for _ in range(2))

    assert {} == first.device == second.device
    assert first.device is not second.device


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [(1.5, None, 1.5), (1.5, 2.5, 1.5), (None, 2.5, 2.5), ("3.5", None, 3.5), ("soon", 4, 4.0), (True, None, 0.0)],
)
def test_the_timestamp_is_the_outer_then_the_inner_one(outer, inner, expected):
    """RELAY puts it in the outer params; the official SDK looks into the inner ones."""
    event = parse_event({"event_type": "calling.call.tap", "timestamp": outer, "params": {"timestamp": inner}})

    assert expected == event.timestamp


@pytest.mark.parametrize(
    ("word", "expected"),
    [(True, True), ("true", True), ("TRUE", True), (False, False), ("false", False), (1, False), (None, False)],
)
def test_dial_winner_is_a_boolean_or_a_string(word, expected):
    """Both forms of the wire are understood."""
    event = parse_event({"event_type": "calling.call.dial", "params": {"tag": "t", "call": {"dial_winner": word}}})

    assert expected is event.dial_winner
    assert expected is events.is_winner({"dial_winner": word})


def test_a_recording_names_its_file_inside_or_outside():
    """url, duration and size may be in ``record`` or beside it; the inner ones win."""
    inside = {"record": {"url": "in", "duration": 2, "size": "30"}, "url": "out"}
    outside = {"url": "out", "duration": "1.5", "size": 20}

    first = parse_event({"event_type": "calling.call.record", "params": inside})
    second = parse_event({"event_type": "calling.call.record", "params": outside})

    assert ("in", 2.0, 30) == (first.url, first.duration, first.size)
    assert ("out", 1.5, 20) == (second.url, second.duration, second.size)


def test_an_offer_without_a_context_takes_the_protocol():
    """As the official SDK does."""
    event = parse_event({"event_type": "calling.call.receive", "params": {"call_id": "C", "protocol": "P"}})

    assert "P" == event.context


def test_the_task_event_is_flat():
    """``queuing.relay.tasks`` has its fields in the outer params."""
    payload = {"event_type": "queuing.relay.tasks", "context": "office", "message": {"a": 1}, "timestamp": 9.0}

    event = parse_event(payload)

    assert "office" == event.params["context"]
    assert 9.0 == event.timestamp


def test_what_is_unknown_is_kept():
    """An event type of tomorrow stays a RelayEvent; a field of tomorrow stays in params. Neither is an error."""
    new = parse_event({"event_type": "calling.call.hologram", "params": {"call_id": "C", "hue": 3}})
    known = parse_event({"event_type": "calling.call.play", "params": {"state": "playing", "hue": 3}})

    assert (RelayEvent, "calling.call.hologram", "C", 3) == (type(new), new.event_type, new.call_id, new.params["hue"])
    assert ("playing", 3) == (known.state, known.params["hue"])


@pytest.mark.parametrize(
    ("event_type", "names"),
    [
        ("calling.call.record", ("start_time", "end_time")),
        ("calling.call.transcribe", ("start_time", "end_time")),
        ("calling.call.queue", ("enqueue_ts", "dequeue_ts", "leave_ts")),
    ],
)
def test_times_are_numbers(event_type, names):
    """Each moment that an event tells is a field, in seconds since 1970; 0.0 if it was not told."""
    params = {name: 1_700_000_000.5 + i for i, name in enumerate(names[:-1])}
    event = parse_event({"event_type": event_type, "params": params})

    assert [*params.values(), 0.0] == [getattr(event, name) for name in names]


def test_queue_events_rename_what_the_wire_shortens():
    """``id`` and ``name`` are the queue's."""
    event = parse_event({"event_type": "calling.call.queue", "params": {"id": "Q", "name": "sales", "position": 2}})

    assert ("Q", "sales", 2) == (event.queue_id, event.queue_name, event.position)


def test_a_detection_gives_its_word():
    """``event`` and ``beep`` are dug out of ``detect.params``."""
    detect = {"type": "machine", "params": {"event": "READY", "beep": "true"}}

    event = parse_event({"event_type": "calling.call.detect", "params": {"detect": detect}})

    assert ("READY", True) == (event.event, event.beep)


def test_numbers_stand_in_for_text():
    """SIP and error codes come as numbers now and then."""
    event = parse_event({"event_type": "calling.call.refer", "params": {"sip_refer_response_code": 202}})

    assert "202" == event.sip_refer_response_code


class Keeper:
    event = KeptEvent()


def test_a_kept_event_is_read_as_it_was_set():
    """It is equal in class and fields to what came, and takes no memory for objects meanwhile."""
    payload = {
        "event_type": "calling.call.tap",
        "timestamp": 1767225600.25,
        "params": {"state": "tapping", "tap": {"type": "\u00e4 \ud800", "list": [1, 2.5, None, True]}, "device": {}},
    }
    keeper, event = Keeper(), parse_event(payload)
    keeper.event = event

    assert attrs.asdict(event) == attrs.asdict(keeper.event)
    assert TapEvent is type(keeper.event)
    assert {bytes} == {type(value) for value in vars(keeper).values()}


def test_what_is_no_json_is_kept_as_it_is():
    """Nothing, an event that swsync made, and params that JSON cannot say, are kept as the objects they are."""
    keeper, unspeakable = Keeper(), {"state": object()}
    for event in (None, TapEvent(state="finished", synthetic=True), TapEvent(params=unspeakable)):
        keeper.event = event
        assert event is keeper.event
    assert unspeakable is from_text(as_text(unspeakable))
