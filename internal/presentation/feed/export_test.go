package feed

// Size is how many are open.
func (o *Open) Size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.streams)
}

// Kept is how many streams and bytes are kept.
func (k *Recordings) Kept() (streams, bytes int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.kept), k.bytes
}
