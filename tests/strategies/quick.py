"""Options under which a slow strategy keeps its contract in seconds: smaller models, rarer fits, the same code."""

QUICK: dict[str, dict[str, object]] = {
    "auto": {"options": {"gp": {"candidates": 50, "refit_every": 10}}},
    "gp": {"candidates": 50, "refit_every": 10},
    "ehvi": {"candidates": 20, "refit_every": 20, "draws": 8},
    "parego": {"candidates": 40, "refit_every": 15},
    "gp_wl": {"candidates": 30, "refit_every": 20, "depth": 1},
    "lstm_controller": {"hidden": 8, "batch_size": 20},
    "multi_greedy": {"neighbours": 20},
    "local_search": {"neighbours": 20},
    "greedy": {"neighbours": 20},
    "nao": {"startup": 30, "refit_every": 15, "hidden": 8, "epochs": 2},
    "bananas": {"startup": 30, "refit_every": 15, "candidates": 20, "members": 2, "layers": 2, "width": 8, "epochs": 2},
    "map_elites": {"niches": {"cvt": {"count": 4, "samples": 100}}},
    "cvt_map_elites": {"count": 4, "samples": 100},
    "bop_elites": {"niches": {"cvt": {"count": 4, "samples": 100}}, "candidates": 30, "refit_every": 20},
    "qd_hb": {"niches": {"cvt": {"count": 4, "samples": 100}}},
    "scenarios": {"candidates": 30, "refit_every": 20},
    "bop_elites_hb": {"niches": {"cvt": {"count": 4, "samples": 100}}, "candidates": 30, "refit_every": 20},
}
