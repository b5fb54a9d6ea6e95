"""manage.py translations: bring locale/ in line with the code."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Reads every message of code and templates, keeps what is translated, writes the .po and .mo files."""

    help = (
        "Updates the translations in locale/ from the code; names the messages that lack one. For developers."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            from nmigrate import translations
        except ImportError:
            raise CommandError("This needs Babel, which the tests' environment has: run it there.") from None
        for language in translations.languages():
            catalogue = translations.updated(language)
            translations.write(language, catalogue)
            missing = translations.untranslated(catalogue)
            self.stdout.write(f"{language}: {len(catalogue)} messages, {len(missing)} not translated")
            for message in missing[:500]:
                self.stdout.write(f"  {message}")
