# SPDX-License-Identifier: Apache-2.0
"""An environment as if only some of the package's extras were installed.

    python test/tiers.py sim,test pytest test/sim

runs a module with its arguments, blind to all that these extras do not bring. What they bring is
read from setup.py and from the installed packages, so it needs no list of its own.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import runpy
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import setuptools
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


def setup_arguments() -> dict[str, Any]:
    """What setup.py hands to setuptools.setup."""
    with contextlib.chdir(ROOT), mock.patch.object(setuptools, 'setup') as setup:
        runpy.run_path('setup.py')
    return dict(setup.call_args.kwargs)


def requirements(extras: Iterable[str] = ()) -> list[Requirement]:
    """What setup.py asks for: the package's own dependencies, and those of these extras."""
    arguments = setup_arguments()
    texts = list(arguments['install_requires'])
    for extra in extras:
        texts += arguments['extras_require'][extra]
    return [Requirement(text) for text in texts]


def missing(extra: str) -> list[str]:
    """The distributions of an extra that are not installed."""
    return [one.name for one in requirements([extra]) if _find(one.name) is None]


def closure(wanted: Iterable[Requirement]) -> set[str]:
    """The installed distributions that the wanted ones need, themselves included."""
    seen: set[tuple[str, str]] = set()
    waiting = list(wanted)
    while waiting:
        one = waiting.pop()
        found = _find(one.name)
        if found is None:
            continue
        for extra in ('', *one.extras):
            key = (canonicalize_name(one.name), extra)
            if key in seen:
                continue
            seen.add(key)
            needed = (Requirement(text) for text in found.requires or ())
            waiting += [
                need
                for need in needed
                if not need.marker or need.marker.evaluate({'extra': extra})
            ]
    return {name for name, _ in seen}


def hide(extras: Iterable[str]) -> None:
    """From now on, import only what the package needs, with these extras."""
    visible = {'grasp-ros', *closure(requirements(extras))}
    hidden = {
        module
        for module, distributions in importlib.metadata.packages_distributions().items()
        if not visible & {canonicalize_name(name) for name in distributions}
    }
    sys.meta_path[:] = [_Blind(finder, hidden, visible) for finder in sys.meta_path]
    for name in [name for name in sys.modules if name.split('.')[0] in hidden]:
        del sys.modules[name]


def _find(name: str) -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


class _Blind:
    """A finder that does not see some modules, and sees some distributions only."""

    def __init__(self, finder: Any, hidden: set[str], visible: set[str]) -> None:
        self._finder, self._hidden, self._visible = finder, hidden, visible

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.split('.')[0] in self._hidden:
            return None
        return self._finder.find_spec(name, path, target)

    def find_distributions(self, *context: Any) -> Iterator[importlib.metadata.Distribution]:
        find = getattr(self._finder, 'find_distributions', lambda *_: ())
        for one in find(*context):
            if canonicalize_name(one.metadata['Name'] or '') in self._visible:
                yield one

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)


if __name__ == '__main__':
    _, extras, module, *arguments = sys.argv
    hide(filter(None, extras.split(',')))
    sys.path[0] = str(ROOT)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name='__main__', alter_sys=True)
