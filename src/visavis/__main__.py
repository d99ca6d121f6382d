import sys

try:
    from visavis.cli import main

    status = main()
except KeyboardInterrupt:  # before `main` could take care of it
    status = 130
sys.exit(status)
