# SPDX-License-Identifier: Apache-2.0
"""The learned world model: encoder, latent dynamics, and the roadmap of what was seen."""
