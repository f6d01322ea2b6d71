"""Voicemail drop: a person is talked to; a machine is left a message after its beep."""

import os

import swsync

TO = os.environ.get("TO", "+12025550100")
FROM = os.environ.get("FROM", "+12025550199")

with swsync.RelayClient() as client:
    try:
        call = client.dial_phone(to=TO, from_number=FROM, timeout=30)
    except swsync.DialFailed as failure:
        raise SystemExit(f"{TO}: {failure.reason}") from None
    with call:
        detect = call.detect_answering_machine(timeout=30)
        found = detect.detection(wait_for_beep=True, timeout=40)
        print("answered by", found.answer)
        if found.answer == "MACHINE":
            call.play_tts("Your parcel is ready to be fetched. Goodbye.").wait()
        else:
            call.play_tts("Hello. Your parcel is ready.").wait()
