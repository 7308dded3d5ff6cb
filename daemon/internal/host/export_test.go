package host

// TakenIn tells whether no report waits.
func TakenIn(c *Changes) bool { return !isReadable(c.group) }
