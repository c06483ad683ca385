"""A plugin whose third import down is missing."""

import fake_broken_sdk  # noqa: F401 - fails, which is the point
