#!/usr/bin/env bash
# Train this MMAR once, with config/config_train.json as it stands.
#   train.sh [KEY=VALUE ...]     for instance: train.sh epochs=3 learning_rate=0.001
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/set_env.sh"

exec "$MMAR_AUTOML_PYTHON" -u -m mmar_automl train \
    -m "$MMAR_ROOT" \
    -c config/config_train.json \
    -e config/environment.json \
    --write_train_stats \
    --set print_conf=False "$@"
