"""A menu for those who call in: 1 says the opening hours, 2 rings the team, anything else is asked for again."""

import os

import swsync

TEAM = os.environ.get("TEAM", "+12025550120")
MENU = "Welcome. Press 1 for our opening hours, or 2 to talk to us."


def answer(call):
    call.answer()
    for _ in range(3):
        choice = ask(call)
        if choice == "1":
            call.play_tts("We are here from nine to five.").wait()
        if choice == "1" or (choice == "2" and talk_to_team(call)):
            break
    call.play_tts("Goodbye.").wait()
    call.hangup()


def ask(call):
    result = call.prompt_tts(MENU, {"digits": {"max": 1}, "initial_timeout": 5}).wait(timeout=60).result
    return result["params"]["digits"] if result.get("type") == "digit" else ""


def talk_to_team(call):
    line = call.connect_phone(TEAM, call.to, timeout=20)
    try:
        line.wait_connected(timeout=30)
    except swsync.ConnectFailed as error:
        call.play_tts(f"We cannot be reached: {error.reason}.").wait()
        return False
    line.wait_disconnected()
    return True


if __name__ == "__main__":
    client = swsync.RelayClient(contexts=["default"])
    client.on_call(answer)
    client.run()
