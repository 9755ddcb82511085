#!/usr/bin/env bash
# Train this MMAR on two GPUs.
#   train_2gpu.sh [KEY=VALUE ...]
set -eu

exec bash "$(dirname "${BASH_SOURCE[0]}")/train_multi_gpu.sh" 2 "$@"
