"""The pytest plugin: each fixture, both times, several processes, and what it costs those who do not use it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Run the tests of a user's project, where every warning is an error."""
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = --strict-markers")
    return pytester.runpytest_subprocess("-p", "swsync.testing", "-p", "no:cacheprovider", *options, timeout=120)


@pytest.fixture(autouse=True)
def this_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package of this folder, in other processes too."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))


def test_the_example(pytester: pytest.Pytester) -> None:
    """The menu and its test run as they stand, one test after the other and side by side."""
    for name in ("ivr.py", "test_ivr.py"):
        shutil.copy(ROOT / "examples" / name, pytester.path / name)
    run(pytester).assert_outcomes(passed=2)
    run(pytester, "-n", "2").assert_outcomes(passed=2)


def test_the_page_shows_the_example() -> None:
    """docs/testing.md prints the test that runs."""
    test = (ROOT / "examples" / "test_ivr.py").read_text()
    page = (ROOT / "docs" / "testing.md").read_text()
    assert test[test.index("import ivr") :].strip() in page
    assert len(test.splitlines()) <= 18
    assert len((ROOT / "examples" / "ivr.py").read_text().splitlines()) <= 42


def test_every_fixture_in_virtual_time(pytester: pytest.Pytester) -> None:
    """One time for all of them; an hour of it is a moment."""
    pytester.makepyfile(
        """
        import pytest
        from swsync.clock import VirtualClock

        def test_dial(relay_client, local_relay, relay_clock, callee, tmp_path):
            assert isinstance(relay_clock, VirtualClock) and local_relay.clock is relay_clock
            bob = callee("+12025550123", answers_after=20, speech=b"\\1\\2" * 8000)
            call = relay_client.dial_phone(to="+12025550123", from_number="+12025550199", timeout=30)
            with call.capture(tmp_path / "a.wav") as capture:
                relay_clock.sleep(2)
            relay_clock.sleep(3600)
            call.hangup()
            assert bob.rings == 1 and capture.quality["said"].packets_lost == 0

        def test_inbound(relay_client, inbound_call):
            caller = inbound_call(from_="+12025550111")
            call = relay_client.next_call(timeout=5)
            assert call.from_ == "+12025550111" and caller.state == "ringing"
            call.answer()
            caller.hang_up()
            assert call.wait_for_ended(timeout=10).end_reason == "hangup"

        @pytest.mark.local_relay(contexts=["a", "b"], seed=7)
        class TestMarked:
            @pytest.mark.local_relay(contexts=["c"])
            def test_closest(self, relay_client, inbound_call):
                inbound_call()
                assert relay_client.next_call(timeout=5).context == "c"

            def test_class(self, relay_client, inbound_call):
                inbound_call("b")
                assert relay_client.next_call(timeout=5, context="b")

        ids = []

        @pytest.mark.parametrize("again", range(2))
        def test_isolated(local_relay, relay_client, again):
            assert not local_relay.calls
            call = relay_client.dial_phone(to="+12025550100", from_number="+12025550199")
            ids.append(call.call_id)
            assert ids[0] == call.call_id  # the same seed, another relay
        """
    )
    run(pytester).assert_outcomes(passed=6)


def test_sockets(pytester: pytest.Pytester) -> None:
    """By the marker or the option: real time, and variables for programs that make their own client."""
    pytester.makepyfile(
        """
        import pytest, swsync
        from swsync.clock import RealClock

        @pytest.mark.local_relay(sockets=True)
        def test_marker(relay_environment, local_relay, inbound_call):
            with swsync.RelayClient(contexts=["default"]) as client:
                inbound_call()
                assert client.next_call(timeout=5)
            assert type(local_relay.clock) is RealClock and "local" in relay_environment["SIGNALWIRE_SPACE"]

        @pytest.mark.local_relay(speed=2)
        def test_speed(relay_client, relay_clock):
            relay_client.dial_phone(to="+12025550100", from_number="+12025550199")
            assert relay_clock.speed == 2

        def test_option(local_relay, pytestconfig):
            assert local_relay.is_virtual != pytestconfig.getoption("--relay-sockets")
        """
    )
    run(pytester).assert_outcomes(passed=3)
    run(pytester, "--relay-sockets").assert_outcomes(passed=3)


def test_contexts_of_the_marker(pytester: pytest.Pytester) -> None:
    """One word is one context, not its letters; a client of none can still be called on ``default``."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.local_relay(contexts="support")
        def test_a_word(relay_client, inbound_call):
            inbound_call()
            assert relay_client.next_call(timeout=5).context == "support"

        @pytest.mark.local_relay(contexts=())
        def test_none(relay_client, inbound_call):
            with pytest.raises(Exception, match="default"):
                inbound_call(timeout=1)
        """
    )
    run(pytester).assert_outcomes(passed=2)


def test_mistakes_are_named(pytester: pytest.Pytester) -> None:
    """A variable without a socket, a marker with a bare value, a setting that there is not."""
    pytester.makepyfile(
        """
        import pytest

        def test_environment(relay_environment): ...

        @pytest.mark.local_relay("sockets")
        def test_bare(local_relay): ...

        @pytest.mark.local_relay(sped=3)
        def test_name(local_relay): ...
        """
    )
    result = run(pytester)
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines_random(["*needs sockets: mark the test*", "*takes names only*", "*'sped'*"])


def test_a_failure_shows_the_journal(pytester: pytest.Pytester) -> None:
    """What was asked and told, and no pings; nothing for tests without a relay."""
    pytester.makepyfile(
        """
        def test_fails(relay_client, relay_clock):
            relay_client.dial_phone(to="+12025550100", from_number="+12025550199").hangup()
            relay_clock.sleep(300)
            assert False

        def test_other():
            assert False
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=2)
    text = result.stdout.str()
    assert 1 == text.count("Captured journal call")
    result.stdout.fnmatch_lines(["*in   calling.dial*", "*out  calling.call.state answered*"])
    assert "signalwire.ping" not in text


def test_nothing_is_imported_until_used(pytester: pytest.Pytester) -> None:
    """A project that has swsync installed and does not test with it pays for one small module."""
    pytester.makepyfile(
        """
        import sys

        def test_modules():
            loaded = {name for name in sys.modules if name.split(".")[0] == "swsync"}
            assert loaded == {"swsync", "swsync.testing"}
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_the_plugin_is_announced() -> None:
    """By the entry point that pytest looks for; as a plugin by name it is the same one."""
    text = (ROOT / "pyproject.toml").read_text()
    assert '[project.entry-points.pytest11]\n"swsync.testing" = "swsync.testing"' in text
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "swsync.testing", "--markers", "-c", os.devnull],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "@pytest.mark.local_relay" in done.stdout
