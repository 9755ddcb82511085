#!/usr/bin/env bash
# Validate the trained model, as config/config_validation.json says. The model is the checkpoint
# MMAR_CKPT, or with "dont_load_ckpt_model=True dont_load_ts_model=False" the TorchScript
# MMAR_TORCHSCRIPT, which export.sh writes.
#   validate.sh [KEY=VALUE ...]
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/set_env.sh"

exec "$MMAR_AUTOML_PYTHON" -u -m mmar_automl evaluate \
    -m "$MMAR_ROOT" \
    -c config/config_validation.json \
    -e config/environment.json \
    --set print_conf=False "$@"
