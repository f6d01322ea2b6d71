"""Twenty reminders: people, machines and busy lines of a local relay; results.csv and report.html at the end."""

import csv
import sys

import swsync
from swsync.batch import Batch, announce

with open("numbers.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["number", "name", "consent", "zone"])
    rows.writerows([f"+120255501{n}", f"patient {n}", "yes", "America/New_York"] for n in range(40, 60))

with swsync.LocalRelay(speed=4) as relay, Batch(
    "reminders",
    "calls.db",                                              # the ledger: who was called stands in it, for good
    announce("Hello {name}, your appointment is tomorrow at ten. Press 9 to get no more calls."),
    settings=relay.settings,                                 # with an account: leave it out
    from_number="+12025550199",
    prefixes=["+1202"],                                      # nobody else is ever dialed
    start="00:00", end="24:00",                              # your hours; 09:00 to 20:00 of each row's zone if left out
    rate=2, concurrency=20,
) as batch:  # fmt: skip
    print(batch.load("numbers.csv"))
    print(batch.preflight())
    summary = batch.run(progress=sys.stderr.isatty())
    batch.export("results.csv")
    batch.report("report.html")

for outcome, count in sorted(summary.outcomes.items()):
    print(f"{count:3} {outcome}")
