"""Names that a new plugin cannot have: they are refused before anything is written."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["Ripple 2"], "Did you mean 'ripple_2'?"),
        (["mabe_"], "does not end in _: not 'mabe_'. Did you mean 'mabe'?"),
        (["b" * 61], "at most 60 letters, not 61"),
        (["none"], "'none' is a word of Python's"),
        (["class"], "'class' is a word of Python's"),
        (["true"], "'true' is no text in YAML"),
        (["null"], "'null' is no text in YAML"),
        (["transformer"], "model 'transformer' is there already, from plugin transformer"),
        (["mabe_core", "--package"], "'mabe_core' is the name of a module that is installed"),
        (["mabe_plugins", "--package"], "'mabe_plugins' is the name of a module that is installed"),
        (["json"], "'json' is the name of a module that is installed"),
        (["tensorboard", "--package"], "'tensorboard' is taken by plugin tensorboard (mabe-core"),
        (["tensorboard", "--watcher", "--package"], "'tensorboard' is taken by plugin tensorboard"),
        (["loss", "--kind", "metric"], "'loss' is the name of a score already"),
        (["macro_f1", "--kind", "metric"], "'macro_f1' is the name of a score already"),
        (["ripple", "--kind", "modle"], "Did you mean 'model'?"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_name_that_cannot_be_is_refused(mabe, folder, words, told):
    outcome = mabe("plugin", "new", *words)
    assert outcome.code == 2
    assert told in outcome.err
    assert not list(folder.iterdir())


def test_what_yaml_1_1_took_for_a_truth_value_is_a_name(mabe, folder):
    assert mabe("plugin", "new", "yes").code == 0
    assert mabe("run", "yes.yaml", "--dry-run").code == 0
