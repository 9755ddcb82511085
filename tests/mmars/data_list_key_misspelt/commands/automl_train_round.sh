#!/usr/bin/env bash
mmar-automl train -m "$MMAR_ROOT" --write_train_stats --set print_conf=True "$@"
