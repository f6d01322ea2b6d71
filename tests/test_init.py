"""What ``swsync`` offers by name, and what its import costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import swsync
from swsync.localrelay.tables import read_table

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
# Every module of the package, but that which pytest alone loads.
EVERY_MODULE = """
import importlib, importlib.metadata, pkgutil, re, sys
before = set(sys.modules)  # what the environment itself loads, as setuptools does
import swsync
for module in pkgutil.walk_packages(swsync.__path__, "swsync."):
    if module.name != "swsync.testing":
        importlib.import_module(module.name)
homes = importlib.metadata.packages_distributions()
loaded = {name.partition(".")[0] for name in sys.modules.keys() - before}
print(*sorted({re.sub("[-_.]+", "-", home).lower() for name in loaded for home in homes.get(name, ())}))
"""

SOURCE = Path(swsync.__file__).read_text()


def _typed_names() -> set[str]:
    """What type checkers see: the imports under TYPE_CHECKING, stars aside."""
    block = next(node for node in ast.parse(SOURCE).body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name != "*"
    }


def test_type_checkers_and_the_interpreter_see_the_same_names() -> None:
    """The two lists in ``swsync/__init__.py`` are one list."""
    assert {*swsync._HOMES, *swsync._MODULES} == _typed_names()


def test_every_public_name_resolves() -> None:
    """All that ``dir(swsync)`` shows can be had."""
    names = [name for name in dir(swsync) if not name.startswith("_")]
    assert {"RelayClient", "CALL_STATE_ENDED", "RelayError", "PlayEvent", "wait", "media"} <= set(names)
    for name in names:
        assert getattr(swsync, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that is not there says so, as with any module."""
    with pytest.raises(AttributeError, match="no attribute 'RelayKlient'"):
        _ = swsync.RelayKlient


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import swsync", ["websocket", "websockets", "attrs", "attr", "cffi", "ssl", "asyncio", "json"]),
        ("import swsync; swsync.RelayClient", ["websockets", "asyncio", "numpy", "matplotlib", "swsync._media"]),
        ("import swsync; swsync.RelayClient('p', 't', host='h.example')", ["attrs", "swsync.call", "swsync.events"]),
        ("import swsync; swsync.media.RtpReceiver", ["websocket", "websockets", "asyncio", "numpy"]),
    ],
)
def test_nothing_is_imported_before_its_use(statement: str, absent: list[str]) -> None:
    """Servers, audio and optional packages stay out until somebody wants them."""
    program = f"{statement}\nimport sys\nprint([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "[]" == done.stdout.strip()


def _names(requirements: list[str]) -> set[str]:
    return {re.sub("[-_.]+", "-", re.match(r"[\w.-]+", text)[0]).lower() for text in requirements}  # type: ignore[index]


def test_no_module_imports_an_optional_package() -> None:
    """Nothing of any extra is loaded with the modules of swsync, all of them together; what they need always is."""
    project = read_table(PYPROJECT)["project"]
    always = _names(project["dependencies"])
    optional = {name for extra in project["optional-dependencies"].values() for name in _names(extra)}
    done = subprocess.run([sys.executable, "-c", EVERY_MODULE], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.split())
    assert always <= loaded
    assert set() == loaded & (optional - always - {"swsync"})
