"""What lets others in, and where it must not stand: each secret in each place where texts are kept."""

from __future__ import annotations

import contextlib
import logging
import pickle
import traceback
from collections.abc import Iterator

import pytest

import swsync
from swsync import media
from swsync.batch import Batch, announce
from swsync.clock import VirtualClock
from swsync.configuration import read_settings
from swsync.errors import MediaError, SwsyncError

TOKEN, JWT, BEARER = "PTfirst0123456789abcdef", "ey.second.9876543210fedcba", "third-0123456789-abcdefgh"
PASSWORD = "fourth-0123456789-abcdefg"
TO, FROM = "+12025550100", "+12025550199"


class Kept(logging.Handler):
    """Every record of every logger, formatted with its traceback, and its arguments."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {record.args!r} {vars(record).get('extra')!r}")


@contextlib.contextmanager
def everything_logged() -> Iterator[Kept]:
    kept, logger = Kept(), logging.getLogger("swsync")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(kept)
    try:
        yield kept
    finally:
        logger.removeHandler(kept)
        logger.setLevel(level)


def fails(errors: list[BaseException], *wanted: type[BaseException]) -> contextlib.AbstractContextManager[object]:
    """Keep the error of a block that has to fail."""

    @contextlib.contextmanager
    def block() -> Iterator[None]:
        try:
            yield
        except wanted as error:
            errors.append(error)
        else:
            pytest.fail(f"no {wanted[0].__name__}")

    return block()


def refused(errors: list[BaseException], clock: VirtualClock) -> None:
    """Credentials that are wrong: of both kinds, and a setting that cannot be."""
    with swsync.LocalRelay(clock=clock, token="another") as relay:
        for given in ({"token": TOKEN}, {"jwt_token": JWT}):
            with fails(errors, swsync.AuthenticationFailed):
                swsync.RelayClient(**{**relay.settings, **given}).connect()
    for name in ("token", "jwt_token"):
        with fails(errors, swsync.ConfigurationError):
            swsync.RelayClient(**{"project": "p", "token": TOKEN, name: TOKEN + JWT + "\n"})
    with fails(errors, MediaError):
        media.StreamReceiver(token=BEARER[:10] + " " + TOKEN)


def stays_out(shown: list[object], errors: list[BaseException], call: swsync.Call, clock: VirtualClock) -> set[str]:
    """Media of every kind, right and wrong; the secrets of their addresses."""
    with media.TapReceiver(clock=clock) as tapped, media.StreamReceiver(clock=clock, token=BEARER) as streamed:
        paths = {tapped.device["params"]["uri"].rpartition("/")[2], streamed.url.rpartition("/")[2]}
        tap, stream = call.tap_audio(direction="speak", device=tapped), call.stream(streamed)
        tap.wait_started(5)
        stream.wait_started(5)
        with fails(errors, SwsyncError):
            call.stream(streamed).wait_started(5)
        wrong = call.stream(streamed.url, authorization_bearer_token=PASSWORD)
        with fails(errors, swsync.ActionFailed):
            wrong.wait_started(5)
        tap.stop()
        stream.stop()
        shown += [tap, stream, wrong, tap.wait(5), stream.wait(5), tapped, streamed, tapped.stats]
    gone = call.tap(
        audio={"direction": "speak"}, device={"type": "ws", "params": {"uri": "ws://127.0.0.1:9/" + PASSWORD}}
    )
    with fails(errors, swsync.ActionFailed):
        gone.wait_started(5)
    call.ai(prompt={"text": "x"}, post_prompt_url="http://127.0.0.1/", post_prompt_auth_password=PASSWORD)
    return paths


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, str]]:
    """A client's life with every secret in it: the secrets by name, and all texts by place."""
    shown: list[object] = []
    errors: list[BaseException] = []
    path = tmp_path_factory.mktemp("ledger") / "l.db"
    clock = VirtualClock()
    with clock.thread(), everything_logged() as log:
        refused(errors, clock)
        with swsync.LocalRelay(clock=clock, token=TOKEN) as relay:
            with swsync.RelayClient(**{**relay.settings, "token": TOKEN}) as client:
                call = client.dial_phone(to=TO, from_number=FROM)
                call.keep_events()
                paths = stays_out(shown, errors, call, clock)
                with fails(errors, SwsyncError):
                    client.execute("calling.nonsense", {"token": PASSWORD, "secret": BEARER})
                state = client.session_state
                shown += [client, call, call.events, *call.events, list(client.calls), client.counters]
                shown += [read_settings(project="p", token=TOKEN, jwt_token=JWT, host="localhost", ca_file="",
                                        max_active_calls=None)]  # fmt: skip
                call.hangup()
            shown += [relay, relay.journal, *relay.journal, *relay.calls]
            settings = {**relay.settings, "token": TOKEN, "clock": clock}
            with Batch("j", path, announce("Hello"), settings=settings, from_number=FROM, prefixes=["+1202"],
                       consent_waived_by="a test", default_zone="UTC", start="00:00",
                       end="24:00") as batch:  # fmt: skip
                batch.load([{"number": TO}])
                batch.run()
                shown += [batch, batch.job, batch.ledger, *batch.results()]
    secrets = {"token": TOKEN, "jwt": JWT, "bearer": BEARER, "password": PASSWORD}
    secrets |= {f"path {i}": each for i, each in enumerate(sorted(paths))}
    secrets["session"] = state if isinstance(state, str) else state["authorization_state"]
    picklable = []
    for each in [*errors, *shown]:
        with contextlib.suppress(TypeError, AttributeError, pickle.PicklingError, NotImplementedError):
            picklable.append(pickle.loads(pickle.dumps(each)))
    texts = {
        "logs": "\n".join(log.lines),
        "reprs": "\n".join(f"{each!r} {each}" for each in shown),
        "html": "\n".join(each._repr_html_() for each in shown if hasattr(each, "_repr_html_")),
        "errors": "\n".join(f"{error!r} {error} {vars(error)!r}" for error in errors),
        "tracebacks": "\n".join("".join(traceback.format_exception(error)) for error in errors),
        "pickled errors": "\n".join(repr(pickle.dumps(error)) for error in errors),
        "what was pickled": "\n".join(f"{each!r} {each}" for each in picklable),
        "ledger": "\n".join(repr(each.read_bytes()) for each in path.parent.iterdir()),
    }
    return secrets, texts


PLACES = ["logs", "reprs", "html", "errors", "tracebacks", "pickled errors", "what was pickled", "ledger"]
SECRETS = ["token", "jwt", "bearer", "password", "path 0", "path 1", "session"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_not_there(secret: str, place: str, kept: tuple[dict[str, str], dict[str, str]]) -> None:
    """Neither whole nor in part."""
    secrets, texts = kept
    assert len(secrets[secret]) >= 16
    at = texts[place].find(secrets[secret])
    assert (-1, "") == (at, texts[place][max(0, at - 100) : at] if at >= 0 else "")


def test_the_places_hold_something(kept: tuple[dict[str, str], dict[str, str]]) -> None:
    """Where nothing is written nothing can be found: each place has what it is to have, masked."""
    secrets, texts = kept
    assert (set(SECRETS), set(PLACES)) == (set(secrets), set(texts))
    assert texts["logs"].count("***") >= 5
    assert "signalwire.connect" in texts["logs"]
    assert "post_prompt_auth_password" in texts["logs"]
    assert all("AuthenticationFailed" in texts[place] for place in ("errors", "tracebacks", "pickled errors"))
    assert "TapEvent" in texts["reprs"]
    assert "StreamReceiver" in texts["reprs"]
    assert "calling.tap" in texts["reprs"]
    assert "<table" in texts["html"]
    assert TO in texts["ledger"]
