#!/usr/bin/env bash
# One training of a search, run in the job's own copy of the MMAR. A search calls this script
# and reads models/train_stats.json afterwards; put any training program here that writes it.
set -eu
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
if [ -f "$here/set_env.sh" ]; then
    . "$here/set_env.sh"
fi
MMAR_ROOT="${MMAR_ROOT:-$(dirname "$here")}"

rm -rf "$MMAR_ROOT/eval"

# A worker with several GPUs trains as several processes; --standalone takes a free port, so
# that two jobs on one machine do not meet.
launch=("${MMAR_AUTOML_PYTHON:-python3}" -u)
if [ "${AUTOML_NUM_GPUS:-1}" -gt 1 ]; then
    launch+=(-m torch.distributed.run --standalone --nproc_per_node="$AUTOML_NUM_GPUS")
fi

# exec, so that the search's signals reach the training itself.
exec "${launch[@]}" -m mmar_automl train \
    -m "$MMAR_ROOT" \
    -c config/config_train.json \
    -e config/environment.json \
    --write_train_stats \
    --set print_conf=True "$@"
