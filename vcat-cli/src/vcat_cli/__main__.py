"""``python -m vcat_cli``: the command, where it is not on the path."""

from __future__ import annotations

import sys

# `-m` puts the working directory first, but looking at jobs must not import what lies beside them.
# With `-P` or `-I` it is not there.
if not (getattr(sys.flags, "safe_path", False) or sys.flags.isolated):
    del sys.path[0]

from vcat_cli import main  # must not be looked for in the working directory

if __name__ == "__main__":
    sys.exit(main())
