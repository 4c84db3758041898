"""One self-contained page about a run or a study: what was run, and what came of it."""
