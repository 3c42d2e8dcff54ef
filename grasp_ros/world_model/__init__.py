# SPDX-License-Identifier: Apache-2.0
"""The learned world model: encoder, latent dynamics, and the memory of what was seen."""
