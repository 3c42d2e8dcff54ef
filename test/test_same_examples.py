# SPDX-License-Identifier: Apache-2.0
"""The examples that hypothesis draws do not depend on what else is imported."""

import importlib.util
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

# Drawn as examples, were they noticed.
CONSTANTS = [1000 + 37 * number for number in range(200)]


def drawn() -> list[int]:
    """The examples of a test that never fails."""
    seen: list[int] = []

    @given(st.lists(st.integers(), min_size=20, max_size=20))
    def property_test(numbers):
        seen.extend(numbers)

    property_test()
    return seen


def test_examples_are_the_same_after_another_import(tmp_path):
    if settings.get_current_profile_name() != 'fixed':
        pytest.skip('the profile that is loaded searches for new examples')
    before = drawn()
    path = tmp_path / 'constants.py'
    path.write_text(f'CONSTANTS = {CONSTANTS}\n')
    spec = importlib.util.spec_from_file_location('constants_of_a_local_module', path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        assert drawn() == before
