"""What executors of Autopack call: their bodies become legal events, and the answers have their shapes."""
