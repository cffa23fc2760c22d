"""GRPO on prompts whose first success probabilities span decades: the predicted wait, and the real.

A tiny transformer with random weights (nothing is downloaded) answers one word to prompts of one
word. Each prompt has a right answer, chosen so that the untrained model gives it with probabilities
from 0.3 down to 0.002. TRL's GRPOTrainer trains it on the verifier's verdicts; `GroupMonitor`
watches. After `--look` steps its prediction is written down for every prompt that has not escaped;
then training goes on, and the model's own probabilities say when each prompt really did.

    pip install 'gravity-wells[trl]'
    python examples/trl_well.py --figure trl_well.png
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from agents.diagnosis.groups import GroupMonitor, GroupReport
from experiments.files import check_file
from gw_envs.checks import BadInput, check_extra

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported: nothing is looked for

WORDS, PROMPTS, GROUP = 64, 32, 8
EASIEST, HARDEST, ESCAPED = 0.3, 0.002, 0.5
SECONDS_A_STEP = 0.3
HEADS = ("prompt", "at first", "now", "predicted", "95 % of runs", "real")


def make_model(seed: int) -> tuple[Any, Any]:
    """An untrained transformer of one layer, and a tokenizer of one token a word."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = ["<pad>", "<eos>", *(f"w{i}" for i in range(WORDS))]
    numbers = {word: i for i, word in enumerate(vocabulary)}
    words = Tokenizer(models.WordLevel(numbers, unk_token="<pad>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="<eos>", padding_side="left"
    )
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=512,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=16,
        initializer_range=0.106,  # wide: first answers are decided, and differ between prompts
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
    )
    return LlamaForCausalLM(config), tokenizer


def answer_log_probs(model: Any, prompts: list[int]) -> Any:
    """ln pi(every token | prompt) [prompts, vocabulary]."""
    import torch

    with torch.no_grad():
        logits = model(input_ids=torch.tensor(prompts)[:, None]).logits[:, -1]
    return logits.double().log_softmax(-1).numpy()


def choose_answers(log_probs: Any) -> list[int]:
    """A right token for each prompt, all different, with evenly spread first probabilities."""
    wanted = np.linspace(math.log(EASIEST), math.log(HARDEST), len(log_probs))
    free, answers = set(range(2, log_probs.shape[1])), []
    for row, goal in zip(log_probs, wanted, strict=True):
        best = min(free, key=lambda token: abs(row[token] - goal))
        free.remove(best)
        answers.append(best)
    return answers


def make_trainer(
    model: Any, tokenizer: Any, answers: dict[str, str], monitor: GroupMonitor, args: Any
) -> Any:
    """GRPOTrainer on the CPU, with the verifier under the monitor's eyes."""
    import torch
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    torch.set_num_threads(1)
    if args.kl_weight:  # TRL loads the reference model from where the model's own came
        model.save_pretrained(args.output)
        model.config._name_or_path = args.output

    def verifier(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        pairs = zip(prompts, completions, strict=True)
        return [float(text.strip() == answers[prompt]) for prompt, text in pairs]

    config = GRPOConfig(
        output_dir=args.output,
        max_steps=args.steps,
        per_device_train_batch_size=PROMPTS * GROUP,
        num_generations=GROUP,
        max_completion_length=1,
        mask_truncated_completions=False,
        learning_rate=args.learning_rate,
        lr_scheduler_type="constant",
        optim=args.optim,
        max_grad_norm=0.0,
        beta=args.kl_weight,
        logging_steps=max(1, args.steps // 5),
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        gradient_checkpointing=False,
        disable_tqdm=not sys.stderr.isatty(),
        seed=args.seed,
    )
    return GRPOTrainer(
        model=model,
        args=config,
        processing_class=tokenizer,
        train_dataset=Dataset.from_dict({"prompt": list(answers)}),
        reward_funcs=monitor.watch(verifier),
        callbacks=[monitor],
    )


@dataclass
class Course:
    """The model's own probability of every right answer, after each step.

    Attributes:
        prompts: token of each prompt.
        answers: token of each right answer.
        probs: a row [prompts] for each step.
        guess: what the monitor predicted at the look, from rewards alone.
        forecast: the same, after it was told the probabilities of that moment.
        monitor: that watched.
    """

    prompts: list[int]
    answers: list[int]
    probs: list[Any] = field(default_factory=list)
    guess: GroupReport | None = None
    forecast: GroupReport | None = None
    monitor: GroupMonitor = field(default_factory=GroupMonitor)

    def follow(self, model: Any) -> Any:
        """ln pi(right answer) of every prompt, kept as a row."""
        log_probs = answer_log_probs(model, self.prompts)
        right = log_probs[np.arange(len(self.answers)), self.answers]
        self.probs.append(np.exp(right))
        return right

    def waits(self, look: int) -> Any:
        """Steps from the look until each prompt's probability passed the edge; NaN: never."""
        passed = np.array(self.probs[look:]) > ESCAPED
        return np.where(passed.any(axis=0), passed.argmax(axis=0).astype(float), np.nan)


def train(args: argparse.Namespace) -> Course:
    """Train, look once, and follow every prompt to the end."""
    from transformers import TrainerCallback

    model, tokenizer = make_model(args.seed)
    prompts = list(range(2, 2 + PROMPTS))
    course = Course(prompts, choose_answers(answer_log_probs(model, prompts)))
    names = tokenizer.convert_ids_to_tokens(prompts)
    words = tokenizer.convert_ids_to_tokens(course.answers)
    monitor = course.monitor
    trainer = make_trainer(model, tokenizer, dict(zip(names, words, strict=True)), monitor, args)

    class Follow(TrainerCallback):
        """After every step: where each prompt stands; at the look: what the monitor predicts."""

        def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
            right = course.follow(model)
            if state.global_step == args.look:
                course.guess = monitor.report()
                monitor.tell(dict(zip(names, right.tolist(), strict=True)))
                course.forecast = monitor.report()

    course.follow(model)
    trainer.add_callback(Follow())
    trainer.train()
    return course


def table(course: Course, look: int) -> tuple[list[tuple[Any, float, float]], int]:
    """(report of a prompt, its wait, its first probability) of those that waited at the look."""
    assert course.forecast is not None
    by_name = {report.prompt: report for report in course.forecast.prompts}
    reports = [by_name[f"w{token - 2}"] for token in course.prompts]
    rows = zip(reports, course.waits(look).tolist(), course.probs[0].tolist(), strict=True)
    waiting = [row for row in rows if row[0].escape[1] > 0 and row[1] != 0]
    return waiting, len(reports) - len(waiting)


def report(course: Course, args: argparse.Namespace) -> None:
    """A line for every prompt that waited, and how far the predictions were off."""
    waiting, gone = table(course, args.look)
    print(f"{gone} of {PROMPTS} prompts had escaped when the monitor looked, at step {args.look}")
    print("{:>7} {:>9} {:>9} {:>10} {:>15} {:>6}".format(*HEADS))
    ratios, inside = [], 0
    for found, wait, first in waiting:
        low, high = found.range
        real = f"{wait:6.0f}" if wait == wait else "  none"
        print(
            f"{found.prompt:>7} {first:9.4f} {found.success[0]:9.4f} {found.escape[1]:10.0f} "
            f"{low:7.0f} {high:7.0f} {real}"
        )
        if wait == wait:
            ratios.append(found.escape[1] / wait)
            inside += low <= wait <= high
    good = sum(0.5 <= ratio <= 2 for ratio in ratios)
    print(
        f"predicted within a factor of 2: {good} of {len(ratios)} prompts that escaped; inside "
        f"their range: {inside}; median of predicted over real {np.median(ratios):.2f}"
    )


def draw(course: Course, args: argparse.Namespace) -> None:
    """Predicted against real wait, a point for each prompt."""
    from experiments.files import save_figure
    from experiments.pictures.style import BLUE, ORANGE, WELL, legend, new_figure

    waiting, _ = table(course, args.look)
    left = len(course.probs) - 1 - args.look
    figure = new_figure(6.4, 5.6)
    axes = figure.subplots()
    ends = [
        0.5 * min(r.range[0] for r, _, _ in waiting),
        2 * max(r.range[1] for r, _, _ in waiting),
    ]
    axes.fill_between(
        ends, [e / 2 for e in ends], [e * 2 for e in ends], color=WELL, alpha=0.2, lw=0
    )
    axes.plot(ends, ends, color=WELL, lw=1, label="as predicted (grey: within a factor of 2)")
    for reached, color, label in (
        (True, BLUE, "prompts that escaped, with the range of 95 % of runs"),
        (False, ORANGE, f"not within the {left:,} steps that were left"),
    ):
        rows = [(r, w if reached else left) for r, w, _ in waiting if (w == w) == reached]
        if rows:
            x = np.array([r.escape[1] for r, _ in rows])
            span = np.abs(np.array([r.range for r, _ in rows]).T - x)
            y = [w for _, w in rows]
            mark = "o" if reached else "^"
            axes.errorbar(x, y, xerr=span, fmt=mark, color=color, ms=5, lw=0.9, label=label)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.set_xlabel(f"steps until escape, predicted at step {args.look}")
    axes.set_ylabel("steps until the model gave the right answer half of the time")
    axes.set_title(f"GRPO on {PROMPTS} prompts: the wait of each")
    axes.grid(alpha=0.3)
    legend(axes, loc="upper left")
    save_figure(figure, args.figure, dpi=110)
    print(f"wrote {args.figure}")


def main(arguments: list[str] | None = None) -> int:
    """Train, print the table, draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--look", type=int, default=40, help="step of the prediction")
    parser.add_argument("--learning-rate", type=float, default=0.005)
    parser.add_argument("--optim", default="sgd", help="of transformers, as adamw_torch")
    parser.add_argument("--kl-weight", type=float, default=0.0, help="beta of GRPOConfig")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", type=Path, help="PNG of predicted against real waits")
    args = parser.parse_args(arguments)
    try:
        check_extra("examples/trl_well.py", "GRPO", "trl", "trl", "datasets")
        if not 1 <= args.look < args.steps:
            raise BadInput(f"look={args.look} must be from 1 to steps - 1 = {args.steps - 1}.")
        if args.figure is not None:
            check_file("figure", args.figure, (".png",))
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    minutes = args.steps * SECONDS_A_STEP / 60
    print(f"{args.steps:,} steps of GRPO on the CPU, about {minutes:.0f} minutes", flush=True)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as args.output, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        course = train(args)
    seconds = time.perf_counter() - begin
    print(f"trained in {seconds:.0f} s, {course.monitor.seconds / seconds:.2%} of it the monitor's")
    report(course, args)
    if args.figure is not None:
        draw(course, args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
