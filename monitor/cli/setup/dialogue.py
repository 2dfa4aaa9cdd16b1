"""The questions of `init`, in order. Each answer is tried at once, and the earlier ones are kept."""

import argparse
import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from monitor.app.channels import describe_channel
from monitor.cli import output
from monitor.cli.commands.notify import send_test
from monitor.cli.config_template import InitAnswers, parse_channel, parse_pairs
from monitor.cli.setup.key_questions import KeyQuestions
from monitor.cli.setup.prompts import SKIP, ask, confirm
from monitor.cli.setup.trials import build_trial, check_pairs
from monitor.config.model import Config
from monitor.config.secrets import parse_ref
from monitor.errors import MonitorError

UNTRIED = InitAnswers("main", "env:KEY", "env:SECRET", "", None, (), "")
"""Answers that stand in until the person has given their own."""


class SetupDialogue:
    """Asks a person for account, key, pairs and channels. An option that is given is asked only if it is wrong."""

    def __init__(self, args: argparse.Namespace, target: Path, environ: Mapping[str, str]) -> None:
        self._args = args
        self._target = target
        self._environ = environ
        self._answers = replace(UNTRIED, rest_url=args.rest_url or "")

    def ask_all(self) -> InitAnswers:
        """Return the answers; secrets that were typed are still in them. Raises UsageError when no answer comes."""
        self._build(self._answers)
        output.print_note("A key that may only read is enough to watch; actions take a second key, later, if ever.")
        output.print_note("A key or URL may be typed: it is not echoed, and goes into a file of mode 0600.")
        output.print_note("Or name its place: env:NAME, file:PATH, credential:NAME.")
        self._ask_account()
        keys = KeyQuestions(self._answers, self._target, self._environ)
        self._answers = keys.ask(self._args)
        self._ask_pairs(is_key_known=keys.is_accepted)
        self._ask_channels()
        return self._answers

    def _build(self, answers: InitAnswers) -> Config:
        return build_trial(answers, self._target, self._environ)

    def _ask_account(self) -> None:
        if self._args.account:
            self._use_account(self._args.account)
        else:
            ask("Name of the account", self._use_account, default="main")

    def _use_account(self, name: str) -> None:
        answers = replace(self._answers, account=name)
        self._build(answers)
        self._answers = answers

    def _ask_pairs(self, *, is_key_known: bool) -> None:
        use = partial(self._use_pairs, is_key_known=is_key_known)
        if self._args.isolated:
            try:
                use(self._args.isolated)
            except MonitorError as error:
                output.print_error(error, as_json=False)
            else:
                return
        ask("Isolated pairs, comma-separated, or all, or none", use, default="all")

    def _use_pairs(self, text: str, *, is_key_known: bool) -> None:
        answers = replace(self._answers, isolated=parse_pairs(text))
        config = self._build(answers)
        if answers.isolated and is_key_known:
            check_pairs(config, answers.isolated)
        self._answers = answers

    def _ask_channels(self) -> None:
        for text in self._args.channel:
            self._add_channel(*parse_channel(text))
        while True:
            taken = {name for name, _ in self._answers.channels}
            question = "One more channel, empty for no more" if taken else "Where to send alerts, empty for nowhere"
            url = ask(f"{question} (an Apprise URL)", str, hidden=True)
            if not url:
                return
            default = "phone" if "phone" not in taken else f"channel-{len(taken) + 1}"
            name = ask("Name of the channel", self._use_channel_name, default=default)
            self._add_channel(name, url)

    def _use_channel_name(self, name: str) -> str:
        """Return a name that can be one and is not taken."""
        self._build(self._with_channel(name, "env:URL"))
        return name

    def _add_channel(self, name: str, url: str) -> None:
        """Add a channel once its service took a message, or the person keeps it without one."""
        while True:
            answers = self._with_channel(name, url)
            if self._try_channel(answers, name, url):
                self._answers = answers
                return
            question = f"Another URL for {name}, empty for the same, {SKIP} to leave it out"
            url = ask(question, str, default=url, hidden=True)
            if url == SKIP:
                return

    def _try_channel(self, answers: InitAnswers, name: str, url: str) -> bool:
        try:
            config = self._build(answers)
            if parse_ref(url).kind == "credential" and "CREDENTIALS_DIRECTORY" not in self._environ:
                output.print_note(f"channel {name}: not tried, its credential is there only under systemd")
                return True
            output.print_note(f"channel {name}: {describe_channel(config, name)}")
        except MonitorError as error:
            output.print_error(error, as_json=False)
            return False
        if not confirm(f"Send a test message to {name} now?"):
            return True
        result = asyncio.run(send_test(config, name))
        if result["ok"]:
            output.print_note(f"channel {name}: the service took the message; see that it arrives")
        else:
            refused = MonitorError(result["answer"], where=f"channel {name}", mend="check its URL")
            output.print_error(refused, as_json=False)
        return result["ok"]

    def _with_channel(self, name: str, url: str) -> InitAnswers:
        return replace(self._answers, channels=(*self._answers.channels, (name, url)))
