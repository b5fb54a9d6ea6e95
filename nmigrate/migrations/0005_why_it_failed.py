"""Why a move failed, apart from what happened; and what the cloud said, one by one with step, host and request."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("nmigrate", "0004_judged_and_noticed")]

    operations = [
        migrations.AddField(
            model_name="migration",
            name="why",
            field=models.TextField(blank=True, default="", help_text="why it did, in plain words"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="migration",
            name="evidence",
            field=models.JSONField(
                default=list, help_text="the same one by one: said, step, host and Nova's request id"
            ),
        ),
        migrations.AlterField(
            model_name="migration",
            name="next_step",
            field=models.TextField(blank=True, help_text="what to do about it"),
        ),
    ]
