from django.core.management.base import BaseCommand, CommandError

from reminders import calls
from reminders.models import Reminder


class Command(BaseCommand):
    help = "Calls everybody whose reminder is due, one after the other."

    def add_arguments(self, parser):
        parser.add_argument("--most", type=int, default=100, help="how many at most (100)")

    def handle(self, *args, **options):
        failed = 0
        with calls.client() as relay:  # closed at the end; Ctrl-C ends the call
            for reminder in Reminder.objects.filter(state="due")[: options["most"]]:
                if reminder.claim():  # two runs at once share the work
                    failed += not calls.remind(reminder, relay)
                    self.stdout.write(f"{reminder.name}: {reminder.state} {reminder.detail}")
        if failed:
            raise CommandError(f"{failed} were not reached")
