#!/usr/bin/env bash
# Write the sample's data (data/, 0.2 MB) from the MNI152 template inside the nilearn package.
# Does nothing where they are there already; --force writes them again.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/set_env.sh"

exec "$MMAR_AUTOML_PYTHON" "$MMAR_ROOT/commands/prepare_dataset.py" "$MMAR_ROOT" "$@"
