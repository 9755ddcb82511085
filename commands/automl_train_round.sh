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

# exec, so that the search's signals reach the training itself.
exec "${MMAR_AUTOML_PYTHON:-python3}" -u -m mmar_automl train \
    -m "$MMAR_ROOT" \
    -c config/config_train.json \
    -e config/environment.json \
    --write_train_stats \
    --set print_conf=True "$@"
