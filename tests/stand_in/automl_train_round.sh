#!/usr/bin/env bash
# The round script of the tests: a stand-in trainer in place of a real one.
set -eu
exec "$MMAR_AUTOML_PYTHON" -I -S "$MMAR_ROOT/custom/stand_in.py" "$MMAR_ROOT" "$@"
