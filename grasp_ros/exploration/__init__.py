# SPDX-License-Identifier: Apache-2.0
"""How a robot moves so that its recording teaches what it can do: everywhere, and at obstacles."""
