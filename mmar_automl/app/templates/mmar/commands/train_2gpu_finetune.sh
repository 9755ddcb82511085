#!/usr/bin/env bash
# Train on from the weights of MMAR_CKPT on two GPUs, into models/finetuned.
#   train_2gpu_finetune.sh [KEY=VALUE ...]
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/set_env.sh"

mkdir -p "$MMAR_ROOT/models/finetuned"
exec bash "$MMAR_ROOT/commands/train_multi_gpu.sh" 2 \
    dont_load_ckpt_model=False MMAR_CKPT_DIR=models/finetuned "$@"
