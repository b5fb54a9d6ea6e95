from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("nmigrate", "0007_last_here")]

    operations = [
        migrations.AddField(
            model_name="visit",
            name="language",
            field=models.CharField(
                blank=True,
                help_text="in which they read the pages; mails to them are in it",
                max_length=10,
            ),
        ),
    ]
