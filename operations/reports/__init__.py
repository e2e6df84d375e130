"""Reports for finance and management: a month, a week, and every row behind them."""
