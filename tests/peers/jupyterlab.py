"""A JupyterLab of its own, and a headless Chromium that looks at it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

NOTEBOOKS = Path(__file__).parents[2] / "examples" / "notebooks"
PATIENCE = 120.0
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--window-size=1150,5200",
)  # fmt: skip
# Cells that are out of sight have no HTML otherwise; and nothing is asked of the network.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false", "doNotDisturbMode": True},
}
STATE = """
const cells = [...document.querySelectorAll('.jp-CodeCell')];
const done = cells.filter(c => /^\\[\\d+\\]:$/.test(c.querySelector('.jp-InputPrompt').textContent));
const errors = ['error', 'stderr'].map(kind => `[data-mime-type="application/vnd.jupyter.${kind}"]`).join();
return [cells.length, done.length, [...document.querySelectorAll(errors)].map(e => e.textContent)]
"""

# Asked to run before its kernel is there, JupyterLab opens a dialog instead.
READY = """
const context = window.jupyterapp?.shell?.currentWidget?.context?.sessionContext;
return !!context?.isReady && context.session?.kernel?.status === 'idle' && !!document.querySelector('.jp-CodeCell');
"""


@contextmanager
def lab(directory: Path) -> Iterator[str]:
    """Serve copies of the notebooks; gives the address with its token."""
    for name in ("home", "settings", "runtime", "books"):
        (directory / name).mkdir()
    for book in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(book, directory / "books")
    for name, values in SETTINGS.items():
        file = directory / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    environment = {
        **os.environ,
        "HOME": str(directory / "home"),
        "JUPYTER_RUNTIME_DIR": str(directory / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(directory / "settings"),
    }
    token = secrets.token_hex(16)
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0", f"--IdentityProvider.token={token}"]
    quiet = [
        "--LabApp.news_url=None",
        "--LabApp.expose_app_in_browser=True",  # as `jupyterapp`
        "--LabApp.extension_manager=readonly",
        f"--ServerApp.root_dir={directory / 'books'}",
    ]
    with (directory / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, *quiet], env=environment, stdout=log, stderr=log
        )
        try:
            # A workspace for each, in which nothing else is open.
            yield f"{_address(server, directory)}lab/workspaces/{{0}}/tree/{{0}}.ipynb?token={token}"
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _address(server: subprocess.Popen[bytes], directory: Path) -> str:
    """What the server wrote down once it listens."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.2)):
        for file in (directory / "runtime").glob("jpserver-*.json"):
            return str(json.loads(file.read_text())["url"])
        assert server.poll() is None, (directory / "lab.log").read_text()
        pause.wait(0.2)
    raise AssertionError((directory / "lab.log").read_text())


@contextmanager
def chromium(directory: Path) -> Iterator[Any]:
    """A browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={directory / 'profile'}"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        yield browser
    finally:
        browser.quit()


def run_all(browser: Any, address: str, watch: str = "return null") -> list[Any]:
    """Open a notebook, run all its cells, and wait until they are through.

    Returns:
        What the JavaScript ``watch`` gave each time that was looked.
    """
    browser.get(address)
    wait = WebDriverWait(browser, PATIENCE, poll_frequency=0.2)
    wait.until(lambda b: b.execute_script(READY))
    browser.execute_script("jupyterapp.commands.execute('runmenu:run-all')")
    seen = []

    def is_done(b: Any) -> bool:
        seen.append(b.execute_script(watch))
        cells, done, errors = b.execute_script(STATE)
        assert [] == errors
        return bool(cells == done)

    try:
        wait.until(is_done)
    except TimeoutException:
        prompts = [e.text for e in browser.find_elements(By.CSS_SELECTOR, ".jp-CodeCell .jp-InputPrompt")]
        pytest.fail(f"not all cells ran in {PATIENCE:.0f} s: {prompts}")
    assert [] == browser.execute_script(STATE)[2]
    return seen
