"""A stand-in for a training program: behaves as the first-level keys of its config say.

`behaviour`: succeed, crash, oom, real_oom, kill, killed_once, kill_child, hang, ignore_sigterm,
grandchild, flood, disk_full, checkpoint, curve, torn, silent, nan, text.
`score` is the score; `seconds` how long it takes; `curve` takes as long for each of `epochs`.
`leak` has it name the patients' data in its log.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time

root = sys.argv[1]
with open(os.path.join(root, "config", "config_train.json"), encoding="utf-8") as file:
    config = json.load(file)
behaviour = config.get("behaviour", "succeed")
print(f"stand-in: {behaviour}, arguments {sys.argv[2:]}", flush=True)
with open(os.path.join(root, "seen.json"), "w", encoding="utf-8") as file:
    names = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MMAR_ROOT")
    environment = {name: os.environ.get(name) for name in names}
    json.dump({"arguments": sys.argv[2:], **environment, "time": time.time()}, file)


def write(text):
    with open(os.path.join(root, "models", "train_stats.json"), "w", encoding="utf-8") as file:
        file.write(text)


def spawn_sleeper():
    code = "import time; time.sleep(600)"
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", code], start_new_session=True)


if behaviour == "ignore_sigterm":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
if behaviour in ("hang", "ignore_sigterm"):
    subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
    time.sleep(600)
if behaviour == "grandchild":
    spawn_sleeper()
if behaviour == "curve":
    # As a real training: a line at each validation, and a checkpoint when it is told to end.
    checkpoint = os.path.join(root, "models", "epoch")
    progress = os.path.join(root, "models", "progress.jsonl")
    done = 0
    if os.environ.get("MMAR_RESUME") and os.path.exists(checkpoint):
        with open(checkpoint, encoding="utf-8") as file:
            done = int(file.read())
    epochs = config["epochs"]

    def save(*_):
        with open(checkpoint, "w", encoding="utf-8") as file:
            file.write(str(done))

    def end(*_):
        save()
        os._exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    for epoch in range(done + 1, epochs + 1):
        time.sleep(config.get("seconds", 0))
        value = config["score"] * epoch / epochs
        print(f"epoch {epoch}", flush=True)
        with open(progress, "a", encoding="utf-8") as file:
            file.write(json.dumps({"epoch": epoch, "metric": value}) + "\n")
        stats = {"best_validation_metric": value, "best_validation_epoch": epoch, "metric": "dice"}
        write(json.dumps(stats))
        done = epoch
    sys.exit(0)
if config.get("leak"):
    # As trainings do: every file by its name, and what stood in its header.
    with open(os.path.join(root, "config", "environment.json"), encoding="utf-8") as file:
        listed = json.load(file)["DATASET_JSON"]
    with open(listed, encoding="utf-8") as file:
        entries = json.load(file)["training"]
    for entry in entries:
        path = os.path.join(os.path.dirname(listed), entry["image"])
        print(f"loading {path!r}: {entry}", flush=True)
        print("wrote", os.path.basename(path).split(".")[0] + "_seg.nii.gz", flush=True)
    print("PatientName: CANARYNAME^EVE, series 1.2.840.99999.77.1234567", flush=True)
time.sleep(config.get("seconds", 0))
if behaviour == "crash":
    for line in range(200):
        print(f"line {line}")
    sys.exit("RuntimeError: the stand-in was told to crash")
if behaviour == "oom":
    sys.exit("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB")
if behaviour == "killed_once" and not os.environ.get("MMAR_RESUME"):
    os.kill(os.getpid(), signal.SIGKILL)
if behaviour == "real_oom":
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    held = [bytearray(1 << 28) for _ in range(64)]
if behaviour == "flood":
    for _ in range(300):
        sys.stderr.buffer.write(b"\xff" * 1_000_000)
    sys.exit(1)
if behaviour == "disk_full":
    sys.exit("OSError: [Errno 28] No space left on device: 'models/model.pt'")
if behaviour == "checkpoint":
    # Goes on from its checkpoint; dies once in its second epoch.
    checkpoint = os.path.join(root, "models", "epoch")
    done = 0
    if os.environ.get("MMAR_RESUME") and os.path.exists(checkpoint):
        with open(checkpoint, encoding="utf-8") as file:
            done = int(file.read())
    for epoch in range(done + 1, 5):
        print(f"epoch {epoch}", flush=True)
        with open(checkpoint, "w", encoding="utf-8") as file:
            file.write(str(epoch))
        if epoch == 2 and not os.environ.get("MMAR_RESUME"):
            os.kill(os.getpid(), signal.SIGKILL)
if behaviour == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if behaviour == "kill_child":
    child = spawn_sleeper()
    child.kill()
    sys.exit(128 + signal.SIGKILL if child.wait() == -signal.SIGKILL else 1)
if behaviour == "torn":
    write('{"best_validation_metric": 0.')
elif behaviour == "nan":
    write('{"best_validation_metric": NaN}')
elif behaviour == "text":
    write('{"best_validation_metric": "0.99"}')
elif behaviour != "silent":
    score = config.get("score", 0.5)
    epochs = 3
    with open(os.path.join(root, "models", "progress.jsonl"), "w", encoding="utf-8") as file:
        for epoch in range(1, epochs + 1):
            line = {"epoch": epoch, "metric": score * epoch / epochs, "seconds": epoch * 0.1}
            file.write(json.dumps(line) + "\n")
    stats = {"best_validation_metric": score, "best_validation_epoch": epochs, "metric": "dice"}
    if "direction" in config:
        stats["direction"] = config["direction"]
    write(json.dumps(stats))
