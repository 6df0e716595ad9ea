"""`python -m kerasos` is the command `kerasos`, where that is not on the path."""

import sys

from kerasos.command.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
