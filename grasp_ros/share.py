# SPDX-License-Identifier: Apache-2.0
"""Where the package's own files lie: installed by colcon, by pip, or in the source tree."""

from __future__ import annotations

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


def find(kind: str, name: str) -> Path:
    """A file or folder by its path, or by its name in the package's folder `kind`.

    Raises BadInput naming both places when neither exists.
    """
    given = Path(name).expanduser()
    packaged = share_directory() / kind / name
    for candidate in (given, packaged):
        if candidate.exists():
            return candidate
    raise BadInput(f'{kind}: neither {given.absolute()} nor {packaged} exists')
