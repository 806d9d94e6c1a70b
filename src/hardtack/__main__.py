"""`python -m hardtack`: the same as the `hardtack` command."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working directory, which may be anybody's

from hardtack.cli import main

main()
