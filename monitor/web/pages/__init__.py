"""The pages: what a person sees of the accounts, on a phone and on a desk, with and without JavaScript."""
