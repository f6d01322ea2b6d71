from django.core.validators import RegexValidator
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Reminder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=16, validators=[RegexValidator(r"^\+[1-9][0-9]{6,14}\Z")])),
                ("name", models.CharField(max_length=80)),
                ("state", models.CharField(default="due", max_length=10)),
                ("detail", models.CharField(blank=True, max_length=200)),
            ],
        ),
    ]
