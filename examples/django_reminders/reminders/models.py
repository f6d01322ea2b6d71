from django.core.validators import RegexValidator
from django.db import models


class Reminder(models.Model):
    """Somebody who is to be called, once."""

    number = models.CharField(max_length=16, validators=[RegexValidator(r"^\+[1-9][0-9]{6,14}\Z")])
    name = models.CharField(max_length=80)
    state = models.CharField(max_length=10, default="due")  # due, calling, reached, failed, unknown
    detail = models.CharField(max_length=200, blank=True)

    def claim(self):
        """Take it for a call; false if another process, or an earlier run, has."""
        return bool(Reminder.objects.filter(pk=self.pk, state="due").update(state="calling"))
