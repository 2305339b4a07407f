"""python -m export SRC DST

Run it in `models/`. SRC is a checkpoint's folder, whose `config.json` names the architecture; DST becomes a model folder
that `iris models` lists. Needs what requirements.txt pins; no network.
"""

import argparse
from pathlib import Path

from export.architectures import export_checkpoint

parser = argparse.ArgumentParser(prog="python -m export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("source", metavar="SRC", type=Path)
parser.add_argument("target", metavar="DST", type=Path)
parser.add_argument("--name", help="what people read; the folder's name by default")
parser.add_argument("--summary", default="", help="one sentence for people")
parser.add_argument("--license", default="Unknown", help="the licence's SPDX identifier")
parser.add_argument("--source-note", default="", help="where the checkpoint comes from")
arguments = parser.parse_args()
about = {"name": arguments.name, "summary": arguments.summary, "license": arguments.license, "source": arguments.source_note}
export_checkpoint(arguments.source, arguments.target, {key: value for key, value in about.items() if value})
