"""`call`: any function of the margin API by name; stdout is the exchange's answer, re-indented, nothing else."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from monitor.app.database import open_commands_if_any
from monitor.app.exchange import open_binance_account
from monitor.app.manual_orders import ManualOrders, ManualResult
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.clock import SystemClock
from monitor.config.model import Config
from monitor.core.model.order import Accepted, Outcome, Refused, Unknown
from monitor.core.numbers.amounts import format_decimal, parse_amount
from monitor.errors import (
    CommandRefused,
    ExchangeError,
    ExchangeRefused,
    ExchangeUnreachable,
    ExitCode,
    PayloadRejected,
    UsageError,
    suggest_nearest,
)
from monitor.exchange.binance.api.catalogue import ALIASES, FUNCTIONS, AnyEndpointFunction
from monitor.exchange.binance.api.endpoint_function import Parameter, ReadFunction, WriteFunction
from monitor.exchange.binance.api.order_mapping import order_from_request
from monitor.exchange.binance.signing import Parameters

EMPTY_ANSWER = "{}\n"
"""The output where the exchange answers nothing, or is not asked."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", metavar="FUNCTION", help="name of the function, such as get_margin_account")
    parser.add_argument(
        "given", metavar="key=value", nargs="*", help="parameters, by the exchange's names or in snake_case"
    )
    parser.add_argument("--account", metavar="NAME", help="default: the first")
    parser.add_argument("--yes", action="store_true", help="send requests that change something")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    function = _function(args.function)
    given = _request_parameters(function, args.given)
    if isinstance(function, WriteFunction) and not args.yes:
        raise UsageError(f"{function.name} changes the account: nothing was sent", mend="add --yes to do it")
    if isinstance(function, WriteFunction):
        _refuse_amounts(function, given)
    if function.is_local:
        output.print_note(f"{function.name}: {function.summary}")
        sys.stdout.write(EMPTY_ANSWER)
        return ExitCode.DONE
    config = config_option.read_config(args)
    account = _account(config, args.account)
    if isinstance(function, WriteFunction):
        if config.safety.pause_file and Path(config.safety.pause_file).exists():
            raise CommandRefused(f"actions are paused by {config.safety.pause_file}: nothing is sent")
        done = asyncio.run(_change(config, account, function, given))
        for note in done.notes:
            output.print_note(f"{function.name}: {note}")
        _raise_unless_accepted(function, done.outcome)
        body = b"" if done.answer is None else done.answer.body
    else:
        body = asyncio.run(_read(config, account, function, given))
    sys.stdout.write(_indent_json(function, body))
    return ExitCode.DONE


async def _read(config: Config, account: str, function: AnyEndpointFunction, given: Parameters) -> bytes:
    exchange = open_binance_account(config, account, SystemClock())
    try:
        if not isinstance(function, ReadFunction):
            raise TypeError(function.name)
        return (await exchange.call_function(function, given)).body
    finally:
        await exchange.aclose()


async def _change(config: Config, account: str, function: WriteFunction[..., Any], given: Parameters) -> ManualResult:
    store = open_commands_if_any(config)
    clock = SystemClock()
    exchange = open_binance_account(config, account, clock)
    try:
        # A write is never sent again: its timestamp has to be right the first time.
        await exchange.sync_clock()
        words = " ".join(f"{name}={value}" for name, value in function.request_params(given).items())
        output.print_note(f"{function.name} of account {account}: {words}")
        return await ManualOrders(account, exchange, store, clock, config.safety).carry_out(function, given)
    finally:
        await exchange.aclose()
        if store is not None:
            store.close()


def _function(name: str) -> AnyEndpointFunction:
    found = FUNCTIONS.get(ALIASES.get(name, name))
    if found is None:
        raise UsageError(f'unknown function "{name}"', mend=suggest_nearest(name, (*FUNCTIONS, *ALIASES)))
    return found


def _request_parameters(function: AnyEndpointFunction, words: Sequence[str]) -> Parameters:
    """The parameters by the exchange's names, in its spelling."""
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not value:
            raise UsageError(f'"{word}" is no key=value', mend="give it as key=value")
        parameter = function.find_parameter(key)
        if parameter is None:
            raise UsageError(f'{function.name} has no parameter "{key}"', mend=_find_parameter(function, key))
        if parameter.name in given:
            raise UsageError(f'"{key}" is given twice', mend="give it once")
        given[parameter.name] = exchange_spelling(function, parameter, value)
    for name, (implied, worth) in function.implied_params.items():
        if name in given and given.get(implied, worth) != worth:
            raise UsageError(
                f"{implied}={given[implied]} contradicts {name}={given[name]}",
                mend=f"{name} is of isolated margin alone",
            )
    missing = [wanted.name for wanted in function.parameters if wanted.is_required and wanted.name not in given]
    if missing:
        raise UsageError(f"{function.name} needs {', '.join(missing)}", mend="give each as key=value")
    return given


def _refuse_amounts(function: WriteFunction[..., Any], given: Parameters) -> None:
    try:
        order_from_request(function, function.request_params(given))
    except ValueError as error:
        raise UsageError(f"{function.name}: {error}", mend="nothing was sent") from error


def exchange_spelling(function: AnyEndpointFunction, parameter: Parameter, value: str) -> str:
    """The value as the exchange takes it: amounts as plain decimals, yes and no in its own spelling."""
    if parameter.is_amount:
        try:
            return format_decimal(parse_amount(value))
        except ValueError as error:
            what = f"{function.name}: {parameter.name}={value} is no amount"
            raise UsageError(what, mend="nothing was sent") from error
    if not parameter.bool_style:
        return value
    if value.upper() not in ("TRUE", "FALSE"):
        raise UsageError(f'{parameter.name} can\'t be "{value}"', mend="TRUE or FALSE")
    return value.upper() if parameter.bool_style == "TRUE" else value.lower()


def _find_parameter(function: AnyEndpointFunction, key: str) -> str:
    names = [parameter.name for parameter in function.parameters]
    if not names:
        return "it takes none"
    return f"{suggest_nearest(key, names)} it takes {', '.join(names)}"


def _account(config: Config, name: str | None) -> str:
    names = [account.name for account in config.accounts]
    if name is None:
        return names[0]
    if name not in names:
        raise UsageError(f'there is no account "{name}"', mend=suggest_nearest(name, names))
    return name


def _raise_unless_accepted(function: AnyEndpointFunction, outcome: Outcome) -> None:
    match outcome:
        case Accepted():
            return
        case Refused(0, reason):
            raise ExchangeUnreachable(f"{function.name}: {reason}")
        case Refused(code, reason):
            text = f"{function.name}: code {code}: {reason}"
            raise ExchangeRefused(text, venue_code=code, venue_message=reason)
        case Unknown(cause):
            raise ExchangeError(
                f"{function.name}: whether it was done is not known ({cause})",
                mend="look at the exchange before you order it again: it is not sent again by itself",
            )


def _indent_json(function: AnyEndpointFunction, body: bytes) -> str:
    """The answer, indented; every number keeps its digits."""
    if not body.strip():
        return EMPTY_ANSWER
    try:
        return msgspec.json.format(body, indent=2).decode() + "\n"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadRejected(f"{function.endpoint.name}: the answer is no JSON: {error}") from error
