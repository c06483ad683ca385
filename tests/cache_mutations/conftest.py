"""The package of the table is importable here as it is for ``python -m mutations``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
