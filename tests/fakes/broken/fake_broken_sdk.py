"""Stands for an SDK that is installed without what it needs."""

import fake_missing_cloud  # noqa: F401 - fails, which is the point
