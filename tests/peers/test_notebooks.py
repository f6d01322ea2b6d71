"""The notebooks of examples/ in a kernel, and in a JupyterLab that a browser looks at."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from jupyter_core.utils import ensure_event_loop
from nbclient import NotebookClient

from .jupyterlab import NOTEBOOKS, chromium, lab, run_all

pytestmark = [
    pytest.mark.peers,
    # Of Jupyter's own packages, in this process.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BOOKS = sorted(path.stem for path in NOTEBOOKS.glob("*"))
PATIENCE = 60.0
SHOTS = os.environ.get("NOTEBOOK_SCREENSHOTS")  # a directory in which the pictures are kept


@pytest.fixture(scope="module", autouse=True)
def jupyters_loop() -> Iterator[None]:
    """The event loop that Jupyter's packages make for a thread, and keep."""
    loop = ensure_event_loop()
    yield
    asyncio.set_event_loop(None)
    loop.close()


def data_of(book: Any) -> dict[str, list[str]]:
    """All outputs of a notebook by their kind."""
    found: dict[str, list[str]] = {}
    for cell in book.cells:
        for output in cell.get("outputs", []):
            for kind, data in output.get("data", {}).items():
                found.setdefault(kind, []).append(data)
    return found


@pytest.mark.parametrize("name", BOOKS)
def test_a_notebook_runs_from_top_to_bottom(name: str, tmp_path: Path) -> None:
    """Without an error, without anything on stderr, and with something to see."""
    book = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4)
    NotebookClient(book, timeout=PATIENCE, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    assert [] == [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert any("swsync-card" in text for text in data_of(book)["text/html"])


@pytest.mark.parametrize("name", BOOKS)
def test_a_notebook_is_committed_without_outputs(name: str) -> None:
    """They would be large, and of some machine."""
    book = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())
    assert [] == [cell for cell in book["cells"] if cell.get("outputs") or cell.get("execution_count")]


# The kernel


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Any]:
    """A connected client of a kernel of its own, and its manager."""
    manager, client = start_new_kernel(startup_timeout=PATIENCE, cwd=str(tmp_path))
    try:
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def until_told(client: Any, text: str) -> None:
    """Wait until a running cell has printed a text."""
    while True:
        message = client.get_iopub_msg(timeout=PATIENCE)
        if message["msg_type"] == "stream" and text in message["content"]["text"]:
            return


def run(client: Any, code: str) -> tuple[str, str]:
    """Run a cell to its end: what it printed, and the name of the error that ended it."""
    printed: list[str] = []

    def hear(message: Any) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(code, timeout=PATIENCE, output_hook=hear, allow_stdin=False)
    return "".join(printed), reply["content"].get("ename", "")


START = """
import swsync
relay = swsync.LocalRelay()
client = swsync.RelayClient(**relay.settings).connect()
call = client.dial_phone(to="+12025550100", from_number="+12025550199", timeout=30)
action = call.play_tts("One two three four five six seven eight nine ten. " * 20)
print(call.state)
"""
WAITS = {
    "action": "action.wait()",
    "started": "call.collect(digits={'max': 1}, initial_timeout=3600.0).wait()",
    "ended": "call.wait_for_ended()",
    "offer": "client.next_call()",
    "frames": """
from swsync import media
with media.RtpReceiver() as receiver:
    for frame in receiver.frames(timeout=3600):
        pass
""",
    "capture": """
with call.capture("call.wav") as capture:
    capture.wait_duration(3600)
""",
}


def test_interrupting_the_kernel_ends_any_wait_and_the_client_goes_on(kernel: Any) -> None:
    """As a person does it: the cell waits, the kernel is interrupted, and the next cell works on the same call."""
    manager, client = kernel
    assert ("answered\n", "") == run(client, START)
    for name, wait in WAITS.items():
        # Otherwise a kernel drops what is sent within a tenth of a second after an error: a person is slower.
        waiting = client.execute(f"print('waits for {name}', flush=True)\n{wait}", stop_on_error=False)
        until_told(client, f"waits for {name}")
        manager.interrupt_kernel()
        while (reply := client.get_shell_msg(timeout=PATIENCE))["parent_header"]["msg_id"] != waiting:
            pass
        assert (name, "KeyboardInterrupt") == (name, reply["content"].get("ename"))
        # A write over TLS that is stopped in the midst costs the link; whoever asks for the next thing waits for it.
        assert (f"{name} answered\n", "") == run(client, f"call.user_event(event='x'); print({name!r}, call.state)")
    more = "call.play_silence(0.1).wait(10).state"
    assert ("finished ended\n", "") == run(
        client, f"a = {more}; call.hangup(); print(a, call.wait_for_ended(10).call_state)"
    )
    assert ("closed\n", "") == run(client, "client.close(); relay.close(); print('closed')")


# What people see


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser, and the address of a JupyterLab with the notebooks."""
    with lab(tmp_path_factory.mktemp("lab")) as address, chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found, address


def shoot(browser: Any, name: str, tmp_path: Path) -> None:
    """Keep a picture of the whole window."""
    directory = Path(SHOTS or tmp_path)
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{name}.png"
    browser.execute_script(
        "document.activeElement.blur(); document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0"
    )
    assert browser.save_screenshot(str(file))
    assert file.stat().st_size > 50_000


PICTURES = """
return [...document.querySelectorAll('.jp-OutputArea img')].map(i => [i.complete, i.naturalWidth, i.naturalHeight])
"""
PLAYER = """
const audio = document.querySelector('.jp-OutputArea .swsync-card audio');
return audio && [audio.readyState, audio.duration, audio.src.slice(0, 22), audio.error, audio.controls]
"""
METER = """
const heads = [...document.querySelectorAll('.swsync-card')].map(c => c.textContent.trim());
return heads.find(t => t.startsWith('what the person says')) || null
"""


def test_first_call_in_jupyterlab(browser: Any, tmp_path: Path) -> None:
    """There is a player that can play, the plot is drawn, and the card has followed the call to its end."""
    found, address = browser
    run_all(found, address.format("first_call"))
    ready, duration, source, error, has_controls = found.execute_script(PLAYER)
    assert ready >= 1  # HAVE_METADATA
    assert (True, "data:audio/wav;base64,", None, True) == (5 < duration < 20, source, error, has_controls)
    pictures = found.execute_script(PICTURES)
    assert len(pictures) >= 2
    assert all(complete and width > 500 and height > 300 for complete, width, height in pictures)
    cards = [card.text for card in found.find_elements("css selector", ".swsync-card")]
    assert any(text.startswith("ended") and "hangup" in text and "playing" in text for text in cards)
    shoot(found, "first_call", tmp_path)


def test_listen_live_in_jupyterlab(browser: Any, tmp_path: Path) -> None:
    """The meter moves while the call goes on."""
    found, address = browser
    seen = run_all(found, address.format("listen_live"), METER)
    assert len({text for text in seen if text}) >= 4
    shoot(found, "listen_live", tmp_path)


def test_batch_report_in_jupyterlab(browser: Any, tmp_path: Path) -> None:
    """The bars and the pictures of the batch are there, and no telephone number is in the views."""
    found, address = browser
    run_all(found, address.format("batch_report"))
    pictures = found.execute_script(PICTURES)
    assert len(pictures) >= 2
    assert all(complete and width > 500 for complete, width, _ in pictures)
    cards = [card.text for card in found.find_elements("css selector", ".swsync-card")]
    assert len(cards) >= 2
    assert all("human" in text and "+1202" not in text for text in cards)
    shoot(found, "batch_report", tmp_path)
