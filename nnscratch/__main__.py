"""``python -m nnscratch``."""

import sys

from nnscratch.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
