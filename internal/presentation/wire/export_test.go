package wire

// Scan is what Read does to a message before it takes it apart.
func Scan(data []byte) error { return scan(data, ofMessage, nil) }
