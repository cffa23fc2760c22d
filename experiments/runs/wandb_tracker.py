"""Weights & Biases as a tracker: files that it can send later, or a server while the run goes on.

Training never waits for it long: whether a server answers is tried for seconds before the run
begins, and one that does not is left out, with a sentence; the files for `wandb sync` are written
all the same.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import json
import netrc
import os
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.metrics import AXES, ESCAPE_COLUMNS, ESCAPE_TABLE, FIGURE, GLOBAL_STEP, UPDATE
from experiments.runs.tracker import FLUSH_SECONDS, Tracker, TrackerFactory, first_line, say
from gw_envs.checks import BadInput

if TYPE_CHECKING:
    from experiments.options.config import RunConfig
    from experiments.options.run import RunOptions

ANSWER_SECONDS = 3.0  # in which a server answers, or is taken for unreachable
START_SECONDS = 10.0  # for opening a run on a server that did answer
FINISH_SECONDS = 20.0  # for what is still to be sent when a run ends; the rest stays for `sync`
KEY_LENGTH = 40


class WandbTracker(Tracker):
    """One Weights & Biases run.

    Args:
        mode: "offline" or "online".
        folder: where W&B makes its `wandb/` folder.
        project: its project.
        group: the experiment's name.
        name: the run's name.
        config: the whole configuration.
        run_id: its id; None: W&B draws one.

    Raises:
        Exception: whatever W&B raises where the run cannot be opened.
    """

    def __init__(
        self,
        mode: str,
        folder: Path,
        *,
        project: str,
        group: str,
        name: str,
        config: Mapping[str, Any],
        run_id: str | None = None,
    ) -> None:
        wandb = _wandb()
        settings = wandb.Settings(
            x_transaction_log_flush_interval=FLUSH_SECONDS,
            x_disable_stats=True,
            disable_git=True,
            x_save_requirements=False,
            console="off",
            silent=True,
            init_timeout=START_SECONDS,
            finish_timeout=FINISH_SECONDS,
            finish_timeout_raises=True,
        )
        self._run: Any = wandb.init(
            mode=mode,
            dir=folder,
            project=project,
            group=group,
            name=name,
            id=run_id,
            config=dict(config),
            settings=settings,
            reinit="create_new",
        )
        _end_quietly()

    def define(self) -> None:
        """Declare `update` as the axis of every family of keys."""
        self._run.define_metric(UPDATE)
        self._run.define_metric(GLOBAL_STEP)
        for keys, axis in AXES.items():
            self._run.define_metric(keys, step_metric=axis)

    def log(self, row: Mapping[str, Any]) -> None:
        """Log the row as one history record."""
        self._run.log(dict(row))

    def finish(
        self,
        summary: Mapping[str, Any],
        escapes: Sequence[Mapping[str, Any]] = (),
        figure: Path | None = None,
        exit_code: int = 0,
    ) -> None:
        """Log the event table and the picture once, write the summary, close the run."""
        wandb = _wandb()
        closing: dict[str, Any] = {}
        if escapes:
            data = [[event[column] for column in ESCAPE_COLUMNS] for event in escapes]
            closing[ESCAPE_TABLE] = wandb.Table(columns=list(ESCAPE_COLUMNS), data=data)
        if figure is not None:
            closing[FIGURE] = wandb.Image(str(figure))
        if closing:
            self._run.log(closing)
        self._run.summary.update(dict(summary))
        self._run.finish(exit_code=exit_code)


def wandb_factory(config: RunConfig, folder: Path, names: Sequence[str]) -> TrackerFactory:
    """W&B runs under `folder`: one per name, each with an id of its own.

    Where no server takes an online run, it and those after it are offline, and that is said.
    """
    mode: str = config.run.track
    if mode == "online":
        fault = server_fault()
        mode = mode if fault is None else _offline(fault, folder)
    ids = run_ids(os.environ.get("WANDB_RUN_ID"), names)

    def make(name: str, settings: Mapping[str, Any]) -> Tracker:
        nonlocal mode
        rest: dict[str, Any] = {
            "project": config.run.wandb_project,
            "group": config.exp_name,
            "name": name,
            "config": settings,
            "run_id": ids.get(name),
        }
        if mode == "online":
            try:
                return WandbTracker(mode, folder, **rest)
            except Exception as error:  # of many kinds, and none is a reason not to train
                mode = _offline(first_line(error), folder)
        return WandbTracker(mode, folder, **rest)

    return make


def run_ids(given: str | None, names: Sequence[str]) -> dict[str, str]:
    """Ids of W&B runs from the environment's WANDB_RUN_ID: it, or of several runs one each.

    Args:
        given: what the environment says; None: no run has an id of its own.
        names: of the runs, "EXPERIMENT-GRADIENT-SEED".
    """
    if not given:
        return {}
    if len(names) == 1:
        return {names[0]: given}
    ids = {name: "-".join([given, *name.rsplit("-", 2)[1:]]) for name in names}
    first, last = ids[names[0]], ids[names[-1]]
    say(f"WANDB_RUN_ID={given} is for one run; these {len(names)} are {first} ... {last}.")
    return ids


def check_wandb(options: RunOptions) -> None:
    """Refuse what W&B would refuse once the run has begun.

    Raises:
        ValueError: naming the variable of the environment or the option.
    """
    wandb = _wandb()
    for name, value in os.environ.items():
        if name.startswith("WANDB_"):
            try:
                wandb.Settings().update_from_env_vars({name: value})
            except Exception as error:  # W&B's own or pydantic's
                shown = "" if "KEY" in name else f"={value!r}"
                raise BadInput(f"{name}{shown} is refused by W&B: {_reason(error)}") from None
    try:
        wandb.Settings(project=options.wandb_project)
    except Exception as error:
        name, value = "wandb_project", options.wandb_project
        raise BadInput(f"{name}={value!r} is refused by W&B: {_reason(error)}") from None
    if options.track == "online":
        _check_key(api_key())


def _check_key(key: str | None) -> None:
    """Refuse a key that is none."""
    instead = "use track='offline' and `wandb sync` later."
    if not key:
        raise BadInput(
            "track='online' needs a Weights & Biases key: set WANDB_API_KEY, or " + instead
        )
    if len(key) < KEY_LENGTH:
        raise BadInput(
            f"WANDB_API_KEY has {len(key)} characters, a key has {KEY_LENGTH} or more: correct it, "
            "or " + instead
        )


def _reason(error: Exception) -> str:
    """W&B's reason, or pydantic's, as the end of a sentence."""
    errors = getattr(error, "errors", None)
    reason = errors()[0]["msg"] if callable(errors) else first_line(error)
    return f"{reason.rstrip('.')}."


def has_key() -> bool:
    """Whether this machine knows a W&B key."""
    return bool(api_key())


def api_key() -> str | None:
    """The W&B key of the environment, or that of the server in the user's netrc file."""
    key = os.environ.get("WANDB_API_KEY")
    host = urllib.parse.urlsplit(_base_url()).hostname
    files = [os.environ.get("NETRC"), Path.home() / ".netrc", Path.home() / "_netrc"]
    for file in files if host and not key else ():
        try:
            known = netrc.netrc(file).authenticators(str(host)) if file else None
        except (OSError, netrc.NetrcParseError):
            continue
        key = known[2] if known else key
    return key


def _base_url() -> str:
    """Of the server, as the environment or W&B's own settings say."""
    return str(_wandb().setup().settings.base_url)


def server_fault() -> str | None:
    """Why the W&B server cannot be used; None where it answers in `ANSWER_SECONDS`."""
    url, key = _base_url(), api_key() or ""
    faults: list[str | None] = []
    # In a thread: looking a name up has no time limit of its own.
    asking = threading.Thread(target=lambda: faults.append(_ask(url, key)), daemon=True)
    asking.start()
    asking.join(ANSWER_SECONDS)
    return faults[0] if faults else f"{url} does not answer within {ANSWER_SECONDS:g} s"


def _ask(url: str, key: str) -> str | None:
    """Ask the server who the key belongs to; what is wrong, if anything is."""
    question = json.dumps({"query": "query Viewer { viewer { id } }"}).encode()
    token = base64.b64encode(f"api:{key}".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {token}"}
    request = urllib.request.Request(f"{url.rstrip('/')}/graphql", question, headers)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            data = json.load(answer)
        known = data["data"]["viewer"] is not None
    except urllib.error.HTTPError as error:
        known = error.code not in (401, 403)
        if known:
            return f"{url} answers {error.code} {error.reason}"
    except (OSError, ValueError, LookupError, TypeError) as error:
        return f"{url} cannot be used: {getattr(error, 'reason', error)}"
    return None if known else f"{url} does not know the key"


def _offline(fault: str, folder: Path) -> str:
    """Say why a run is offline; the mode."""
    sync = f"`wandb sync {folder / 'wandb'}/offline-run-*`"
    say(f"{fault}. This run is tracked offline; {sync} sends it later.")
    return "offline"


@cache
def _end_quietly() -> None:
    """Let a service of W&B's that died in mid-run, which was said then, end without a traceback."""

    def end() -> None:
        with contextlib.suppress(Exception):
            _wandb().teardown()

    atexit.register(end)  # after W&B has put its own there, so it is called before


def _wandb() -> Any:
    """The package, which takes our package `agents` for another SDK and would advertise Weave."""
    os.environ.setdefault("WANDB_DISABLE_WEAVE", "true")
    import wandb

    return wandb
