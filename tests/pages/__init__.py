"""Tests of the pages that `mabe report` writes; a package, as its helpers are shared with docs/."""
