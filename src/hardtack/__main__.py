"""`python -m hardtack`: the same as the `hardtack` command."""

from hardtack.cli import main

main()
