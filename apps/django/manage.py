"""Django's command-line utility for administrative tasks."""

import os
import sys


def main() -> None:
    """Run administrative tasks."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asset_api.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - as Django has it

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
