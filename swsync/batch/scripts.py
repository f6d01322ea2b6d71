"""Ready-made scripts: announce, survey, record. Each is ``script(call, row) -> dict``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Formatter
from typing import TYPE_CHECKING, Any

from swsync import devices
from swsync.errors import ConfigurationError

if TYPE_CHECKING:
    from swsync.batch.ledger import Row
    from swsync.call import Call

__all__ = ["announce", "record", "survey"]

PLAYED = 300.0  # seconds that a message may take
DECIDED = 60.0  # seconds that a machine's greeting may take


def _fill(text: str, row: Row) -> str:
    """Put the row's columns into ``{name}``; plain names only, so that a cell cannot reach into anything."""
    parts = []
    for literal, field, _, _ in Formatter().parse(text):
        parts.append(literal)
        if field is not None:
            if field not in row.data:
                raise ConfigurationError(f"the text names the column {field!r}, and the row has none")
            parts.append(row.data[field])
    return "".join(parts)


def _columns(*texts: str) -> frozenset[str]:
    """The columns that texts name.

    Raises:
        ConfigurationError: A brace stands alone.
    """
    found: set[str] = set()
    for text in texts:
        try:
            named = [field for _, field, _, _ in Formatter().parse(text)]
        except ValueError as error:
            raise ConfigurationError(
                f"the text {text!r} cannot be filled in: {error}. A column is {{name}}; a brace that is meant is two"
            ) from None
        found.update(field for field in named if field is not None and not _is_address(text))
    return frozenset(found)


def _said(*texts: str) -> None:
    """Raise if there is nothing to say: people would be rung to hear nothing."""
    if not texts or not all(text.strip() for text in texts):
        raise ConfigurationError("there is nothing to say on a call: give a text, or the address of an audio file")


def _is_address(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _media(text: str, row: Row) -> devices.Media:
    return devices.audio(text) if _is_address(text) else devices.tts(_fill(text, row))


def _play(call: Call, text: str, row: Row) -> None:
    call.play([_media(text, row)]).wait(timeout=PLAYED)


class _Announce:
    asks_for_digits = False

    def __init__(self, text: str, voicemail: str | None, detect: bool) -> None:
        _said(text)
        self._text = text
        self._voicemail = text if voicemail is None else voicemail
        self._detect = detect
        self.needs_columns = _columns(self._text, self._voicemail)

    def __call__(self, call: Call, row: Row, /) -> Mapping[str, Any]:
        # A person hears the words at once: who waits for the verdict in silence hangs up, and rightly so.
        detection = call.detect_answering_machine() if self._detect else None
        playing = call.play([_media(self._text, row)])
        if detection is None:
            playing.wait(timeout=PLAYED)
            return {}
        if detection.detection(timeout=DECIDED).answer != "MACHINE":
            playing.wait(timeout=PLAYED)
            return {}
        playing.stop()
        if not self._voicemail:
            return {"outcome": "machine"}
        ready = detection.detection(wait_for_beep=True, timeout=DECIDED)
        if not ready.ready:
            return {"outcome": "machine"}
        _play(call, self._voicemail, row)
        return {"outcome": "voicemail", "beep": ready.beep}


class _Survey:
    asks_for_digits = True

    def __init__(self, questions: Mapping[str, str], thanks: str, digits: Mapping[str, Any], tries: int) -> None:
        _said(*questions.values())
        self._questions = dict(questions)
        self._thanks = thanks
        self._digits = dict(digits)
        self._tries = tries
        self.needs_columns = _columns(*self._questions.values(), thanks)

    def __call__(self, call: Call, row: Row, /) -> Mapping[str, Any]:
        answers = {name: self._ask(call, row, text) for name, text in self._questions.items()}
        if self._thanks:
            _play(call, self._thanks, row)
        given = sum(1 for answer in answers.values() if answer)
        return {**answers, "outcome": "completed" if given == len(answers) else "partial" if given else "no_answer"}

    def _ask(self, call: Call, row: Row, text: str) -> str:
        for _ in range(self._tries):
            collect = {"digits": self._digits, "initial_timeout": 6.0}
            event = call.play_and_collect([_media(text, row)], collect).wait(timeout=PLAYED)
            params = event.result.get("params")
            if event.result.get("type") == "digit" and isinstance(params, dict):
                return str(params.get("digits", ""))
        return ""


class _Record:
    asks_for_digits = False
    needs_recordings = True

    def __init__(self, text: str, seconds: float) -> None:
        _said(text)
        self._text = text
        self._seconds = seconds
        self.needs_columns = _columns(text)

    def __call__(self, call: Call, row: Row, /) -> Mapping[str, Any]:
        _play(call, self._text, row)
        call.play_silence(self._seconds).wait(timeout=self._seconds + 30)
        return {"outcome": "recorded"}


def announce(text: str, *, voicemail: str | None = None, detect: bool = True) -> Callable[..., Mapping[str, Any]]:
    """Say something. A person hears it at once; on a machine it is said again after the beep.

    Args:
        text: The words, with columns as ``{name}``, or the address of an audio file.
        voicemail: What is left on a machine; None is ``text``, "" leaves nothing.
        detect: Whether machines are looked for.
    """
    return _Announce(text, voicemail, detect)


def survey(
    questions: Mapping[str, str], *, thanks: str = "", digits: int = 1, terminators: str = "#", tries: int = 2
) -> Callable[..., Mapping[str, Any]]:
    """Ask questions that are answered by keys; the answers go into the result under their names.

    The opt-out key counts as an opt-out, not as an answer: do not offer it as one.

    Args:
        questions: Words, or addresses of audio files, by name.
        thanks: What is said at the end.
        digits: Keys of an answer at most.
        terminators: Keys that end an answer.
        tries: How often a question is asked.
    """
    wanted = {"max": digits, "terminators": terminators, "digit_timeout": 3.0}
    return _Survey(questions, thanks, wanted, tries)


def record(text: str, *, seconds: float = 30.0) -> Callable[..., Mapping[str, Any]]:
    """Say something and let them speak; needs ``Job.recordings`` and ``Job.recording_notice``.

    Args:
        text: The words, with columns as ``{name}``, or the address of an audio file.
        seconds: How long they may speak.
    """
    return _Record(text, seconds)
