"""Read the digits in pictures: ``python predict.py --help``."""

import sys

from nnscratch.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["predict", *sys.argv[1:]], prog="predict.py"))
