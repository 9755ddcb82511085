#!/usr/bin/env bash
# Write the trained model as TorchScript: models/model.pt to models/model.ts.
#   export.sh [KEY=VALUE ...]
# For a network that cannot be scripted, add --input_shape to trace it.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/set_env.sh"

exec "$MMAR_AUTOML_PYTHON" -u -m mmar_automl export \
    -m "$MMAR_ROOT" \
    -c config/config_train.json \
    -e config/environment.json \
    --model_path "$MMAR_ROOT/models/model.pt" \
    --output_path "$MMAR_ROOT/models/model.ts" \
    --set print_conf=False "$@"
