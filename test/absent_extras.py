# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin: test files that import what an extra would bring are skipped without it.

So `pytest test` runs with any extras, and says what it left out and why. With all extras there is
nothing to skip: an import that fails is an error.
"""

import importlib.util

import pytest

from grasp_ros.cli.main import KNOWN_BY


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """The error of a file, or of a folder's conftest.py, becomes a skip that names the extras."""
    report = yield
    call = report.__dict__['call']
    error = call.excinfo.value if report.failed and call.excinfo else None
    while error is not None and not isinstance(error, ModuleNotFoundError):
        error = getattr(error, 'cause', None) or error.__cause__
    absent = [extra for extra, name in KNOWN_BY.items() if not importlib.util.find_spec(name)]
    if error is not None and absent:
        reason = f'{error}, and grasp_ros[{",".join(absent)}] is not installed'
        report.outcome, report.longrepr = 'skipped', (str(collector.path), 1, reason)
    return report
