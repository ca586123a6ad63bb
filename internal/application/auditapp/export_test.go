package auditapp

// Remembered is how many principals, and addresses of keys, the watch remembers.
func (w *Watch) Remembered() int {
	n := len(w.paces.of)
	for _, addresses := range w.places.of {
		n += len(addresses)
	}
	return n
}
