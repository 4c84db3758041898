"""One self-contained page about a run or a study: what was run, how it went, what it does to each recording."""
