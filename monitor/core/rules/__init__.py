"""The rule language: lexer, units, parser, compiler, rules and their index."""
