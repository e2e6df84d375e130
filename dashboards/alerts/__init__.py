"""Alert rules, contact points and templates as Grafana provisions them, made of the catalogue of rules."""
