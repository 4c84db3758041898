"""What a plugin's author runs against a plugin: `mabe plugin check`, and the same in a test.

from mabe_core.testing import assert_passes, check_plugin

def test_the_plugin_keeps_its_promises():
    assert_passes(check_plugin("mabe_tcn"))
"""

from __future__ import annotations

from mabe_core.testing.component import check_component
from mabe_core.testing.findings import Finding, assert_passes
from mabe_core.testing.plugin import check_plugin, values_file
from mabe_core.testing.values import StoredValues

__all__ = [
    "Finding",
    "StoredValues",
    "assert_passes",
    "check_component",
    "check_plugin",
    "values_file",
]
