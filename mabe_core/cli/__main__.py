"""`python -m mabe_core.cli` is `mabe`."""

from mabe_core.cli import main

main()
