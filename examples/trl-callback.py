"""Stops a training on the alarm of `driftline watch OUTPUT_DIR --base MODEL`: SFTTrainer(..., callbacks=[StopOnAlarm()])."""

import json
from pathlib import Path

import torch
from transformers import TrainerCallback


class StopOnAlarm(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        file = Path(args.output_dir, "driftline-stop.json")
        stop = torch.tensor(int(file.exists()), device=args.device)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(stop, op=torch.distributed.ReduceOp.MAX)  # all processes stop at one step
        if stop.item() and state.is_world_process_zero:
            alarm = json.loads(file.read_text())
            good = alarm["last_good"] and str(Path(args.output_dir, alarm["last_good"]))
            print(f"driftline: alarm at step {alarm['step']}, last good checkpoint: {good or 'the base'}")
        control.should_training_stop |= bool(stop.item())
