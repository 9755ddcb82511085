#!/usr/bin/env bash
# Search this MMAR's hyperparameters.
#   automl.sh [OPTION ...]       the options of `mmar-automl run`, for instance --workers cpu:cpu
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/set_env.sh"

exec "$MMAR_AUTOML_PYTHON" -u -m mmar_automl run "$MMAR_ROOT" "$@"
