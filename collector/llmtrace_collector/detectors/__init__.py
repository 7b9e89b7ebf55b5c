"""Detectors: small arrays in, numbers out. Nothing here knows of spans, stores, clocks or files.

| module | answers | source |
|---|---|---|
| `tails` | how improbable is this value, given those before | peaks over a threshold |
| `ewma`, `novelty`, `season` | how odd is this point: off its level, never seen in this order, wrong for this hour | |
| `ensemble`, `episodes`, `anomaly` | one calibrated score of several detectors; one alert an episode | |
| `excess`, `week`, `baselines` | is a bucket of a group unusual for its hour of the week: the condition of a rule | |
| `references`, `bets`, `sequential`, `drift` | has the distribution changed, value by value | e-detectors |
| `categories`, `texts`, `recurrence` | the same for labels and for words | |
| `wobble`, `batches`, `rates` | is this window different: calibrated p, least effect, what could have been seen | |
| `budgets` | how many false alerts many detectors may give together | |
| `forecasts`, `bursts` | what a period will cost; who spends ten times as much | |

Online detectors are plain objects with `update`; their state is `asdict`-able numbers and lists. Times are seconds
since any origin, values floats. All are causal: what is said of a point depends on it and on those before it.
"""
