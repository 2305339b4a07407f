"""All rows: a name, which is also the folder's, and the function that makes it."""

from reference import dual_encoder

ROWS = {
    "clip": dual_encoder.clip,
}
