# SPDX-License-Identifier: Apache-2.0
"""Where files lie: the package's own, installed by colcon or pip or in its source, and a cache."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from grasp_ros.types import BadInput


def share_directory() -> Path:
    """The folder that holds config/, urdf/, launch/ and models/.

    The source tree comes first, so that an editable install sees the files being edited; then the
    ament index of a ROS installation; then the prefix that pip installed to.
    """
    source = Path(__file__).resolve().parent.parent
    if (source / 'package.xml').is_file() and (source / 'config').is_dir():
        return source
    try:
        from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

        try:
            return Path(get_package_share_directory('grasp_ros'))
        except (PackageNotFoundError, OSError):  # OSError: AMENT_PREFIX_PATH is unset
            pass
    except ImportError:
        pass
    return Path(sys.prefix) / 'share' / 'grasp_ros'


def cache_directory() -> Path:
    """The user's folder for what can be made again; it need not exist."""
    cache = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    return cache / 'grasp_ros'


def find(kind: str, name: str, beside: Path | None = None) -> Path:
    """A file or folder by its path, or by its name in the package's folder `kind`.

    beside: a file; the name is looked for in its folder too, first of all, and is never the file
    itself. Raises BadInput naming all places when nothing exists.
    """
    return _first(kind, [name], beside)


def find_yaml(kind: str, name: str, beside: Path | None = None) -> Path:
    """As `find`, for a file whose suffix .yaml may be left out."""
    names = [name] if name.endswith('.yaml') else [f'{name}.yaml', name]
    return _first(kind, names, beside, files=True)


def _first(kind: str, names: list[str], beside: Path | None, files: bool = False) -> Path:
    folders = [Path(), share_directory() / kind]
    if beside is not None:
        folders.insert(0, beside.parent)
    places = [folder / Path(name).expanduser() for folder in folders for name in names]
    for place in places:
        itself = beside is not None and place.resolve() == beside.resolve()
        if not itself and (place.is_file() if files else place.exists()):
            return place
    listed = ', '.join(dict.fromkeys(str(place.absolute()) for place in places))
    raise BadInput(f'{kind}: none of {listed} exists')
