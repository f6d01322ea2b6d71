"""The menu of ivr.py, tried by people who call in: `pytest examples/test_ivr.py`."""

import ivr


def test_a_wrong_key_and_then_the_hours(relay_client, inbound_call):
    relay_client.on_call(ivr.answer)
    caller = inbound_call(presses=["9", "1"])
    caller.wait_for_ended(timeout=300)
    assert len(caller.heard) > 10 * 8000  # samples: the menu twice, the hours, goodbye


def test_an_hour_with_the_team(relay_client, inbound_call, callee):
    team = callee(ivr.TEAM, hangs_up_after=3600)
    relay_client.on_call(ivr.answer)
    inbound_call(presses="2").wait_for_ended(timeout=4000)
    assert team.rings == 1
