"""`python -m search`: the `search` command."""

from search.cli import main

main()
