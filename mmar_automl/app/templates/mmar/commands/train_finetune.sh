#!/usr/bin/env bash
# Train on from the weights of MMAR_CKPT (models/model.pt), into models/finetuned, so that the
# model that it begins with stays.
#   train_finetune.sh [KEY=VALUE ...]     for instance: train_finetune.sh MMAR_CKPT=models/other.pt
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/set_env.sh"

mkdir -p "$MMAR_ROOT/models/finetuned"
exec "$MMAR_AUTOML_PYTHON" -u -m mmar_automl train \
    -m "$MMAR_ROOT" \
    -c config/config_train.json \
    -e config/environment.json \
    --write_train_stats \
    --set print_conf=False dont_load_ckpt_model=False MMAR_CKPT_DIR=models/finetuned "$@"
