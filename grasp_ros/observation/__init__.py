# SPDX-License-Identifier: Apache-2.0
"""From the fields of camera and joint messages to observations that can be trusted."""
