import sys

from visavis.cli import main

sys.exit(main())
