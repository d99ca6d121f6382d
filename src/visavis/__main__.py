"""`python -m visavis`."""

import sys

try:
    from visavis.cli import main

    status = main()
except KeyboardInterrupt:  # during the import, before `main` handles it
    status = 130
sys.exit(status)
