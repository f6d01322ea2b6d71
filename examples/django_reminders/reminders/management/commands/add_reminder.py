from django.core.management.base import BaseCommand

from reminders.models import Reminder


class Command(BaseCommand):
    help = "Adds somebody who is to be reminded, and prints the reminder's id."

    def add_arguments(self, parser):
        parser.add_argument("number", help="E.164, such as +12025550110")
        parser.add_argument("name")

    def handle(self, *args, **options):
        reminder = Reminder(number=options["number"], name=options["name"])
        reminder.full_clean()
        reminder.save()
        self.stdout.write(str(reminder.pk))
