"""python -m reference [--seed 5] [--out rows] [ROW ...]

Run it in `test/parity/`; remakes every row, or those that are named: OUT/ROW/model and OUT/ROW/golden.json. Needs what
models/export/requirements.txt pins; no network. The committed rows were made with seed 5.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE.parents[1] / "models"))

from transformers.utils.logging import disable_progress_bar  # noqa: E402

from reference.making import make_row  # noqa: E402
from reference.rows import ROWS  # noqa: E402

parser = argparse.ArgumentParser(prog="python -m reference", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("rows", metavar="ROW", nargs="*", help=f"of {', '.join(ROWS)}; all by default")
parser.add_argument("--seed", type=int, default=5)
parser.add_argument("--out", type=Path, default=HERE / "rows")
arguments = parser.parse_args()
disable_progress_bar()
for name in arguments.rows or ROWS:
    if name not in ROWS:
        raise SystemExit(f"No row {name}; there are {', '.join(ROWS)}.")
    make_row(name, ROWS[name], arguments.seed, arguments.out.resolve())
