#!/usr/bin/env bash
# --set epochs=1 stood here
python3 train.py \
    --set print_conf=True \
    "learning_rate=0.1" "$@"
