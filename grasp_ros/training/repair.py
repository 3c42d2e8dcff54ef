# SPDX-License-Identifier: Apache-2.0
"""The commands that repair a bag whose recording was cut off."""

from __future__ import annotations

from pathlib import Path

from rosbags.highlevel import AnyReader

from grasp_ros.training.bags import STORE


def repair(path: Path) -> str:
    """In words what brings back a bag that does not open, '' where nothing would."""
    if not path.exists():
        return ''
    folder = path if path.is_dir() else path.parent
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    if any(file.suffix == '.db3' for file in files):
        if (folder / 'metadata.yaml').exists():
            return ''
        return f'. Was the recording cut off? Repair it with `ros2 bag reindex -s sqlite3 {path}`'
    packed = [file for file in files if file.name.endswith('.mcap.zstd')]
    plain = [file for file in files if file.suffix == '.mcap']
    if not packed and not plain:
        return '; a folder with a .mcap or .db3 file expected' if path.is_dir() else ''
    # Of a bag in several files only those that do not open need it; packed ones open in no case.
    broken = [file for file in plain if not _opens(file)] or packed or plain
    steps = []
    for file in broken:
        if file in packed:
            steps.append(f'zstd -d {file}')
            file = file.with_suffix('')
        steps.append(f'mcap recover {file} -o {file.stem}_recovered.mcap')
    return (
        f'. Was the recording cut off? Repair it with `{" && ".join(steps)}`, put what is new in '
        f'place of the old, then `ros2 bag reindex -s mcap {folder}`'
    )


def _opens(file: Path) -> bool:
    try:
        with AnyReader([file], default_typestore=STORE):
            return True
    except Exception:  # whatever rosbags, zstd or struct raise
        return False
