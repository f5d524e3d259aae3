"""Other products' HTTP interfaces to the one store of runs: wire shapes, sign-in and errors, no rule of the engine."""
