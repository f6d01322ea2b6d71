"""A SWML document from its text or object, checked: every error names the place in it."""

from __future__ import annotations

import json
from typing import Any

from swsync.errors import ConfigurationError

from .rules import DEVICE, NOT_SIMULATED, PLAY_URL, RANGES, VARIABLE, VERBS

__all__ = ["Document", "SwmlError", "check_filled", "looks_like_swml", "parse"]

Document = dict[str, list[dict[str, Any]]]
"""Sections by name, ``main`` among them; each step is an object with one verb."""

LONGEST = 256 * 1024  # characters of a document
DEEPEST = 20  # documents within documents: switch, execute
MOST_STEPS = 10_000
TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "array": ((list,), "an array"),
    "boolean": ((bool,), "true or false"),
    "integer": ((int,), "an integer"),
    "number": ((int, float), "a number"),
    "object": ((dict,), "an object"),
    "string": ((str,), "a string"),
}
ONE_DEVICE = ("to", "serial", "parallel", "serial_parallel")


class SwmlError(ConfigurationError):
    """A document that the schema does not allow; the text begins with the place."""


def looks_like_swml(text: str) -> bool:
    """Return whether a text is meant as a document, in JSON or YAML."""
    return text.startswith("{") or any(line.startswith(("version:", "sections:")) for line in text.splitlines())


def parse(source: Any) -> Document:
    """Return the sections of a document.

    Args:
        source: JSON or YAML text, or the object that it stands for.

    Raises:
        SwmlError: What is wrong, and where: ``sections.main[0].tap.uri: is required``.
        ConfigurationError: YAML without PyYAML.
    """
    whole = _read(source) if isinstance(source, str) else source
    if not isinstance(whole, dict):
        raise SwmlError("the document: must be an object with version and sections")
    for name in whole:
        if name not in ("version", "sections"):
            raise SwmlError(f"{name}: is not a field of a document; it has version and sections")
    if whole.get("version", "1.0.0") != "1.0.0":
        raise SwmlError(f"version: must be 1.0.0, not {whole['version']!r}")
    sections = whole.get("sections")
    if not isinstance(sections, dict):
        raise SwmlError("sections: is required, an object")
    if "main" not in sections:
        raise SwmlError("sections.main: is required")
    checks = _Checks()
    for name, steps in sections.items():
        checks.steps(steps, f"sections.{name}", 0)
    return dict(sections)


def _read(text: str) -> Any:
    if len(text) > LONGEST:
        raise SwmlError(f"the document: is longer than {LONGEST} characters")
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SwmlError(f"the document: is not JSON: {error}") from None
    try:
        import yaml
    except ImportError:
        raise ConfigurationError("SWML as YAML needs PyYAML: pip install 'swsync[relay]', or use JSON") from None
    try:
        # An alias costs a line and may stand for a million: documents of people have none.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            raise SwmlError("the document: aliases of YAML are not read")
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, SwmlError):
            raise
        raise SwmlError(f"the document: is not YAML: {' '.join(str(error).split())[:300]}") from None


class _Checks:
    """The walk through one document."""

    def __init__(self) -> None:
        self._count = 0

    def steps(self, steps: Any, path: str, depth: int) -> None:
        """Check a list of steps."""
        if not isinstance(steps, list):
            raise SwmlError(f"{path}: must be an array of steps")
        if depth > DEEPEST:
            raise SwmlError(f"{path}: is nested deeper than {DEEPEST}")
        for index, step in enumerate(steps):
            self._count += 1
            if self._count > MOST_STEPS:
                raise SwmlError(f"{path}: the document has more than {MOST_STEPS} steps")
            self._step(step, f"{path}[{index}]", depth)

    def _step(self, step: Any, path: str, depth: int) -> None:
        if not isinstance(step, dict) or len(step) != 1:
            raise SwmlError(f"{path}: must be an object with one verb")
        verb, value = next(iter(step.items()))
        self.verb(verb, value, f"{path}.{verb}", depth)

    def verb(self, verb: str, value: Any, path: str, depth: int = 0) -> None:
        """Check what one verb is given."""
        if verb in NOT_SIMULATED:
            raise SwmlError(f"{path}: is not simulated by the local relay")
        if verb not in VERBS:
            raise SwmlError(f"{path}: is no verb of SWML")
        if verb == "label":
            self._kind(value, "string", path, depth)
        elif verb == "unset":
            self._kind(value, "array[string]" if isinstance(value, list) else "string", path, depth)
        elif verb == "sleep" and not isinstance(value, dict):
            self._fields(verb, {"duration": value}, path, depth)
        elif verb != "return":
            self._fields(verb, value, path, depth)

    def _fields(self, verb: str, value: Any, path: str, depth: int) -> None:
        if not isinstance(value, dict):
            raise SwmlError(f"{path}: must be an object, such as {{}}")
        self._object(VERBS[verb], value, path, depth)
        for name, number in value.items():
            if (verb, name) in RANGES and isinstance(number, (int, float)):
                low, high = RANGES[verb, name]
                if not low <= number <= high:
                    raise SwmlError(f"{path}.{name}: must be from {low:g} to {high:g}, not {number!r}")
        if verb == "play" and ("url" in value) == ("urls" in value):
            raise SwmlError(f"{path}: needs url or urls, and not both")
        if verb == "connect" and sum(name in value for name in ONE_DEVICE) != 1:
            raise SwmlError(f"{path}: needs one of {', '.join(ONE_DEVICE)}")
        if verb == "tap" and not value["uri"].startswith(("rtp://", "ws://", "wss://", "%{", "${")):
            raise SwmlError(f"{path}.uri: must be rtp://IP:port, ws://... or wss://...")

    def _object(self, rules: dict[str, str], value: dict[Any, Any], path: str, depth: int) -> None:
        for rule in rules:
            if rule.endswith("!") and value.get(rule[:-1]) is None:
                raise SwmlError(f"{path}.{rule[:-1]}: is required")
        for name, part in value.items():
            kind = rules.get(name) or rules.get(f"{name}!") or rules.get("*")
            if kind is None:
                raise SwmlError(f"{path}.{name}: is not a field of it")
            self._kind(part, kind, f"{path}.{name}", depth)

    def _may_stand(self, text: str, kind: str) -> bool:
        """Whether a text may stand for a value of another kind."""
        return bool(VARIABLE.match(text)) and kind != "steps"

    def _kind(self, value: Any, kind: str, path: str, depth: int) -> None:
        if kind == "any" or (isinstance(value, str) and self._may_stand(value, kind)):
            return
        if kind.startswith("array["):
            _typed(value, "array", path)
            for index, item in enumerate(value):
                self._kind(item, kind[len("array[") : -1], f"{path}[{index}]", depth)
        elif kind == "steps":
            self.steps(value, path, depth + 1)
        elif kind == "sections":
            _typed(value, "object", path)
            for name, steps in value.items():
                self.steps(steps, f"{path}.{name}", depth + 1)
        elif kind == "device":
            _typed(value, "object", path)
            self._object({**DEVICE, "to!": "string"}, value, path, depth)
        elif kind == "plays":
            self._kind(value, "array[play]" if isinstance(value, list) else "play", path, depth)
        else:
            _plain(value, kind, path)


class _FilledChecks(_Checks):
    """The same for one step whose variables are in place: a text may be a number, and what is unknown is empty."""

    def _may_stand(self, text: str, kind: str) -> bool:
        if kind in ("number", "integer"):
            try:
                return -1e9 <= (float if kind == "number" else int)(text) <= 1e9
            except ValueError:
                return False
        return kind == "url" and not text


def check_filled(verb: str, value: Any, path: str) -> None:
    """Check what a verb is given once variables are in their places.

    Raises:
        SwmlError: A variable holds what does not belong there; the text begins with the place.
    """
    _FilledChecks().verb(verb, value, path)


def _plain(value: Any, kind: str, path: str) -> None:
    if kind == "play":
        if not isinstance(value, str) or not PLAY_URL.match(value):
            raise SwmlError(f"{path}: must be an http or https URL, say:, silence: or ring:, not {value!r:.80}")
    elif kind == "url":
        if not isinstance(value, str) or not value.startswith(("http://", "https://")):
            raise SwmlError(f"{path}: must be an http or https URL")
    elif kind.startswith("words:"):
        words = kind.removeprefix("words:").split("|")
        if value not in words:
            raise SwmlError(f"{path}: must be one of {', '.join(words)}, not {value!r:.80}")
    else:
        _typed(value, kind, path)


def _typed(value: Any, kind: str, path: str) -> None:
    types, name = TYPES[kind]
    if not isinstance(value, types) or (kind != "boolean" and isinstance(value, bool)):
        raise SwmlError(f"{path}: must be {name}")
    if isinstance(value, (int, float)) and not -1e9 <= value <= 1e9:
        raise SwmlError(f"{path}: is out of range")
