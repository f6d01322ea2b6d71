"""Imports go downward only, as the map in docs/internals.md draws them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "swsync"

# The longest prefix wins. A module imports from its own layer or from those below.
LAYERS = {
    "swsync": 7,  # the lazy front: it imports nothing at run time
    "swsync.__main__": 7,
    "swsync.cli": 7,
    "swsync.commands": 7,
    "swsync.batch": 6,
    "swsync.notebook": 6,
    "swsync.picture": 6,
    "swsync.testing": 6,
    "swsync.localrelay": 6,
    "swsync.client": 5,
    "swsync.clientparts": 5,
    "swsync.closing": 5,
    "swsync.messaging": 5,
    "swsync.placing": 5,
    "swsync.taking": 5,
    "swsync.dialing": 5,
    "swsync.inbound": 5,
    "swsync.routing": 5,
    "swsync.configuration": 5,
    "swsync.call": 4,
    "swsync.message": 4,
    "swsync.calling": 4,
    "swsync.swaig": 4,
    "swsync.waiting": 4,
    "swsync.connection": 3,
    "swsync.link": 3,
    "swsync.requesting": 3,
    "swsync.timers": 3,
    "swsync.pending": 3,
    "swsync.dispatcher": 3,
    "swsync.memorytransport": 2,
    "swsync.transport": 2,
    "swsync.wirelog": 2,
    "swsync.incoming": 2,
    "swsync.wire": 2,
    "swsync.outgoing": 2,
    "swsync.media": 2,
    "swsync.media.codec": 1,
    "swsync.media.digits": 1,
    "swsync.media.rtp": 1,
    "swsync.protocol": 1,
    "swsync.events": 1,
    "swsync.eventfields": 1,
    "swsync.eventtext": 1,
    "swsync.devices": 1,
    "swsync.masking": 1,
    "swsync.views": 1,  # values in, HTML out: whoever shows itself imports it when it is shown
    "swsync._media": 1,
    "swsync.callbacks": 0,
    "swsync.errors": 0,
    "swsync.states": 0,
    "swsync.constants": 0,
    "swsync.clock": 0,
    "swsync.memorynet": 0,
}

# Layer 1 knows neither threads nor sockets nor time.
PURE_LAYER, IMPURE = 1, {"threading", "socket", "time", "select", "selectors", "asyncio", "queue"}

# A test double that shares code with what it tests shares its bugs.
RELAY_MAY_IMPORT = (
    "swsync.localrelay",
    "swsync.errors",
    "swsync.states",
    "swsync.clock",
    "swsync.memorynet",
    "swsync.media",
    "swsync.media.codec",
    "swsync.media.rtp",
    "swsync.media.datagrams",
    # How its journal looks in a notebook is nothing that it shares with what it tests.
    "swsync.views.frames",
    "swsync.views.journals",
)


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _layer(module: str) -> int:
    known = [name for name in LAYERS if module == name or (module.startswith(name + ".") and name != "swsync")]
    assert known, f"{module} has no layer: give it one in {__file__} and in docs/internals.md"
    return LAYERS[max(known, key=len)]


def _is_typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _imports(tree: ast.AST, module: str, is_package: bool) -> set[str]:
    """All modules that a module imports at run time, wherever in it."""
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if _is_typing_only(node):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[: len(module.split(".")) - node.level + is_package]
                base = ".".join([*parents, base]).rstrip(".")
            found |= {f"{base}.{alias.name}" for alias in node.names} | {base}
        else:
            found |= _imports(node, module, is_package)
    return found


def _resolve(name: str) -> str | None:
    """The module of this package that an imported name stands for; None for other packages."""
    if name == "swsync" or not name.startswith("swsync."):
        return None
    path = ROOT.joinpath(*name.split("."))
    if path.with_suffix(".py").exists() or (path / "__init__.py").exists() or name == "swsync._media":
        return name
    return None  # a name inside a module, whose module is in the set as well


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=_module_name)
def test_imports_go_downward(path: Path) -> None:
    """A module imports only from its own layer and from those below it."""
    module = _module_name(path)
    imports = _imports(ast.parse(path.read_text()), module, path.name == "__init__.py")
    upward = {name for name in map(_resolve, imports) if name and _layer(name) > _layer(module)}
    if module != "swsync":
        assert set() == upward
    if _layer(module) == PURE_LAYER:
        assert set() == {name.split(".")[0] for name in imports} & IMPURE


@pytest.mark.parametrize("path", sorted((PACKAGE / "localrelay").rglob("*.py")), ids=_module_name)
def test_the_local_relay_shares_no_protocol_code(path: Path) -> None:
    """LocalRelay imports errors, states, clock and the codec side of media, nothing else of the package."""
    module = _module_name(path)
    imports = {_resolve(name) for name in _imports(ast.parse(path.read_text()), module, path.name == "__init__.py")}
    foreign = {n for n in imports if n and n not in RELAY_MAY_IMPORT and not n.startswith("swsync.localrelay")}
    assert set() == foreign


def test_media_knows_no_calls_and_taps_know_no_sockets() -> None:
    """Audio and call control meet in one place only, ``swsync.calling.capture``."""
    for path in (PACKAGE / "media").rglob("*.py"):
        imports = _imports(ast.parse(path.read_text()), _module_name(path), path.name == "__init__.py")
        imports = {n for n in imports if n.split(".")[1:2] != ["callbacks"]}  # what can be called, not who is
        assert not {n for n in imports if n.startswith(("swsync.call", "swsync.client", "swsync.events"))}, path
    tap = _imports(ast.parse((PACKAGE / "calling/tap.py").read_text()), "swsync.calling.tap", False)
    assert not {n for n in tap if n in ("socket", "select") or n.startswith(("swsync.media", "swsync.transport"))}


def test_only_the_clock_uses_time() -> None:
    """Waits and the time of day come from ``swsync.clock``; the media loops that sit in a selector say why not."""
    users = {
        _module_name(path)
        for path in MODULES
        if "time" in _imports(ast.parse(path.read_text()), _module_name(path), path.name == "__init__.py")
    }
    assert {"swsync.clock"} == users
