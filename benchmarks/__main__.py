"""The benchmarks' command line."""

import argparse
import sys


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    from benchmarks import clouds, drain, expressions, lists, loops, pages, schedules

    clouds.add_arguments(commands.add_parser("clouds", help=clouds.__doc__))
    drain.add_arguments(commands.add_parser("drain", help=drain.__doc__))
    expressions.add_arguments(commands.add_parser("expressions", help=expressions.__doc__))
    lists.add_arguments(commands.add_parser("lists", help=lists.__doc__))
    loops.add_arguments(commands.add_parser("loops", help=loops.__doc__))
    pages.add_arguments(commands.add_parser("pages", help=pages.__doc__))
    schedules.add_arguments(commands.add_parser("schedules", help=schedules.__doc__))
    arguments = parser.parse_args()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
