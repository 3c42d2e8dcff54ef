# SPDX-License-Identifier: Apache-2.0
"""LeRobotDataset folders (v3) to rosbags and back, without the library of that name."""
