# SPDX-License-Identifier: Apache-2.0
"""Long-horizon robot control by planning in the latent space of a learned world model."""

__version__ = '0.1.0'
