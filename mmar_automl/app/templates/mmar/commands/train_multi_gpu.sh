#!/usr/bin/env bash
# Train this MMAR in several processes, one for each GPU (without GPUs, on CPU cores).
#   train_multi_gpu.sh [N] [KEY=VALUE ...]     N processes; by default one for each visible GPU
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/set_env.sh"

case "${1:-}" in
    [0-9]*) processes="$1"; shift ;;
    *) processes="$(nvidia-smi -L 2>/dev/null | grep -c . || true)" ;;
esac
if [ "$processes" -lt 1 ]; then
    processes=1
fi

# --standalone takes a free port, so that two trainings on one machine do not meet.
exec "$MMAR_AUTOML_PYTHON" -u -m torch.distributed.run --standalone \
    --nproc_per_node="$processes" -m mmar_automl train \
    -m "$MMAR_ROOT" \
    -c config/config_train.json \
    -e config/environment.json \
    --write_train_stats \
    --set print_conf=False multi_gpu=True "$@"
