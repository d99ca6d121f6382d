"""`python -m visavis`."""

import sys

try:
    from visavis.cli import command

    command()
except KeyboardInterrupt:  # during the import, before `command` handles it
    sys.exit(130)
